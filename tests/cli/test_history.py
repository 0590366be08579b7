"""``scan --history``: what is read of another scan, what is said, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from n3hyper.cli.history import read_history
from n3hyper.errors import N3HyperError, StoreInputError
from n3hyper.runcard.yaml_file import yaml_text
from n3hyper.scanning.request import ScanRequest
from tests.support.runcard_samples import DATASETS, good_card

SETUP = {
    "nodes_per_layer": [20.0, "12", 8],
    "activation_per_layer": ["tanh", "tanh", "linear"],
    "initializer": "glorot_normal",
    "optimizer": {"optimizer_name": "Nadam", "learning_rate": 1e-3, "clipnorm": 1e-4},
    "epochs": 400,
    "stopping_patience": 0.2,
    "layer_type": "dense",
    "dropout": 0.1,
}


def card(**kfold: Any) -> dict[str, Any]:
    """The good card, which scans numbers of epochs."""
    made = good_card()
    made["hyperscan_config"] = {"stopping": {"min_epochs": 300, "max_epochs": 500}}
    made["parameters"].update(nodes_per_layer=[20, 12, 8], dropout=0.1, stopping_patience=0.2)
    made["parameters"]["activation_per_layer"] = ["tanh", "tanh", "linear"]
    made["parameters"].update(initializer="glorot_normal", layer_type="dense")
    made["parameters"]["optimizer"] = SETUP["optimizer"]
    made["kfold"].update(
        {"fold_statistic": "average", "penalties_in_loss": False, "threshold": 50.0, **kfold}
    )
    return made


def record(tid: int, **changes: Any) -> dict[str, Any]:
    """A trial as n3fit writes it: two folds of two replicas, arrays as text."""
    chi2 = 1.0 + 0.1 * tid
    meta = {
        "hyper_losses": f"[[{chi2} {chi2 + 1}]\n [{chi2 + 2} {chi2 + 3}]]",
        "validation_losses": "[[1.25 1.75]\n [2.  3. ]]",
        "trvl_losses_chi2exp": "[1.2 1.3]",
    }
    result = {"status": "ok", "loss": 99.0, "kfold_meta": meta}
    misc = {"tid": tid, "vals": {}, "idxs": {}, "space_vals": {**SETUP, **changes}}
    return {"tid": tid, "state": 2, "misc": misc, "result": result}


def request(folder: Path, runcard: dict[str, Any]) -> ScanRequest:
    path = folder / "card.yml"
    path.write_text(yaml_text(runcard))
    return ScanRequest(path, folder / "new", max_evals=1)


def scan_of_n3fit(folder: Path, records: list[Any], runcard: dict[str, Any] | None) -> Path:
    replica = folder / "old" / "nnfit" / "replica_1"
    replica.mkdir(parents=True)
    (replica / "tries.json").write_text(json.dumps(records))
    if runcard is not None:
        (folder / "old" / "filter.yml").write_text(yaml_text(runcard))
    return folder / "old"


@pytest.mark.parametrize(("loss_type", "loss"), [("chi2", 3.25), ("n3fit41", 8.25)])
def test_losses_of_n3fit_are_made_again_by_the_loss_of_the_scan(
    tmp_path: Path, loss_type: str, loss: float
) -> None:
    """Of two folds, with weights 2 and 1: 1.5 and 3.5; n3fit41 is the same and 100 x 0.05."""
    old = scan_of_n3fit(tmp_path, [record(0, epochs=450)], card())
    asked = request(tmp_path, card(loss_type=loss_type, reduce_proportion=0.85))
    notes: list[str] = []
    history = read_history(old, asked, notes.append)
    ((point),) = history.points
    assert point["vals"] == {"epochs": 450.0}
    assert point["loss"] == pytest.approx(loss)
    assert notes[0] == "history: 1 trials of old"
    assert "same data, theory and folds; not checked" in notes[1]
    assert history.described.endswith(notes[1].removeprefix("history: "))


def test_what_differs_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    other = card()
    other["theory"] = {"theoryid": 1}
    other["kfold"]["partitions"] = [{"datasets": [DATASETS[1]]}, {"datasets": [DATASETS[0]]}]
    failed = {**record(3, epochs=320), "result": {"status": "fail", "loss": 1.0}}
    records = [record(0, epochs=450), record(1, epochs=900), record(2, dropout=0.3), failed]
    old = scan_of_n3fit(tmp_path, records, other)
    notes: list[str] = []
    history = read_history(
        old / "nnfit/replica_1/tries.json", request(tmp_path, card()), notes.append
    )
    assert [point["loss"] for point in history.points] == [pytest.approx(3.25), None]
    assert notes[0].startswith("history: 2 trials of old, 1 of them failed; 2 are no points")
    assert "epochs" in notes[0]
    assert "dropout" in notes[0]
    assert notes[1].startswith("history: differs: theory, folds; not checked")


def test_trials_without_their_runcard_are_taken_with_a_warning(tmp_path: Path) -> None:
    old = scan_of_n3fit(tmp_path, [record(0)], None)
    notes: list[str] = []
    read_history(old, request(tmp_path, card()), notes.append)
    assert "no runcard beside its trials" in notes[1]


def test_history_of_another_space_is_refused(tmp_path: Path) -> None:
    old = scan_of_n3fit(tmp_path, [record(0, epochs=900)], card())
    with pytest.raises(StoreInputError, match=r"none of 1 trials is a point .* are epochs$"):
        read_history(old, request(tmp_path, card()), print)


def test_history_that_cannot_be_scored_is_refused(tmp_path: Path) -> None:
    old = scan_of_n3fit(tmp_path, [record(0)], card())
    with pytest.raises(N3HyperError, match="not in the record"):
        read_history(old, request(tmp_path, card(loss_type="logp")), print)
    future = card(fold_statistic="fit_distance")
    with pytest.raises(StoreInputError, match="takes no --history"):
        read_history(old, request(tmp_path, future), print)
