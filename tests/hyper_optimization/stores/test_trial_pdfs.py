"""PDFs of the best trials: which are kept, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.record import read_tries
from n3hyper.hyper_optimization.stores.packed import SINGLE, pack_array
from n3hyper.hyper_optimization.stores.trial_pdfs import PDFS, BestPDFs, read_pdfs, with_pdfs
from n3hyper.physics.xgrid import export_xgrid
from tests.support.toy_scans import toy_scan


def result(loss: float | None, value: float = 1.0) -> dict[str, Any]:
    pdf = np.full((2, 3, 196, 14), value)
    return {"status": "ok", "loss": loss, PDFS: pack_array(pdf, SINGLE)}


def test_the_best_are_kept(tmp_path: Path) -> None:
    best = BestPDFs(tmp_path, keep=2)
    for tid, loss in enumerate([3.0, 1.0, 2.0, 5.0, 1.0, None]):
        taken = result(loss, float(tid))
        best.take(tid, taken)
        assert PDFS not in taken
    # of two alike the earlier is the better
    assert best.losses() == {1: 1.0, 4: 1.0}
    pdfs = read_pdfs(tmp_path / "pdfs" / "trial_4.npz")
    assert (pdfs.pdf == 4.0).all()
    assert (pdfs.xgrid == export_xgrid()).all()
    before = (tmp_path / "pdfs" / "trial_4.npz").read_bytes()
    best.take(4, result(1.0, 4.0))
    assert (tmp_path / "pdfs" / "trial_4.npz").read_bytes() == before


def test_none_are_kept(tmp_path: Path) -> None:
    BestPDFs(tmp_path, keep=0).take(0, result(1.0))
    assert not list(tmp_path.iterdir())


def test_what_is_no_array_is_no_pdf(tmp_path: Path) -> None:
    BestPDFs(tmp_path, keep=2).take(0, {"status": "ok", "loss": 1.0, PDFS: {"shape": "x"}})
    assert not list(tmp_path.iterdir())
    path = tmp_path / "trial_1.npz"
    path.write_bytes(b"no")
    with pytest.raises(StoreError, match=r"trial_1\.npz: not the PDFs"):
        read_pdfs(path)


def test_results_carry_pdfs_of_what_succeeded() -> None:
    class Model:
        def select(self, replicas: range) -> Model:
            assert len(replicas) == 128
            return self

        def evaluate(self, x: Any) -> Any:
            return np.ones((128, x.size, 14))

    class Fit:
        replicas, folds, models = 200, 2, (Model(), Model())

    scored = with_pdfs(lambda fit: {"status": "ok", "loss": 1.0})(Fit())  # type: ignore[arg-type]
    assert scored[PDFS]["shape"] == [2, 128, 196, 14]
    failed = with_pdfs(lambda fit: {"status": "fail"})(Fit())  # type: ignore[arg-type]
    assert PDFS not in failed


def test_a_scan_keeps_them_beside_its_trials(tmp_path: Path) -> None:
    """What is taken is not in the trials, which are those of a scan without."""
    taken: dict[int, Any] = {}
    toy_scan(tmp_path / "with", 6, take=lambda tid, found: taken.update({tid: found["loss"]}))
    records = read_tries(tmp_path / "with" / "tries.json")
    assert taken == {record["tid"]: record["result"]["loss"] for record in records}
