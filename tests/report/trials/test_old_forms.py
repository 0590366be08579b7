"""Setups in files of n3fit of all ages: numbers of the type they mean, and nothing left out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from n3hyper.hyper_optimization.record import todays_setup
from n3hyper.runcard import load_runcard
from tests.support.commands import run
from tests.support.runcard_samples import good_card

# the same setup as written by n3fit over the years
FORMS: dict[str, dict[str, Any]] = {
    "2019": {
        "nodes_per_layer": [20, 41, 8],
        "activation_per_layer": ["tanh", "tanh", "linear"],
        "optimizer": "Adam",
        "learning_rate": 0.001,
        "epochs": 900.0,
    },
    "2022": {
        "nodes_per_layer": [20.0, 41.0, 8],
        "activation": "tanh",
        "optimizer": {"optimizer_name": "Adam", "learning_rate": 0.001},
        "epochs": "900",
    },
    "2023": {
        "nodes_per_layer": ["20", "41", 8],
        "activation_per_layer": "tanh",
        "optimizer": {"optimizer_name": "Adam", "learning_rate": "0.001"},
        "epochs": 900,
    },
}


def write_old(folder: Path, setup: dict[str, Any]) -> Path:
    rest = {"initializer": "glorot_normal", "layer_type": "dense", "dropout": "0.0"}
    values = {**rest, "stopping_patience": "0.1", "threshold_chi2": 3.5, **setup}
    record = {
        "tid": 0,
        "state": 2,
        "misc": {"tid": 0, "vals": {}, "idxs": {}, "space_vals": values},
        "result": {"status": "ok", "loss": 2.0},
    }
    replica = folder / "nnfit" / "replica_1"
    replica.mkdir(parents=True)
    (replica / "tries.json").write_text(json.dumps([record]))
    (folder / "filter.yml").write_text(json.dumps(good_card()))
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_shown_exported_and_run_alike(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_old(tmp_path / "old", FORMS[form])
    assert run("report", folder) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["nodes_per_layer", "20-41-8"] in lines
    assert ["epochs", "900"] in lines
    assert any(line[:1] == ["activation_per_layer"] and "tanh" in line[1] for line in lines)
    assert run("report", folder, "--format", "csv") == 0
    assert ",20-41-8,tanh," in capsys.readouterr().out
    card = tmp_path / "best.yml"
    assert run("report", folder, "--export-runcard", card) == 0
    parameters = YAML(typ="safe").load(card.read_text())["parameters"]
    assert repr(parameters["nodes_per_layer"]) == "[20, 41, 8]"
    assert list(parameters["activation_per_layer"]) == ["tanh", "tanh", "linear"]
    assert repr(parameters["epochs"]) == "900"
    (setup,) = load_runcard(card).hyperscan["parameters"]
    assert (setup["dropout"], setup["optimizer"]["learning_rate"]) == (0.0, 0.001)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_can_be_run_again(form: str, tmp_path: Path) -> None:
    from n3hyper.scanning.other_scans import with_tries
    from n3hyper.scanning.request import ScanRequest

    write_old(tmp_path / "old", FORMS[form])
    card = tmp_path / "again.yml"
    card.write_text(json.dumps({**good_card(), "hyperscan_config": {"use_tries_from": "old"}}))
    request = with_tries(ScanRequest(card, tmp_path / "out", 1))
    (setup,) = request.load().hyperscan["parameters"]
    assert setup["nodes_per_layer"] == [20, 41, 8]
    assert setup["activation_per_layer"] == ["tanh", "tanh", "linear"]
    assert setup["epochs"] == 900


@given(st.dictionaries(st.sampled_from([*FORMS["2022"], "dropout"]), st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)))  # fmt: skip
def test_whatever_stands_there_is_no_error(setup: dict[str, Any]) -> None:
    todays_setup(todays_setup(setup))


CLASSES = """
import pickle, sys, types
for name in ("n3fit", "n3fit.hyper_optimization", "n3fit.hyper_optimization.filetrials"):
    sys.modules[name] = types.ModuleType(name)
class FileTrials:
    pass
FileTrials.__module__ = "n3fit.hyper_optimization.filetrials"
sys.modules[FileTrials.__module__].FileTrials = FileTrials
pickle.dump(FileTrials(), open(sys.argv[1], "wb"))
"""


@pytest.mark.parametrize("command", [["restart"], ["replay", 0]])
def test_a_pickle_of_n3fit_is_said_to_be_one_and_the_ways_are_open(
    command: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import shlex

    folder = write_old(tmp_path / "of n3fit", FORMS["2022"])
    pickle = folder / "nnfit" / "replica_1" / "tries.pkl"
    subprocess.run([sys.executable, "-c", CLASSES, str(pickle)], check=True)
    monkeypatch.chdir(tmp_path)
    for named in (folder, pickle):
        assert run(*command, "--pkl", named) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "the pickle of a scan of n3fit, which n3fit alone can continue" in line
        _, shown, again, new = line.split("n3hyper ")
        assert run(*shlex.split(shown.split("; a new")[0])) == 0
        scan = shlex.split(again.split(", and one")[0])
        assert scan[:1] + scan[2:4] == ["scan", "--history", str(folder.resolve())]
        assert load_runcard(scan[1]).hyperscan
        assert run(*shlex.split(new)) == 0
        load_runcard(tmp_path / "ranges.yml")
        (tmp_path / "ranges.yml").unlink()
        capsys.readouterr()
    # without the pickle the trials cannot be continued either, and the same is advised
    pickle.unlink()
    assert run("restart", "--pkl", folder) == 2
    assert "n3hyper report" in capsys.readouterr().err
