"""Runcards of fits: where their setups come from, and what is wrong with some."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from n3hyper.cli import cli
from n3hyper.errors import N3HyperError, RuncardError
from n3hyper.hyper_optimization.record import read_tries
from n3hyper.replicas.card import load_fit_card
from n3hyper.replicas.files.weights_file import weights_bytes
from tests.support.small_card import small_card, write_card
from tests.support.toy_replicas import toy_fit
from tests.support.toy_scans import toy_scan


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of 12 toy trials, with the runcard of the small one."""
    folder = tmp_path_factory.mktemp("scans") / "toys"
    toy_scan(folder / "nnfit" / "replica_1", 12)
    write_card(folder / "filter.yml", small_card())
    return folder


def best(scan: Path, count: int, skip: int = 0) -> list[dict[str, Any]]:
    """Return the parameters of the best trials after the first ones, by another way."""
    records = read_tries(scan / "nnfit" / "replica_1" / "tries.json")[skip:]
    good = [each for each in records if each["result"]["loss"] is not None]
    ordered = sorted(good, key=lambda each: float(each["result"]["loss"]))
    return [each["misc"]["space_vals"] for each in ordered[:count]]


def with_specs(scan: Path, **specs: Any) -> dict[str, Any]:
    card = small_card()
    del card["hyperscan_config"]
    for key in ("nodes_per_layer", "activation_per_layer", "initializer", "layer_type", "dropout",
                "epochs", "stopping_patience", "optimizer"):  # fmt: skip
        del card["parameters"][key]
    given = {"hyperscan": str(scan), "thermalization": 2, "number_of_trials": 3, **specs}
    return {**card, "trial_specs": given}


def test_one_setup(tmp_path: Path) -> None:
    path = write_card(tmp_path / "card.yml", {**small_card(), "save": "mine.h5"})
    card = load_fit_card(path)
    assert card.setups == (card.runcard.parameters,)
    assert card.from_runcard()
    assert card.runcard.kfold is None
    assert not card.runcard.hyperscan
    assert card.text == path.read_text()
    assert card.weights == "mine.weights.h5"
    assert "kfold: ignored (a fit leaves no data out)" in card.notes
    assert "hyperscan_config: ignored (a fit draws no hyperparameters)" in card.notes


def test_a_list_of_setups(tmp_path: Path) -> None:
    listed = {"hyperscan_config": {"parameters": [{"epochs": 7}, {"epochs": 9}]}}
    card = load_fit_card(write_card(tmp_path / "card.yml", {**small_card(), **listed}))
    assert [setup["epochs"] for setup in card.setups] == [7, 9]


def test_trial_specs_name_the_best_after_the_first(tmp_path: Path, scan: Path) -> None:
    specs = with_specs(scan, override={"epochs": 77})
    card = load_fit_card(write_card(tmp_path / "card.yml", specs))
    expected = best(scan, 3, skip=2)
    assert [setup["stopping_patience"] for setup in card.setups] == [
        each["stopping_patience"] for each in expected
    ]
    assert {setup["epochs"] for setup in card.setups} == {77}
    # as it is run, it names no other scan
    again = tmp_path / "again.yml"
    again.write_text(card.text)
    assert load_fit_card(again).setups == card.setups


def test_more_trials_than_there_are(tmp_path: Path, scan: Path) -> None:
    path = write_card(tmp_path / "card.yml", with_specs(scan, number_of_trials=50))
    with pytest.raises(RuncardError, match=r"trial_specs\.number_of_trials: more trials .*: 50; "):
        load_fit_card(path)


def fails(*arguments: object) -> N3HyperError | Any:
    done = CliRunner().invoke(cli, ["fit", *map(str, arguments)])
    error = done.exception
    assert isinstance(error, N3HyperError) or done.exit_code == 2, done.output
    return error if isinstance(error, N3HyperError) else done.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--best", "50"], "--best: more trials than there are to choose from: 50; toys has"),
        (["--thermalization", "12"], "12"),
        (["--best", "3", "--chi2-window", "-1"], "--chi2-window"),
    ],
)
def test_a_wrong_choice_of_trials(
    tmp_path: Path, scan: Path, options: list[str], said: str
) -> None:
    path = write_card(tmp_path / "card.yml", small_card())
    assert said in str(fails(path, "-o", tmp_path / "out", "--scan", scan, *options))
    assert not (tmp_path / "out").exists()


def test_a_scan_without_a_good_trial(tmp_path: Path, scan: Path) -> None:
    folder = tmp_path / "bad"
    records = read_tries(scan / "nnfit" / "replica_1" / "tries.json")
    bad = [each for each in records if each["result"]["loss"] is None]
    (folder / "nnfit" / "replica_1").mkdir(parents=True)
    (folder / "nnfit" / "replica_1" / "tries.json").write_text(json.dumps(bad))
    path = write_card(tmp_path / "card.yml", small_card())
    assert "no trial has a loss" in str(fails(path, "-o", tmp_path / "out", "--scan", folder))


def test_a_scan_of_another_theory(tmp_path: Path, scan: Path) -> None:
    path = write_card(tmp_path / "card.yml", {**small_card(), "theory": {"theoryid": 708}})
    said = str(fails(path, "-o", tmp_path / "out", "--scan", scan))
    assert said.startswith(f"{path}: theory.theoryid: the scan toys has fitted with theory 1650")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--best", "3"], "--best, --chi2-window and --thermalization go with --scan"),
        (["-r", "5", "--at-most", "4"], "--at-most 4 is less than -r 5"),
        (["-o", "a.b"], "'a.b' cannot be the name of a fit"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, arguments: list[str], said: str) -> None:
    path = write_card(tmp_path / "card.yml", small_card())
    assert said in str(fails(path, *arguments))


def test_a_folder_that_is_no_fit(tmp_path: Path, scan: Path) -> None:
    assert "no fit of n3hyper" in str(fails(tmp_path))
    path = write_card(tmp_path / "card.yml", small_card())
    assert "holds a scan" in str(fails(path, "-o", scan))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"load": "gone.h5"}, "load: nothing there: 'gone.h5'; name a file of weights"),
        ({"load": 3}, "load: not a file of weights: 3"),
        ({"load_weights_from_fit": "gone"}, "nothing there: 'gone'; name the folder of a fit"),
        (
            {"load": "a.weights.h5", "load_weights_from_fit": "gone"},
            "load_weights_from_fit: not beside load",
        ),
        ({"load": "a.weights.h5"}, "load: weights of layers [6, 8], where the fit has [5, 8]"),
    ],
)
def test_weights_that_cannot_be_loaded(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    content = weights_bytes(toy_fit(1).weights, [False] * 8, subtracts=False)
    (tmp_path / "a.weights.h5").write_bytes(content)
    card = {**small_card(), **keys}
    card["parameters"]["nodes_per_layer"] = [5, 8]
    with pytest.raises(RuncardError) as error:
        load_fit_card(write_card(tmp_path / "card.yml", card))
    assert said in str(error.value)


def test_weights_of_a_fit_are_those_of_the_same_replica(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = tmp_path / "before" / "nnfit" / f"replica_{number}"
        folder.mkdir(parents=True)
        content = weights_bytes(toy_fit(number).weights, [False] * 8, subtracts=False)
        (folder / "replica.weights.h5").write_bytes(content)
    path = tmp_path / "card.yml"
    card = load_fit_card(write_card(path, {**small_card(), "load_weights_from_fit": "before"}))
    assert card.start is not None
    start = card.start([2, 1, 2])
    assert start.alpha[1] == pytest.approx(toy_fit(1).weights.alpha, rel=1e-6)
    assert (start.alpha[0] == start.alpha[2]).all()
    # wherever the runcard as it is run may lie
    assert str(tmp_path / "before") in card.text
    with pytest.raises(RuncardError, match=r"no weights in .*replica_3"):
        card.start([3])
    # of several files the one that the runcard of the fit names
    other = weights_bytes(toy_fit(3).weights, [False] * 8, subtracts=False)
    (tmp_path / "before" / "nnfit" / "replica_1" / "mine.weights.h5").write_bytes(other)
    with pytest.raises(RuncardError, match="2 files of weights"):
        card.start([1])
    (tmp_path / "before" / "filter.yml").write_text("save: mine.h5\n")
    found = card.start([1])
    assert found.alpha[0] == pytest.approx(toy_fit(3).weights.alpha, rel=1e-6)
