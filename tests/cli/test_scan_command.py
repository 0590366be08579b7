"""Tests of ``n3hyper scan`` from the command line to the files, on real data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.cli import main
from n3hyper.hyper_optimization.stores.trial_pdfs import read_pdfs
from tests.support.commands import run
from tests.support.small_card import small_card, write_card

QUICKSTART = Path(__file__).parents[2] / "runcards" / "quickstart.yml"


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a scan of two trials, two replicas in each of two folds."""
    folder = tmp_path_factory.mktemp("scan")
    card = write_card(folder / "small.yml", small_card())
    assert run("scan", card, "-o", folder / "out", "-n", 2, "-r", 2, "-q") == 0
    return folder


def trials(scan: Path) -> list[dict[str, Any]]:
    text = (scan / "out/nnfit/replica_1/tries.json").read_text()
    return list(json.loads(text, parse_constant=lambda token: pytest.fail(f"not JSON: {token}")))


def test_a_scan_writes_its_files(scan: Path) -> None:
    assert (scan / "out/filter.yml").read_bytes() == (scan / "small.yml").read_bytes()
    names = {path.name for path in (scan / "out/nnfit/replica_1").iterdir()}
    assert {"tries.json", "tries.pkl"} <= names


def test_records_hold_setups_and_results(scan: Path) -> None:
    two_trials = trials(scan)
    assert [trial["tid"] for trial in two_trials] == [0, 1]
    for trial in two_trials:
        result, values = trial["result"], trial["misc"]["space_vals"]
        assert result["status"] == "ok"
        assert 20 <= values["epochs"] <= 40
        assert values["optimizer"]["optimizer_name"] == "Nadam"
        meta = result["kfold_meta"]
        for name in ("validation_losses", "experimental_losses", "hyper_losses"):
            assert [len(row) for row in meta[name]] == [2, 2], name
        for name in ("hyper_losses_chi2", "hyper_losses_phi2", "hyper_losses_logp"):
            assert len(meta[name]) == len(meta[name.replace("hyper", "trvl")]) == 2
        assert set(meta["penalties"]) == {"saturation", "patience", "integrability"}


def test_pdfs_of_the_best_trials_are_kept(scan: Path) -> None:
    """Both trials are among the best five; a trial's PDFs are those of its folds and replicas."""
    for trial in trials(scan):
        pdfs = read_pdfs(scan / f"out/nnfit/replica_1/pdfs/trial_{trial['tid']}.npz")
        assert pdfs.pdf.shape == (2, 2, 196, 14)
        assert pdfs.loss == trial["result"]["loss"]
        # the momentum sum rule
        sigma_and_gluon = pdfs.pdf[..., 1] + pdfs.pdf[..., 2]
        assert np.trapezoid(sigma_and_gluon, pdfs.xgrid) == pytest.approx(np.ones((2, 2)), rel=2e-3)


def test_loss_is_made_of_the_record(scan: Path) -> None:
    """Add penalties to the left-out chi2, and average over replicas and folds."""
    for trial in trials(scan):
        meta = trial["result"]["kfold_meta"]
        cells = [
            meta["hyper_losses"][fold][replica]
            + sum(values[fold][replica] for values in meta["penalties"].values())
            for fold in range(2)
            for replica in range(2)
        ]
        assert trial["result"]["loss"] == pytest.approx(sum(cells) / 4)


def test_used_folder_is_refused(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (scan / "out/nnfit/replica_1/tries.pkl").read_bytes()
    assert run("scan", scan / "small.yml", "-o", scan / "out") != 0
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "restart --pkl" in line
    assert (scan / "out/nnfit/replica_1/tries.pkl").read_bytes() == before


def test_a_restart_continues(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    moved = tmp_path / "elsewhere"
    shutil.copytree(scan / "out", moved)
    assert run("restart", "--pkl", moved / "nnfit/replica_1/tries.pkl", "-n", 3) == 0
    printed = capsys.readouterr()
    assert "trial 3/3" in printed.err
    assert "3 trials, 3 ok, 0 failed" in printed.out
    after = json.loads((moved / "nnfit/replica_1/tries.json").read_text())
    assert after[:2] == trials(scan)


def test_trials_of_another_scan_are_run_first(scan: Path, tmp_path: Path) -> None:
    """Run them first, the best first, with the same numbers; -n 3 then draws another."""
    card = small_card()
    card["hyperscan_config"] = {"use_tries_from": str(scan / "out")}
    path = write_card(tmp_path / "again.yml", card)
    assert run("scan", path, "-o", tmp_path / "out", "-n", 3, "-r", 2, "-q") == 0
    before = sorted(trials(scan), key=lambda trial: trial["result"]["loss"])
    after = trials(tmp_path)
    assert [trial["result"]["loss"] for trial in after[:2]] == [
        trial["result"]["loss"] for trial in before
    ]
    assert after[2]["result"]["loss"] in {trial["result"]["loss"] for trial in before}
    # the runcard as run holds the setups, and needs the other scan no more
    assert "use_tries_from" not in (tmp_path / "out/filter.yml").read_text()
    assert run("restart", "--pkl", tmp_path / "out/nnfit/replica_1/tries.pkl", "-n", 4, "-q") == 0


Change = Callable[[dict[str, Any]], None]
WRONG: dict[str, tuple[Change, str, str]] = {
    "key": (lambda c: c.update(datacut={}), "datacut", "datacuts"),
    "dataset": (
        lambda c: c["dataset_inputs"].append({"dataset": "NMC_NC_NOTFIXED_P_EM-SIGMARD"}),
        "dataset_inputs[2]",
        "NMC_NC_NOTFIXED_P_EM-SIGMARED",
    ),
    "variant": (
        lambda c: c["dataset_inputs"][1].update(variant="legcy"),
        "dataset_inputs[1]: unknown variant",
        "legacy",
    ),
    "fold": (
        lambda c: c["kfold"]["partitions"][0].update(datasets=["NMC"]),
        "kfold.partitions[0].datasets[0]",
        "NMC",
    ),
    "folds": (lambda c: c["kfold"].update(partitions=[]), "kfold.partitions", "fold"),
    "range": (
        lambda c: c["hyperscan_config"]["stopping"].update(min_epochs=50),
        "hyperscan_config.stopping",
        "max_epochs",
    ),
    "optimizer": (
        lambda c: c["parameters"]["optimizer"].update(optimizer_name="Nadm"),
        "parameters.optimizer.optimizer_name",
        "Nadam",
    ),
    "initializer": (
        lambda c: c["parameters"].update(initializer="glorot_norml"),
        "parameters.initializer",
        "glorot_normal",
    ),
    "penalty": (
        lambda c: c["kfold"].update(penalties=["saturaton"]),
        "kfold.penalties[0]",
        "saturation",
    ),
    "theory": (lambda c: c["theory"].update(theoryid=7), "theory 7", "theory_7"),
    "another scan": (
        lambda c: c.update(hyperscan_config={"use_tries_from": "nowhere"}),
        "hyperscan_config.use_tries_from: no scan there: 'nowhere'",
        "tries.json",
    ),
    "another scan and ranges": (
        lambda c: c["hyperscan_config"].update(use_tries_from="nowhere"),
        "hyperscan_config.stopping: not beside use_tries_from",
        "the trials of that scan",
    ),
    "nothing to scan": (
        lambda c: c.pop("hyperscan_config"),
        "hyperscan_config",
        "ranges",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_runcard_is_refused(
    mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, place, right = WRONG[mistake]
    card = small_card()
    change(card)
    path = write_card(tmp_path / "card.yml", card)
    assert run("scan", path, "-o", tmp_path / "out") == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("n3hyper: ")]
    assert len(lines) == 1
    assert place in lines[0]
    assert right in lines[0]
    assert [file.name for file in tmp_path.iterdir()] == ["card.yml"]


@pytest.mark.parametrize(
    "arguments", [["scan"], ["scan", "no.yml"], ["scna"], ["scan", "x", "-n0"]]
)
def test_a_wrong_command_line_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no such file"):
        main(["scan", str(tmp_path / "no.yml"), "--debug"])


@pytest.mark.slow
def test_the_quickstart_describes_the_data(tmp_path: Path) -> None:
    """Run the runcard of the README: its second trial is a fit that describes the data."""
    assert run("scan", QUICKSTART, "-o", tmp_path / "out", "-n", 3, "-q") == 0
    records = json.loads((tmp_path / "out/nnfit/replica_1/tries.json").read_text())
    fitted = [
        sum(record["result"]["kfold_meta"]["trvl_losses_chi2exp"]) / 3
        for record in records
        if record["result"]["status"] == "ok"
    ]
    assert min(fitted) < 2
