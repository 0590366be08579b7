"""Tests of ``n3hyper check``: what it finds is what a scan or a fit would find."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from n3hyper.data.build import build_problem
from n3hyper.hyper_optimization.sampling.draws import first_setups
from n3hyper.hyper_optimization.search_space import HyperScanner
from n3hyper.runcard import load_runcard
from tests.support.commands import run
from tests.support.loops import run_scan
from tests.support.small_card import small_card, write_card
from tests.support.toy_scans import FINGERPRINT, KFOLD, PROBLEM
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS, ToyTrainer

QUICKSTART = Path(__file__).parents[2] / "runcards" / "quickstart.yml"


def fit_card() -> dict[str, Any]:
    """Return the runcard of a fit as n3fit has it: neither folds nor ranges."""
    card = small_card()
    return {key: card[key] for key in card if key not in ("kfold", "hyperscan_config")}


def checked(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    """Return exit status and results of a check."""
    status = run("check", *arguments, "--json")
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the check runs in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_scan_is_described_as_it_would_be_run(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, (found,) = checked(capsys, QUICKSTART, "-r", 2, "--no-measure")
    problem = build_problem(load_runcard(QUICKSTART), 2)
    assert (status, found["ok"], found["kind"]) == (0, True, "scan")
    assert found["points"] == problem.ndata
    assert [each["points"] for each in found["datasets"]] == [
        each.ndata for each in problem.datasets
    ]
    assert [fold["left out"] for fold in found["folds"]] == [
        fold.mask.sum() for fold in problem.folds
    ]
    assert all(fold["left out"] + fold["fitted"] == problem.ndata for fold in found["folds"])
    assert found["never left out"] == ["HERA_CC_318GEV_EP-SIGMARED", "HERA_NC_318GEV_EP-SIGMARED"]
    assert sum(found["positivity"].values()) == sum(each.ndata for each in problem.positivity)
    assert found["networks"] == 6
    dimensions = found["dimensions"]
    assert dimensions["optimizer"] == "Nadam, Adam"
    assert dimensions["Adam_learning_rate"] == "0.002 to 0.01, logarithmic"
    assert dimensions["epochs"].startswith("1500 to 3000")
    assert found["cost"] is None
    assert list(here.iterdir()) == []


def test_the_setups_that_are_measured_are_those_of_the_first_trials(tmp_path: Path) -> None:
    scanner = HyperScanner(PARAMETERS, HYPERSCAN)
    seen: list[dict[str, Any]] = []
    from n3hyper.hyper_optimization.scores.scoring import make_scorer

    trainer = ToyTrainer(PROBLEM, make_scorer(PROBLEM, KFOLD))
    run_scan(
        tmp_path, trainer, scanner, 5, seed=7, fingerprint=FINGERPRINT,
        on_start=lambda tid, params: seen.append(params),
    )  # fmt: skip
    assert first_setups(HyperScanner(PARAMETERS, HYPERSCAN).as_dict(), 7, 5) == seen


def test_time_and_memory_of_scans_and_fits_are_measured(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_card(tmp_path / "scan.yml", small_card())
    fit = write_card(tmp_path / "fit.yml", fit_card())
    status, (of_scan, of_fit) = checked(capsys, scan, fit, "-r", 4, "-n", 50)
    assert status == 0
    trial = of_scan["cost"]["middle"]
    assert 0 < trial["epoch"] < 10
    assert trial["seconds"] >= trial["epochs"] * trial["epoch"]
    assert of_scan["cost"]["all trials"] == pytest.approx(50 * trial["seconds"])
    # TensorFlow alone takes more than 100 MB
    assert 1e8 < of_scan["cost"]["memory"] < 1e11
    assert (of_fit["kind"], of_fit["setups"], of_fit["jobs"], of_fit["networks"]) == (
        "fit",
        1,
        1,
        4,
    )
    assert of_fit["cost"]["all jobs"] > 0
    assert list(here.iterdir()) == []


def test_a_wrong_card_does_not_hide_the_others(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = small_card()
    wrong["dataset_inputs"][0]["dataset"] = "SLAC_NC_NOTFIXED_P_EM-F3"
    broken = write_card(tmp_path / "wrong.yml", wrong)
    good = write_card(tmp_path / "good.yml", small_card())
    assert run("check", broken, good, "--no-measure") == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "SLAC_NC_NOTFIXED_P_EM-F3" in said.err
    assert f"{good}: a scan that can be run" in said.out
    assert list(here.iterdir()) == []


def test_what_the_theory_lacks_is_named_and_can_be_left_out(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = small_card()
    card["dataset_inputs"].append({"dataset": "DYE605_Z0_38P8GEV_DW_PXSEC", "variant": "legacy"})
    path = write_card(tmp_path / "card.yml", card)
    status, (found,) = checked(capsys, path, "--no-measure")
    assert (status, found["ok"]) == (2, False)
    assert "DYE605_Z0_38P8GEV_DW_PXSEC" in found["error"]
    status, (found,) = checked(capsys, path, "--no-measure", "--skip-missing")
    assert status == 0
    assert len(found["datasets"]) == 2
    assert "left out: DYE605_Z0_38P8GEV_DW_PXSEC" in found["notes"][0]


def test_a_scan_can_be_checked_as_a_fit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, (found,) = checked(capsys, QUICKSTART, "--fit", "--no-measure", "-r", 70)
    assert (found["kind"], found["folds"]) == ("fit", [])
    assert any("a fit leaves no data out" in note for note in found["notes"])
    # 70 replicas of one setup, not more than 32 at a time
    assert (found["jobs"], found["networks"]) == (3, 24)
