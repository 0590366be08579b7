"""Right runcards: what is read from them, and what is not lost on the way."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from n3hyper.errors import RuncardError
from n3hyper.runcard import (
    DataCuts,
    DatasetInput,
    Flavour,
    LagrangeSet,
    Partition,
    Seeds,
    load_runcard,
    parse_runcard,
    require_scan,
)
from tests.support.runcard_samples import DATASETS, FLAVOURS, good_card
from tests.support.waiting import HANGS

ROOT = Path(__file__).parents[2]
RUNCARDS = sorted((ROOT / "runcards").glob("*.yml"))
BASELINE = ROOT.parent / "shared" / "baseline"


def test_every_part_is_read() -> None:
    runcard = parse_runcard(good_card(), "card.yml")
    assert runcard.source == Path("card.yml")
    assert runcard.description == "three data sets, two folds"
    assert runcard.dataset_inputs == (
        DatasetInput(DATASETS[0], frac=0.75, variant="legacy"),
        DatasetInput(DATASETS[1], frac=0.5, cfac=("NRM",), weight=2.0),
        DatasetInput(DATASETS[2], custom_group="mine"),
    )
    assert runcard.datacuts == DataCuts(3.49, 12.5, use_t0=True, t0pdfset="toy_t0")
    assert runcard.theory.theoryid == 1650
    assert runcard.seeds == Seeds(1, 2, 3, genrep=True, same_trvl_per_replica=True)
    assert runcard.sum_rules == "MSR"
    assert runcard.fitting.fitbasis == "NN31IC"
    assert tuple(flavour.fl for flavour in runcard.fitting.basis) == FLAVOURS
    assert runcard.fitting.basis[0] == Flavour("sng", (0.5, 1.2), (1.5, 3.0), trainable=False)
    assert runcard.positivity == (LagrangeSet("NNPDF_POS_2P24GEV_F2U", 1e6),)
    assert runcard.integrability == (LagrangeSet("NNPDF_INTEG_3GEV_XT3", 100.0),)
    kfold = require_scan(runcard)
    assert kfold.partitions == (
        Partition((DATASETS[0],), weight=2.0),
        Partition((DATASETS[1], DATASETS[2]), overfit=True),
    )
    assert (kfold.fold_statistic, kfold.penalties_in_loss) == ("best_worst", False)
    assert (kfold.reduce_proportion, kfold.threshold) == (0.9, 20.0)
    assert kfold.penalties == ("saturation", "patience", "integrability")


def test_ranges_reach_the_scanner_as_numbers_of_the_right_kind() -> None:
    scan = parse_runcard(good_card()).hyperscan
    assert scan["stopping"]["min_epochs"] == 200
    assert isinstance(scan["stopping"]["min_epochs"], int)
    # a fixed learning rate is recognised by being a float
    assert isinstance(scan["optimizer"][1]["learning_rate"], float)
    assert scan["optimizer"][0]["clipnorm"] == {"sampling": "uniform", "min": 1e-5, "max": 1.0}
    assert scan["architecture"]["initializers"] == [
        "glorot_normal",
        "glorot_uniform",
        "random_uniform",
    ]
    assert scan["integrability"] == {"min_initial": 1.0, "max_initial": 10.0}


def test_defaults_are_n3fits() -> None:
    card = good_card()
    card["parameters"] = {
        key: card["parameters"][key]
        for key in ("nodes_per_layer", "activation_per_layer", "epochs", "stopping_patience")
    }
    card["parameters"]["optimizer"] = {"optimizer_name": "SGD"}
    card["kfold"] = {"partitions": [{"datasets": [DATASETS[0]]}]}
    for key in ("hyperscan_config", "datacuts", "positivity", "integrability", "sum_rules"):
        del card[key]
    runcard = parse_runcard(card)
    assert runcard.parameters == {
        "nodes_per_layer": [25, 20, 8],
        "activation_per_layer": ["tanh", "tanh", "linear"],
        "initializer": "glorot_normal",
        "optimizer": {"optimizer_name": "SGD"},
        "epochs": 400,
        "stopping_patience": 0.2,
        "stopping_delta": 0.0,
        "threshold_chi2": 10.0,
        "positivity": {"initial": None, "multiplier": None, "threshold": 1e-6},
        "integrability": {"initial": None, "multiplier": None},
        "layer_type": "dense",
        "dropout": 0.0,
    }
    assert (runcard.hyperscan, runcard.positivity, runcard.sum_rules) == ({}, (), "All")
    assert runcard.datacuts == DataCuts()
    assert runcard.kfold is not None
    assert (runcard.kfold.loss_type, runcard.kfold.threshold) == ("chi2", 50.0)
    assert runcard.kfold.penalties_in_loss


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"loss_type": None, "penalties_in_loss": None}, ["loss_type", "penalties_in_loss"]),
        ({"loss_type": "chi2"}, ["loss_type"]),
        ({"loss_type": "chi2", "reduce_proportion": None}, []),
        ({"loss_type": "n3fit41", "penalties_in_loss": None}, []),
        ({"loss_type": "phi2", "penalties_in_loss": None}, []),
        ({"loss_type": "logp", "penalties_in_loss": None}, ["penalties_in_loss"]),
        ({"penalties": None, "reduce_proportion": None, "penalties_in_loss": None}, []),
    ],
    ids=str,
)
def test_a_note_says_what_is_minimised_where_n3fit_means_something_else(
    changes: dict[str, Any], named: list[str]
) -> None:
    card = good_card()
    card["kfold"].update(changes)
    card["kfold"] = {key: value for key, value in card["kfold"].items() if value is not None}
    notes = [note for note in parse_runcard(card).notes if note.startswith("kfold")]
    assert [note.partition(":")[0] for note in notes] == [f"kfold.{name}" for name in named]
    assert any("loss_type: n3fit41" in note for note in notes) == ("loss_type" in named)


def test_future_test_ends_with_an_empty_fold() -> None:
    card = good_card()
    card["kfold"]["fold_statistic"] = "fit_future_tests"
    card["kfold"]["partitions"] = [{"datasets": [DATASETS[0]]}, {"datasets": None}]
    assert require_scan(parse_runcard(card)).partitions[1] == Partition(())


def test_scanned_sets_of_parameters_are_completed() -> None:
    card = good_card()
    setups = [
        {"epochs": 3e2},
        {"nodes_per_layer": [30, 8], "activation_per_layer": ["relu", "linear"]},
    ]
    card["hyperscan_config"] = {"parameters": setups}
    first, second = parse_runcard(card).hyperscan["parameters"]
    assert (first["epochs"], first["nodes_per_layer"]) == (300, [25, 20, 8])
    assert (second["epochs"], second["nodes_per_layer"]) == (400, [30, 8])


def test_a_regularizer_is_a_hyperparameter() -> None:
    card = good_card()
    card["parameters"].update(regularizer="l1_l2", regularizer_args={"l2": 1})
    found = parse_runcard(card).parameters
    assert (found["regularizer"], found["regularizer_args"]) == ("l1_l2", {"l2": 1.0})
    card["hyperscan_config"] = {"parameters": [{"regularizer_args": {"l1": 0.5}}]}
    (setup,) = parse_runcard(card).hyperscan["parameters"]
    assert (setup["regularizer"], setup["regularizer_args"]) == ("l1_l2", {"l1": 0.5})


def test_eigenmodes_are_split_where_a_runcard_says_so() -> None:
    card = good_card()
    assert parse_runcard(card).diagonal_frac is None
    card["diagonal_basis"] = True
    split = parse_runcard(card)
    assert split.diagonal_frac == 0.75
    assert any(note.startswith("dataset_inputs[].frac: ignored") for note in split.notes)
    card["diagonal_frac"] = 0.6
    assert parse_runcard(card).diagonal_frac == 0.6
    card["diagonal_basis"] = "off"
    off = parse_runcard(card)
    assert off.diagonal_frac is None
    assert "diagonal_frac: ignored (only used with diagonal_basis: true)" in off.notes
    del card["diagonal_basis"]
    alone = parse_runcard(card)
    assert alone.diagonal_frac == 0.6
    assert any(note.startswith("diagonal_frac: read with diagonal_basis") for note in alone.notes)


def test_trials_of_another_scan_complete_the_parameters() -> None:
    card = good_card()
    del card["hyperscan_config"]
    specs = {"hyperscan": "scan", "thermalization": 4e2, "number_of_trials": 10}
    card["trial_specs"] = {**specs, "override": {"epochs": 500, "dropout": None}}
    card["parameters"] = {"positivity": {"initial": 184.8}, "threshold_chi2": 3.5}
    runcard = parse_runcard(card)
    expected = {**specs, "thermalization": 400, "override": {"epochs": 500}}
    assert runcard.hyperscan == {"trial_specs": expected}
    assert runcard.parameters["positivity"]["initial"] == 184.8
    assert runcard.parameters["threshold_chi2"] == 3.5
    assert "epochs" not in runcard.parameters
    card["parameters"]["epochs"] = 100
    with pytest.raises(RuncardError, match=r"parameters.epochs: not beside trial_specs: 100"):
        parse_runcard(card)
    del card["parameters"]["epochs"]
    card["hyperscan_config"] = {"stopping": {"min_epochs": 1, "max_epochs": 2}}
    with pytest.raises(RuncardError, match="hyperscan_config: not beside trial_specs"):
        parse_runcard(card)


def test_feature_scaling_does_without_largex() -> None:
    card = good_card()
    card["parameters"]["feature_scaling_points"] = 20
    for flavour in card["fitting"]["basis"]:
        del flavour["largex"]
    runcard = parse_runcard(card)
    assert runcard.parameters["feature_scaling_points"] == 20
    assert {flavour.largex for flavour in runcard.fitting.basis} == {(0.0, 0.0)}


def test_ends_of_a_range_may_be_equal() -> None:
    card = good_card()
    card["hyperscan_config"]["stopping"].update(min_epochs=500, max_epochs=500)
    assert parse_runcard(card).hyperscan["stopping"]["max_epochs"] == 500


def test_raw_is_the_runcard_as_read_and_reads_the_same_again() -> None:
    card = good_card()
    card["hyperscan"] = card.pop("hyperscan_config")
    runcard = parse_runcard(card, "card.yml")
    assert runcard.raw == card
    assert parse_runcard(json.loads(json.dumps(runcard.raw)), "card.yml") == runcard


def test_the_mapping_given_is_left_alone() -> None:
    card = good_card()
    runcard = parse_runcard(card)
    assert card == good_card()
    runcard.raw["kfold"]["threshold"] = 3
    assert card == good_card()


def test_a_runcard_cannot_be_changed() -> None:
    runcard = parse_runcard(good_card())
    with pytest.raises(FrozenInstanceError):
        runcard.theory.theoryid = 1  # type: ignore[misc]


def test_numbers_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = (ROOT / "runcards" / "quickstart.yml").read_text(encoding="utf-8")
    path = tmp_path / "card.yml"
    text = re.sub(r"^  epochs: \d+", "  epochs: 2e1", text, flags=re.MULTILINE)
    path.write_text(text.replace("1650", "1_650"))
    runcard = load_runcard(path)
    assert runcard.parameters["epochs"] == 20
    assert runcard.theory.theoryid == 1650


@pytest.mark.parametrize("path", RUNCARDS, ids=lambda path: path.stem)
def test_shipped_runcards_load_and_can_be_scanned(path: Path) -> None:
    runcard = load_runcard(path)
    kfold = require_scan(runcard)
    assert len(kfold.partitions) >= 3
    assert runcard.positivity
    assert runcard.integrability
    assert not [note for note in runcard.notes if not note.startswith("kfold.loss_type: chi2")]


def test_there_are_shipped_runcards() -> None:
    names = {"quickstart", "dis_nlo", "nnpdf40", "parallel", "every_key"}
    assert names <= {path.stem for path in RUNCARDS}


def test_nnpdf40_leaves_each_set_out_once_at_most() -> None:
    runcard = load_runcard(ROOT / "runcards" / "nnpdf40.yml")
    assert len(runcard.dataset_inputs) == 82
    assert runcard.kfold is not None
    assert len(runcard.kfold.partitions) == 4
    left_out = [name for fold in runcard.kfold.partitions for name in fold.datasets]
    assert len(left_out) == len(set(left_out)) == 66


@pytest.mark.skipif(not BASELINE.is_dir(), reason="no runcards of the n3fit measurements here")
@pytest.mark.parametrize("name", ["mid", "quick"])
def test_runcards_run_with_n3fit_load(name: str) -> None:
    runcard = load_runcard(BASELINE / f"{name}.yml")
    kfold = require_scan(runcard)
    assert runcard.theory.theoryid == 40000000
    assert len(runcard.dataset_inputs) == {"mid": 14, "quick": 3}[name]
    assert len(kfold.partitions) == {"mid": 4, "quick": 2}[name]
    assert kfold.threshold == 1000.0
    assert kfold.fold_statistic == "average"


def test_loading_needs_nothing_heavy() -> None:
    code = (
        "import sys; from n3hyper.runcard import load_runcard; load_runcard(sys.argv[1]);"
        "print([m for m in ('numpy', 'tensorflow', 'hyperopt', 'nnpdf_data') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "runcards" / "quickstart.yml")],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "[]"
