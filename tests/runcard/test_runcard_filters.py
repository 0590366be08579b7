"""Cut rules in a runcard: read, and refused in one line that names the place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.errors import RuncardError
from n3hyper.runcard import parse_runcard
from n3hyper.runcard.expressions import parse_expression
from n3hyper.runcard.model import FilterRule, OrderRange
from tests.support.runcard_samples import good_card

RULE = {"process_type": "DIS_ALL", "rule": "Q2 > 4"}


def card_with(where: str = "datacuts", **keys: Any) -> dict[str, Any]:
    card = good_card()
    (card if where == "top" else card[where]).update(keys)
    return card


def test_a_rule_with_every_key_is_read() -> None:
    rule = {
        "dataset": "NMC_NC_NOTFIXED_P_EM-SIGMARED",
        "process_type": "DIS_NC",
        "rule": "w2 > low",
        "reason": "why not",
        "local_variables": {"low": 3, "w2": "Q2 * (1 - x) / x"},
        "PTO": "NNLO+",
        "FNS": "FONLL-C",
        "IC": True,
    }
    for where in ("datacuts", "top"):
        cuts = parse_runcard(card_with(where, filter_rules=[rule])).datacuts
        assert cuts.filter_rules == (
            FilterRule(
                rule="w2 > low",
                dataset="NMC_NC_NOTFIXED_P_EM-SIGMARED",
                process_type="DIS_NC",
                local_variables=(("low", "3.0"), ("w2", "Q2 * (1 - x) / x")),
                orders=OrderRange(2, "+"),
                fns="FONLL-C",
                intrinsic_charm=True,
            ),
        )


@pytest.mark.parametrize(
    ("text", "orders"),
    [("LO", {0}), ("NLO!", {0, 2, 3}), ("n2lo-", {0, 1}), ("NNNLO", {3}), ("N3LO+", {3})],
)
def test_spellings_of_perturbative_orders(text: str, orders: set[int]) -> None:
    cuts = parse_runcard(card_with(added_filter_rules=[{**RULE, "PTO": text}])).datacuts
    wanted = cuts.added_filter_rules[0].orders
    assert wanted is not None
    assert {order for order in range(4) if order in wanted} == orders


def test_bounds_stand_beside_or_below_datacuts() -> None:
    card = card_with(filter_defaults={"q2min": 3.49, "maxTau": 0.1})
    assert parse_runcard(card).datacuts.max_tau == 0.1
    assert parse_runcard(card).datacuts.q2min == 3.49
    card = card_with("top", filter_defaults={"w2min": 5})
    with pytest.raises(RuncardError, match=r"filter_defaults\.w2min: given twice: 5; datacuts"):
        parse_runcard(card)
    del card["datacuts"]["w2min"]
    assert parse_runcard(card).datacuts.w2min == 5


@pytest.mark.parametrize(
    ("rule", "place", "problem"),
    [
        ("Q2 > 4", "", "expected a mapping"),
        ({"rule": "Q2 > 4"}, ".dataset", "missing; name the data set or the process_type"),
        ({"process_type": "DIS_ALL"}, ".rule", "missing; the condition"),
        ({**RULE, "rul": 1}, ".rul", "did you mean 'rule'?"),
        ({**RULE, "rule": True}, ".rule", "expected text"),
        ({**RULE, "rule": "Q2 >"}, ".rule", "not a rule: 'Q2 >'; not an expression"),
        ({**RULE, "rule": "exit()"}, ".rule", "no function 'exit'; there are sqrt, log, fabs"),
        ({**RULE, "rule": "Q2.real > 1"}, ".rule", "Q2.real is not part of the language"),
        ({**RULE, "PTO": "NNNLL"}, ".PTO", "not a perturbative order: 'NNNLL'; write NLO"),
        ({**RULE, "FNS": "FONLL"}, ".FNS", "did you mean 'FONLL-"),
        ({**RULE, "IC": 2}, ".IC", "expected true or false"),
        ({**RULE, "reason": []}, ".reason", "expected text"),
        ({**RULE, "local_variables": ["a"]}, ".local_variables", "expected a mapping"),
        ({**RULE, "local_variables": {"a b": 1}}, ".local_variables.'a b'", "not a name"),
        ({**RULE, "local_variables": {"log": 1}}, ".local_variables.log", "not a name"),
        ({**RULE, "local_variables": {"a": "1 +"}}, ".local_variables.a", "not a rule: '1 +'"),
        ({**RULE, "local_variables": {"a": True}}, ".local_variables.a", "expected a number"),
    ],
)
def test_mistakes_in_rules_are_named(rule: Any, place: str, problem: str) -> None:
    with pytest.raises(RuncardError) as error:
        parse_runcard(card_with("top", added_filter_rules=[RULE, rule]))
    assert str(error.value).startswith(f"added_filter_rules[1]{place}: ")
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_keys_and_rules_that_are_there_twice() -> None:
    with pytest.raises(RuncardError, match=r"added_filter_rules\[1\]: listed twice"):
        parse_runcard(card_with("top", added_filter_rules=[RULE, dict(RULE)]))
    card = card_with(filter_rules=[RULE], filter_defaults=None)
    card["filter_rules"] = [RULE]
    with pytest.raises(RuncardError, match=r"given twice: .*; it stands at datacuts\.filter_rules"):
        parse_runcard(card)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 1001,
        "(" * 400 + "x" + ")" * 400,
        "-" * 900 + "x",
        "x\0",
        "'a' < x",
        "x if y",
        "[1, 2]",
        "x in y",
        "x in (1, (2, 3))",
        "sqrt",
        "sqrt(x, y)",
        "sqrt(*x)",
        "sqrt(x=1)",
        "sqrt.__class__",
        "x[0]",
        "lambda: 1",
        "[a for a in (1, 2)]",
        "(x := 1)",
        "f'{x}'",
        "x is 1",
        "x | 1",
        "x @ y",
        "~x",
        "None",
        "1j",
        "1e999",
        "1" * 900,
        "__import__('os').system('true')",
    ],
)
def test_texts_that_are_no_expressions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        parse_expression(text)


_PIECES = ["x", "1", ".5", "1e", "0x", "or", " and ", "not ", "if", "else", " in ", "(", ")", ","]
_PIECES += [*"+-*/%<>=!&|~[]{}'\"\\#:@;\n\t\0 é", "sqrt(", "lambda ", "**", "==", "'" * 3]


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        names = parse_expression(text).names
    except ValueError:
        return
    assert all(name.isidentifier() for name in names)
