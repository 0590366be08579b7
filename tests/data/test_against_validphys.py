"""Tests of the program `tests.against_validphys`: its parts, and all of it where nnpdf exists."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from n3hyper.theory.folders import SHIPPED, TheoryFolder
from tests.against_validphys import (
    Input,
    Row,
    _distance,
    _relative,
    batches,
    inputs_of,
    missing,
    table,
    verdict,
)

PYTHON = os.environ.get("N3HYPER_VALIDPHYS_PYTHON", "")
GOOD = {"cuts": 0.0, "exp": 1e-12, "t0 cov": 0.0, "t0": 1e-9, "predictions": 1e-9, "masks": 0.0}


def test_sets_of_a_theory_are_compared_in_all_their_forms() -> None:
    inputs, constraints = inputs_of(TheoryFolder(1650, SHIPPED / "theory_1650"))
    assert Input("HERA_NC_318GEV_EP-SIGMARED", "legacy") in inputs
    assert Input("SLAC_NC_NOTFIXED_P_EM-F2", "legacy_dw") in inputs
    assert "NNPDF_POS_2P24GEV_F2U" in constraints
    fits = batches(inputs)
    assert sum(len(fit) for fit in fits) == len(inputs)
    for fit in fits:
        assert len({entry.dataset for entry in fit}) == len(fit)


def test_deviations_are_relative_to_the_uncertainties() -> None:
    theirs = np.array([[4.0, 1.0], [1.0, 9.0]])
    ours = theirs + np.array([[0.0, 6e-7], [6e-7, 0.0]])
    assert _distance(ours, theirs, slice(0, 1)) == pytest.approx(1e-7)
    assert _relative(np.array([1.0, 2.2]), np.array([1.0, 2.0])) == pytest.approx(0.1)
    assert _relative(np.zeros(2), np.zeros(2)) == 0.0
    assert np.isnan(_relative(np.array([np.nan, 1.0]), np.ones(2)))


def test_verdict_names_what_deviates() -> None:
    rows = [Row("A", 3, dict(GOOD)), Row("B legacy", 4, {"cuts": 0.0, "predictions": 1e-7})]
    assert verdict(rows)[0] == 0
    assert "| B legacy | 4 | 0 |  |  |  | 1.0e-07 |  |  |" in table(rows)
    for key, value in (("exp", 2e-10), ("t0", np.nan), ("masks", 1.0)):
        status, line = verdict([*rows, Row("C", 5, {**GOOD, key: value})])
        assert (status, line) == (1, f"1 of 3 rows beyond the limits: C: {key}")


def test_missing_programs_are_named(tmp_path: Path) -> None:
    theory, python = tmp_path / "theory_1", Path(sys.executable)
    assert "fastkernel" in missing(python, theory, tmp_path, "set")
    (theory / "fastkernel").mkdir(parents=True)
    assert "no PDF set" in missing(python, theory, tmp_path, "set")
    (tmp_path / "set").mkdir()
    assert "no none (--python)" in missing(Path("none"), theory, tmp_path, "set")


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="needs N3HYPER_VALIDPHYS_PYTHON, a Python with nnpdf")
def test_all_sets_agree_with_validphys(shared_theory: Path, shared_lhapdf: Path) -> None:
    command = [sys.executable, "-m", "tests.against_validphys", "--python", PYTHON]
    command += ["--theory", str(shared_theory), "--lhapdf", str(shared_lhapdf)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rows within the limits" in done.stdout
