"""Tests of a runcard's rules against validphys, for a set of every process; and of wrong rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.data.commondata import load_commondata
from n3hyper.data.cuts import kept_points
from n3hyper.data.filter_rules import check_rules, evaluate, passing
from n3hyper.errors import RuncardError
from n3hyper.runcard import Runcard, parse_runcard
from n3hyper.runcard.expressions import parse_expression
from n3hyper.theory.folders import TheoryCard
from tests.support.runcard_samples import good_card

REFERENCE = json.loads((Path(__file__).parent / "reference" / "rules.json").read_text())
IN_FITS = ("HERA", "NNPDF")
CHARM = "HERA_NC_318GEV_EAVG_CHARM-SIGMARED"
NNLO = TheoryCard(40000000, pto=2, q0=1.65)


def runcard_with(rules: list[dict[str, Any]], **datacuts: Any) -> Runcard:
    card = good_card()
    card["datacuts"] |= {"added_filter_rules": rules, **datacuts}
    return parse_runcard(card)


def sets(*, in_fits: bool) -> list[str]:
    names = dict.fromkeys(entry["dataset"] for entry in REFERENCE["sets"])
    return [name for name in names if name.startswith(IN_FITS) == in_fits]


def compare(name: str) -> None:
    entries = [entry for entry in REFERENCE["sets"] if entry["dataset"] == name]
    rules = next(entry["rules"] for entry in entries if "rules" in entry)
    data = load_commondata(name, entries[0]["variant"])
    for entry in entries:
        theory = REFERENCE["theories"][entry["theory"]]
        card = TheoryCard(
            1, theory["PTO"], q0=1.65, fns=theory["FNS"], intrinsic_charm=theory["IC"]
        )
        for applied, kept in zip([*([rule] for rule in rules), rules], entry["kept"], strict=True):
            runcard = runcard_with(applied, **REFERENCE["defaults"])
            expected = [point for first, end in kept for point in range(first, end)]
            assert np.flatnonzero(passing(data, runcard, card)).tolist() == expected, applied


@pytest.mark.parametrize("name", sets(in_fits=True))
def test_points_of_dis_and_positivity_are_those_of_validphys(name: str) -> None:
    compare(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sets(in_fits=False))
def test_points_of_all_other_processes_are_those_of_validphys(name: str) -> None:
    compare(name)


def test_rules_by_an_earlier_name_apply() -> None:
    data = load_commondata("HERA_NC_318GEV_EM-SIGMARED", "legacy")
    runcard = runcard_with([{"dataset": data.legacy_names[0], "rule": "idat >= 100"}])
    assert passing(data, runcard, NNLO).sum() == data.ndata - 100


def test_rules_replace_nnpdfs_own() -> None:
    data = load_commondata(CHARM, "legacy")
    card = good_card()
    card["filter_rules"] = [{"process_type": "DIS_NC_CHARM", "rule": "Q2 > 8"}]
    card["drop_internal_rules"] = ["CMS_Z0_13TEV_AFB"]
    kept = passing(data, parse_runcard(card), NNLO)
    assert np.array_equal(kept, data.kinematic("Q2") > 8)
    card["filter_rules"][0]["dataset"] = CHARM
    card["drop_internal_rules"] = [CHARM]
    assert passing(data, parse_runcard(card), NNLO).all()


def test_dropped_rules_and_largest_tau() -> None:
    data = load_commondata("DYE605_Z0_38P8GEV_DW_PXSEC", "legacy")
    kept = kept_points(data, 3.49, 12.5, 2)
    assert 0 < len(kept) < data.ndata
    assert len(kept_points(data, 3.49, 12.5, 2, dropped=[data.name])) == data.ndata
    assert len(kept_points(data, 3.49, 12.5, 2, max_tau=0.05)) < len(kept)


@pytest.mark.parametrize(
    ("rule", "place", "value", "hint"),
    [
        ({"process_type": "DIS_NC_CHARM", "rule": "Q3 > 8"}, "rule", "Q3 > 8", "one of: Q2, "),
        (
            {"dataset": CHARM, "rule": "a > 0", "local_variables": {"b": 1, "a": "c + b"}},
            "local_variables.a",
            "c + b",
            "one of: Q2, b, central_value, idat, ",
        ),
    ],
    ids=["rule", "variable"],
)
def test_an_unknown_variable_is_an_error(
    rule: dict[str, Any], place: str, value: str, hint: str
) -> None:
    data = load_commondata(CHARM, "legacy")
    with pytest.raises(RuncardError) as error:
        passing(data, runcard_with([rule]), NNLO)
    assert str(error.value).startswith(f"datacuts.added_filter_rules[0].{place}: dataset {CHARM}")
    assert repr(value) in str(error.value)
    assert hint in str(error.value)


@pytest.mark.parametrize(
    ("rule", "place", "hint"),
    [
        ({"process_type": "DIS_NCC", "rule": "x > 0"}, "process_type", "'DIS_NC"),
        ({"dataset": "HERACOMBNCEMM", "rule": "x > 0"}, "dataset", "'HERACOMBNCEM'"),
    ],
    ids=["process", "dataset"],
)
def test_unknown_sets_and_processes_are_errors(rule: dict[str, Any], place: str, hint: str) -> None:
    with pytest.raises(RuncardError) as error:
        check_rules(runcard_with([rule]), [])
    assert str(error.value).startswith(f"datacuts.added_filter_rules[0].{place}: unknown name")
    assert hint in str(error.value)


def test_an_unknown_dropped_name_is_an_error() -> None:
    with pytest.raises(RuncardError, match=r"datacuts\.drop_internal_rules\[0\]: unknown name"):
        check_rules(runcard_with([], drop_internal_rules=["CMS_Z0_13TEV"]), [])


_NAMES = st.sampled_from(["x", "y", "2", "0.5", "-3"])
_EXPRESSIONS = st.recursive(
    _NAMES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "<", "<=", ">", ">=", "==", "!="]), inner),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner),
        st.tuples(st.just("not"), inner),
        st.tuples(inner, st.just("if"), inner, st.just("else"), inner),
        st.tuples(inner, st.sampled_from(["in", "not in"]), st.just("(1, 2)")),
        st.tuples(st.just("fabs"), inner),
    ).map(lambda parts: f"({' '.join(_bracketed(parts))})"),
    max_leaves=12,
)


def _bracketed(parts: tuple[str, ...]) -> list[str]:
    return ["fabs", f"({parts[1]})"] if parts[0] == "fabs" else list(parts)


@given(_EXPRESSIONS, st.lists(st.floats(-4, 4), min_size=1, max_size=4))
def test_expressions_mean_what_they_mean_in_python(text: str, xs: list[float]) -> None:
    """Compare all points at once with Python's own evaluation point by point."""
    x = np.array(xs)
    values = {"x": x, "y": x**2}
    found = np.broadcast_to(evaluate(parse_expression(text), values), x.shape)
    plain = {"__builtins__": {}, "fabs": abs}
    expected = [eval(text, plain, {"x": float(a), "y": float(a) ** 2}) for a in x]
    np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-12)


def test_points_where_a_rule_is_not_a_number_are_cut() -> None:
    x = np.array([-1.0, 0.0, 4.0])
    assert evaluate(parse_expression("sqrt(x) >= 0"), {"x": x}).tolist() == [0.0, 1.0, 1.0]
    assert evaluate(parse_expression("1 / x < 1e9"), {"x": x}).tolist() == [1.0, 0.0, 1.0]
    assert evaluate(parse_expression("9 ** 9 ** 9 > x"), {"x": x}).tolist() == [1.0] * 3
