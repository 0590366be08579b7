"""Tests of kept points against validphys, for every set that NNPDF's rules cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.data.commondata import load_commondata
from n3hyper.data.cuts import DATASET_CUTS, kept_points
from n3hyper.errors import DataError
from tests.support.reference_cases import ReferenceCase

REFERENCE = json.loads((Path(__file__).parent / "reference" / "cuts.json").read_text())
IN_FITS = ("NMC", "SLAC", "BCDMS", "HERA", "NUTEV", "DYE605", "CMS_WPWM")


def sets(*, in_fits: bool) -> list[dict[str, Any]]:
    return [entry for entry in REFERENCE["sets"] if entry["dataset"].startswith(IN_FITS) == in_fits]


def compare(entry: dict[str, Any]) -> None:
    cd = load_commondata(entry["dataset"], entry["variant"])
    for label, setting in REFERENCE["settings"].items():
        expected = [i for first, end in entry["kept"][label] for i in range(first, end)]
        kept = kept_points(
            cd,
            setting["q2min"],
            setting["w2min"],
            setting["PTO"],
            fns=setting["FNS"],
            intrinsic_charm=setting["IC"],
        )
        assert kept.tolist() == expected, label


@pytest.mark.parametrize("entry", sets(in_fits=True), ids=lambda entry: entry["dataset"])
def test_points_of_fixed_target_and_hera_sets_are_those_of_validphys(entry: dict[str, Any]) -> None:
    compare(entry)


@pytest.mark.slow
@pytest.mark.parametrize("entry", sets(in_fits=False), ids=lambda entry: entry["dataset"])
def test_points_of_all_other_sets_with_cuts_are_those_of_validphys(entry: dict[str, Any]) -> None:
    compare(entry)


def test_every_cut_has_a_reference() -> None:
    assert {rule.dataset for rule in DATASET_CUTS} <= {s["dataset"] for s in REFERENCE["sets"]}


@pytest.mark.parametrize("name", ["fit_case", "other_case"])
def test_points_of_a_fit_are_those_of_validphys(name: str, request: pytest.FixtureRequest) -> None:
    case: ReferenceCase = request.getfixturevalue(name)
    kept = np.concatenate([cd.points for cd in case.datasets])
    np.testing.assert_array_equal(kept, case.numbers["kept"])


def test_bounds_are_exclusive() -> None:
    cd = load_commondata("HERA_CC_318GEV_EM-SIGMARED", "legacy")
    lowest = cd.kinematic("Q2").min()
    assert cd.kinematic("Q2")[kept_points(cd, lowest, 0.0, 1)].min() > lowest
    assert len(kept_points(cd, lowest - 1e-9, 0.0, 1)) == cd.ndata


def test_sets_without_rules_are_whole() -> None:
    asymmetry = load_commondata("CMS_WPWM_7TEV_ELECTRON_ASY")
    assert kept_points(asymmetry, 1e9, 1e9, 2).tolist() == list(range(11))


def test_positivity_sets_are_never_cut() -> None:
    positivity = load_commondata("NNPDF_POS_2P24GEV_F2U")
    assert len(kept_points(positivity, 1e9, 1e9, 2)) == 20


def test_missing_kinematics_are_an_error_of_the_data() -> None:
    from dataclasses import replace

    cd = load_commondata("HERA_CC_318GEV_EM-SIGMARED", "legacy")
    with pytest.raises(DataError, match="no Q2 to cut on"):
        kept_points(replace(cd, kinematic_names=("x", "y", "z")), 1.0, 1.0, 1)
