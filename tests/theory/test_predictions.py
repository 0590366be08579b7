"""Tests of predictions against validphys (stored numbers; see reference/README.md)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.data.commondata import load_commondata
from n3hyper.data.cuts import kept_points
from n3hyper.theory.build_stack import build_stack
from n3hyper.theory.folders import SHIPPED, TheoryFolder
from n3hyper.theory.pdf_predictions import t0_predictions
from n3hyper.theory.recipe import ObservableSource
from n3hyper.theory.stack import TheoryStack

REFERENCE = Path(__file__).parent / "reference"


def load_reference(theory: str) -> dict[str, Any]:
    return json.loads((REFERENCE / f"{theory}.json").read_text())


def read_stack(folder: TheoryFolder, reference: dict[str, Any]) -> tuple[TheoryStack, float]:
    """Return all sets of the reference, with this package's own cuts."""
    card, sources = folder.card(), []
    for entry in reference["sets"]:
        data = load_commondata(entry["name"], entry["variant"])
        scheme = {"fns": card.fns, "intrinsic_charm": card.intrinsic_charm}
        points = kept_points(data, 3.49, 12.5, card.pto, **scheme)
        assert points.tolist() == entry["points"], entry["name"]
        sources.append(ObservableSource(entry["name"], data.theory, points, tuple(entry["cfac"])))
    return build_stack(sources, folder)


def reference_pdf(reference: dict[str, Any], xgrid: np.ndarray) -> np.ndarray:
    """Return validphys' x f on the nodes of `xgrid`."""
    nodes = np.array(reference["xgrid"])
    index = np.abs(np.log(nodes) - np.log(xgrid)[:, np.newaxis]).argmin(axis=1)
    assert np.allclose(nodes[index], xgrid, rtol=1e-9)
    return np.array(reference["xf"])[index]


def check(folder: TheoryFolder, reference: dict[str, Any]) -> TheoryStack:
    """Compare all predictions; tables that have changed since then need new numbers."""
    for name in folder.tables():
        file = folder.table_path(name)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert reference["tables"].get(file.name) == digest, (
            f"the numbers are of another {file.name}: run {REFERENCE / 'make_reference.py'}"
        )
    stack, q0 = read_stack(folder, reference)
    assert q0 == pytest.approx(reference["q0"], rel=1e-9)
    predictions = stack.predict(reference_pdf(reference, stack.xgrid))
    for entry, observable in zip(reference["sets"], stack.observables, strict=True):
        difference = predictions[observable.slice] / np.array(entry["predictions"]) - 1
        assert np.abs(difference).max() < 1e-8, entry["name"]
    return stack


@pytest.fixture(scope="module")
def nnlo(shared_theory: Path) -> tuple[TheoryFolder, dict[str, Any]]:
    return TheoryFolder(40000000, shared_theory), load_reference("theory_40000000")


def test_predictions_of_the_nnlo_theory_are_those_of_validphys(
    nnlo: tuple[TheoryFolder, dict[str, Any]],
) -> None:
    stack = check(*nnlo)
    operations = {observable.operation for observable in stack.observables}
    assert {"NULL", "RATIO", "ASY"} <= operations
    assert stack.dis is not None
    assert stack.dis.flavours.tolist() == [1, 2, 3, 4, 5, 6, 9, 10, 11]
    assert len(stack.hadronic) >= 3


def test_t0_predictions_are_those_of_validphys(
    nnlo: tuple[TheoryFolder, dict[str, Any]],
    shared_lhapdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LHAPDF_DATA_PATH", str(shared_lhapdf))
    folder, reference = nnlo
    stack, q0 = read_stack(folder, reference)
    t0 = t0_predictions(stack, q0, reference["pdf"], stack.npredictions)
    expected = np.concatenate([entry["predictions"] for entry in reference["sets"]])
    assert np.allclose(t0, expected, rtol=1e-8, atol=0)


def test_predictions_of_the_shipped_theory_are_those_of_validphys() -> None:
    check(TheoryFolder(1650, SHIPPED / "theory_1650"), load_reference("theory_1650"))
