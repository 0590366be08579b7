"""Tests of what a runcard takes from another scan: setups of its trials, or its ranges."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from n3hyper.errors import RuncardError
from n3hyper.runcard import Runcard
from n3hyper.runcard.yaml_file import yaml_text
from n3hyper.scanning.other_scans import with_tries
from n3hyper.scanning.request import ScanRequest
from tests.support.runcard_samples import good_card

LOSSES = [0.5, 3.0, None, 1.0, 2.0, 1.5]
"""Of the trials of the other scan; the third one failed."""


def _record(tid: int, loss: float | None) -> dict[str, Any]:
    values = {
        "nodes_per_layer": [10 + tid, 8],
        "activation_per_layer": "sigmoid",
        "initializer": "glorot_uniform",
        "layer_type": "dense",
        "dropout": 0.0,
        "optimizer": {"optimizer_name": "Adam", "learning_rate": 0.01, "clipnorm": 1e-5},
        "epochs": 1000 + tid,
        "stopping_patience": 0.3,
        "positivity": {"initial": 50.0 + tid},
        "threshold_chi2": 7.0,
    }
    result = {"status": "fail"} if loss is None else {"status": "ok", "loss": loss}
    return {"tid": tid, "state": 2, "result": result, "misc": {"space_vals": values}}


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return the folder of a scan as n3fit leaves it."""
    tries = tmp_path / "before" / "nnfit" / "replica_1" / "tries.json"
    tries.parent.mkdir(parents=True)
    tries.write_text(json.dumps([_record(tid, loss) for tid, loss in enumerate(LOSSES)]))
    (tmp_path / "before" / "filter.yml").write_text(yaml_text(good_card()))
    return tmp_path / "before"


def _complete(folder: Path, card: dict[str, Any]) -> Runcard:
    path = folder / "card.yml"
    path.write_text(yaml_text(card))
    request = with_tries(ScanRequest(path, folder / "out", 1))
    assert request.runcard == path
    return request.load()


def _with_specs(**specs: Any) -> dict[str, Any]:
    card = good_card()
    del card["hyperscan_config"]
    card["parameters"] = {
        "positivity": {"initial": 184.8, "threshold": 1e-5},
        "threshold_chi2": 3.5,
        "stopping_delta": 0.1,
    }
    all_specs = {"hyperscan": "before", "thermalization": 1, "number_of_trials": 3, **specs}
    card["trial_specs"] = all_specs
    return card


def test_the_best_trials_after_the_first_ones_are_taken(scan: Path) -> None:
    runcard = _complete(scan.parent, _with_specs())
    setups = runcard.hyperscan["parameters"]
    assert [setup["epochs"] for setup in setups] == [1003, 1005, 1004]
    first = setups[0]
    assert first["nodes_per_layer"] == [13, 8]
    assert first["activation_per_layer"] == ["sigmoid", "linear"]
    assert first["optimizer"] == {
        "optimizer_name": "Adam",
        "learning_rate": 0.01,
        "clipnorm": 1e-5,
    }
    # the trial's first multiplier; all else of this runcard
    assert first["positivity"] == {"initial": 53.0, "multiplier": None, "threshold": 1e-5}
    assert (first["threshold_chi2"], first["stopping_delta"]) == (3.5, 0.1)
    assert runcard.parameters == first
    assert "trial_specs" not in runcard.raw


def test_overrides_replace_parameters_of_the_trials(scan: Path) -> None:
    override = {
        "epochs": 77,
        "initial": 9.0,
        "optimizer": "Nadam",
        "clipnorm": 0.5,
        "activation_per_layer": "tanh",
    }
    setups = _complete(scan.parent, _with_specs(override=override)).hyperscan["parameters"]
    assert [setup["epochs"] for setup in setups] == [77] * 3
    assert [setup["nodes_per_layer"][0] for setup in setups] == [13, 15, 14]
    for setup in setups:
        assert setup["positivity"]["initial"] == 9.0
        assert setup["activation_per_layer"] == ["tanh", "linear"]
        assert setup["optimizer"] == {
            "optimizer_name": "Nadam",
            "learning_rate": 0.01,
            "clipnorm": 0.5,
        }


def test_fewer_trials_than_asked_for_give_a_warning(
    scan: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runcard = _complete(scan.parent, _with_specs(number_of_trials=10))
    assert len(runcard.hyperscan["parameters"]) == 4
    assert "only 4 of 10 trials of before succeeded" in caplog.text


def test_old_parameters_below_fitting_are_replaced(scan: Path) -> None:
    card = _with_specs()
    card["fitting"]["parameters"] = card.pop("parameters")
    assert _complete(scan.parent, card).parameters["epochs"] == 1003


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ({"hyperscan": "nowhere"}, "trial_specs.hyperscan: no scan there: 'nowhere'"),
        ({"thermalization": 6}, "no trial of that scan succeeded after the first 6"),
        ({"override": {"epochs": 0}}, r"card.yml: trial_specs.override.epochs: out of range: 0"),
    ],
)
def test_specs_that_cannot_be_met_are_refused(
    scan: Path, specs: dict[str, Any], message: str
) -> None:
    with pytest.raises(RuncardError, match=message):
        _complete(scan.parent, _with_specs(**specs))


def test_ranges_that_do_not_go_with_the_runcard_are_said_by_its_own_key(scan: Path) -> None:
    """Refuse such ranges, and accept what the error advises."""
    card = good_card()
    old = copy.deepcopy(card)
    del old["hyperscan_config"]["architecture"]["activations"]
    old["hyperscan_config"]["architecture"]["n_layers"] = [3]
    (scan / "filter.yml").write_text(yaml_text(old))
    card["hyperscan_config"] = {"from_hyperscan": "before"}
    with pytest.raises(RuncardError) as raised:
        _complete(scan.parent, card)
    line = str(raised.value)
    assert line.startswith(
        f"{scan.parent / 'card.yml'}: hyperscan_config.from_hyperscan: architecture.n_layers[0] "
        f"of {scan / 'filter.yml'}: "
    )
    assert "add hyperscan_config.architecture.activations: [tanh]" in line
    card["hyperscan_config"]["architecture"] = {"activations": ["tanh"]}
    completed = _complete(scan.parent, card).hyperscan
    assert completed["architecture"]["activations"] == ["tanh"]
    assert completed["architecture"]["n_layers"] == [3]
    assert completed["stopping"] == old["hyperscan_config"]["stopping"]
    # what stands beside is the user's own
    card["hyperscan_config"]["architecture"]["activations"] = ["tahn"]
    with pytest.raises(RuncardError, match=r"architecture.activations\[0\]: .*did you mean 'tanh'"):
        _complete(scan.parent, card)


def test_trials_that_do_not_go_with_the_runcard_are_said_by_its_own_key(scan: Path) -> None:
    card = good_card()
    card["hyperscan"] = {"use_tries_from": "before", "kfold": card.pop("kfold")}
    del card["hyperscan_config"]
    card["fitting"]["basis"].pop()
    card["parameters"]["nodes_per_layer"][-1] = 7
    with pytest.raises(RuncardError) as raised:
        _complete(scan.parent, card)
    line = str(raised.value)
    assert line.startswith(f"{scan.parent / 'card.yml'}: hyperscan.use_tries_from: parameters[0].")
    assert str(scan / "nnfit" / "replica_1" / "tries.json") in line


def test_a_scan_that_has_its_ranges_from_another_one(scan: Path) -> None:
    card = good_card()
    card["hyperscan_config"] = {"from_hyperscan": "after"}
    (scan.parent / "after").mkdir()
    after = {**good_card(), "hyperscan_config": {"from_hyperscan": "before"}}
    (scan.parent / "after" / "filter.yml").write_text(yaml_text(after))
    with pytest.raises(RuncardError, match="write from_hyperscan with the folder of that scan"):
        _complete(scan.parent, card)
    card["hyperscan_config"] = {"from_hyperscan": "before"}
    assert _complete(scan.parent, card).hyperscan["stopping"]["max_epochs"] == 500


def test_ranges_of_another_scan_are_taken(scan: Path) -> None:
    card = copy.deepcopy(good_card())
    card["hyperscan_config"] = {"from_hyperscan": "before"}
    runcard = _complete(scan.parent, card)
    assert runcard.raw["hyperscan_config"] == good_card()["hyperscan_config"]
    # of old, with the folds below the ranges
    old = good_card()
    old["hyperscan"] = {**old.pop("hyperscan_config"), "kfold": old.pop("kfold")}
    (scan / "filter.yml").write_text(yaml_text(old))
    assert _complete(scan.parent, card).hyperscan == runcard.hyperscan
    (scan / "filter.yml").write_text("dataset_inputs: []\n")
    with pytest.raises(RuncardError, match="from_hyperscan: no ranges in"):
        _complete(scan.parent, card)
    (scan / "filter.yml").unlink()
    with pytest.raises(RuncardError, match=r"no scan there: 'before'; name .*filter.yml"):
        _complete(scan.parent, card)
