"""Runcards made of trials are runcards, and fit what was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.sampling.space import evaluate_space
from n3hyper.report.analysis.prepare import Request, prepare
from n3hyper.report.analysis.view import View
from n3hyper.report.errors import ReportError
from n3hyper.report.output.export import export, selection
from n3hyper.runcard.load import load_runcard, parse_runcard
from n3hyper.runcard.yaml_file import read_yaml
from tests.support.make_trials import RUNCARD, make_records, write_scan

REFERENCE = Path(__file__).parents[1] / "reference"


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    folder = write_scan(tmp_path_factory.mktemp("scan") / "dis", 80, folds=4, replicas=3)
    return prepare(Request(paths=(folder,)))


def expected_setup(tid: int) -> dict[str, Any]:
    setup = dict(make_records(80, folds=4, replicas=3)[tid]["misc"]["space_vals"])
    layers = len(setup["nodes_per_layer"])
    setup["activation_per_layer"] = [setup["activation_per_layer"]] * (layers - 1) + ["linear"]
    return setup


def test_the_best_trial_becomes_a_runcard(view: View, tmp_path: Path) -> None:
    path = tmp_path / "best.yml"
    export(view, path)
    assert view.scan.best is not None
    expected = expected_setup(view.scan.best.tid)
    card, original = load_runcard(path), load_runcard(RUNCARD)
    assert card.parameters == expected
    assert card.hyperscan == {"parameters": [expected]}
    for part in ("dataset_inputs", "datacuts", "theory", "fitting", "kfold", "positivity", "seeds"):
        assert getattr(card, part) == getattr(original, part)
    # and the scan of it is this one setup
    scanner = HyperScanner(card.parameters, card.hyperscan)
    assert evaluate_space(scanner.as_dict(), {"parameters": 0}) == expected
    with pytest.raises(ReportError, match="is there already"):
        export(view, path)


def test_a_trial_is_exported_by_its_number(view: View, tmp_path: Path) -> None:
    export(view, tmp_path / "seven.yml", trial="7")
    assert load_runcard(tmp_path / "seven.yml").parameters == expected_setup(7)


def test_a_selection_becomes_a_list_of_setups(view: View, tmp_path: Path) -> None:
    path = tmp_path / "five.yml"
    export(view, path, select=5)
    card = load_runcard(path)
    losses = sorted((trial.loss, trial.tid) for trial in view.scan.good)
    assert card.hyperscan["parameters"] == [expected_setup(tid) for _, tid in losses[:5]]


def test_trials_in_a_window_of_chi2_are_chosen_by_phi2(view: View) -> None:
    chosen = selection(view.scan, 4, chi2_window=0.2)
    part = view.scan.with_trials(view.scan.good)
    chi2, phi2 = part.numbers("hyper_loss_chi2"), part.numbers("hyper_loss_phi2")
    inside = [p for p in range(len(part)) if chi2[p] <= chi2.min() + 0.2]
    inside.sort(key=lambda place: -phi2[place])
    assert list(chosen) == [part.trials[place] for place in inside[:4]]
    assert selection(view.scan, 4, chi2_window=0.0)[0] is part.trials[int(chi2.argmin())]


def test_narrowed_ranges_are_a_space_around_the_trials(view: View, tmp_path: Path) -> None:
    path = tmp_path / "ranges.yml"
    export(view, path, select=6, form="ranges")
    card = load_runcard(path)
    config = card.hyperscan
    chosen = selection(view.scan, 6)
    for trial in chosen:
        values = trial.values
        stopping, positivity = config["stopping"], config["positivity"]
        assert stopping["min_epochs"] <= values["epochs"] <= stopping["max_epochs"]
        assert positivity["min_initial"] <= values["initial"] <= positivity["max_initial"]
        (mine,) = [o for o in config["optimizer"] if o["optimizer_name"] == values["optimizer"]]
        rate = mine["learning_rate"]
        assert rate["min"] <= values["learning_rate"] <= rate["max"]
        assert rate["sampling"] == "log"
        assert values["number_of_layers"] in config["architecture"]["n_layers"]
        assert values["initializer"] in config["architecture"]["initializers"]
    names = {trial.values["optimizer"] for trial in chosen}
    assert {entry["optimizer_name"] for entry in config["optimizer"]} == names
    assert HyperScanner(card.parameters, config).hyper_keys


def test_trial_specs_are_n3fits(view: View, tmp_path: Path) -> None:
    export(view, tmp_path / "specs.yml", select=3, form="trial_specs")
    card = read_yaml(tmp_path / "specs.yml")
    assert card["trial_specs"] == {
        "hyperscan": "dis",
        "thermalization": 0,
        "number_of_trials": 3,
    }
    assert "hyperscan_config" not in card
    assert not {"nodes_per_layer", "epochs", "optimizer"} & card["parameters"].keys()
    with pytest.raises(ReportError, match="--as parameters"):
        export(view, None, select=3, chi2_window=1.0, form="trial_specs")


def test_without_a_file_the_selection_alone_is_given(view: View) -> None:
    text = export(view, None, select=2)
    assert text.startswith("# 2 trials of the scan dis")
    assert "hyperscan_config:\n" in text


def test_n3fits_trial_is_completed_from_its_runcard(tmp_path: Path) -> None:
    """n3fit leaves out what is not scanned below `positivity`; old runcards have `parameters` and
    `hyperscan` elsewhere."""
    folder = tmp_path / "old"
    replica = folder / "nnfit" / "replica_1"
    replica.mkdir(parents=True)
    (replica / "tries.json").write_text((REFERENCE / "n3fit.json").read_text())
    card = json.loads(json.dumps(read_yaml(RUNCARD)))
    card["hyperscan"] = card.pop("hyperscan_config")
    card["fitting"]["parameters"] = card.pop("parameters")
    (folder / "filter.yml").write_text(json.dumps(card))
    export(prepare(Request(paths=(folder,))), tmp_path / "new.yml")
    found = load_runcard(tmp_path / "new.yml")
    assert found.parameters["positivity"] == {
        "initial": 2.00062006011836,
        "multiplier": 1.0600813655407642,
        "threshold": 1e-6,
    }
    assert found.parameters["optimizer"]["learning_rate"] == 0.002608837295988627
    assert parse_runcard(read_yaml(tmp_path / "new.yml")).hyperscan == found.hyperscan


def test_an_export_without_a_runcard_is_refused(tmp_path: Path) -> None:
    view = prepare(Request(paths=(REFERENCE / "tries.json",)))
    with pytest.raises(ReportError, match="no runcard"):
        export(view, tmp_path / "best.yml")
    assert "nodes_per_layer" in export(view, None, select=1)
