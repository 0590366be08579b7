"""Tests of the benchmark's inputs of the programs, and of what it makes of their numbers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.integrate import trapezoid

from n3hyper.physics.chi2 import chi2_per_replica
from n3hyper.runcard import load_runcard
from n3hyper.theory.folders import find_theory
from n3hyper.theory.lhapdf import evolution_grid
from tests.benchmarks import cards, fits
from tests.benchmarks.__main__ import main, parse
from tests.benchmarks.n3fit_venv import n3fit_python
from tests.benchmarks.processes import Run, Unavailable, run
from tests.benchmarks.results import Results, Row, Target
from tests.benchmarks.ruler import Reached, reached_by_pdfs
from tests.benchmarks.toy_set import write_toy_set
from tests.support.synthetic import synthetic_problem, toy_pdf
from tests.support.toy_trainer import tilted, toy_fit


def test_toy_set_obeys_the_sum_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy_set(tmp_path, "toy")
    monkeypatch.setenv("LHAPDF_DATA_PATH", str(tmp_path))
    x = np.concatenate([np.geomspace(1e-7, 0.1, 3000), np.linspace(0.1, 1 - 1e-9, 3000)[1:]])
    grid = evolution_grid("toy", x, 1.65)
    momentum = trapezoid(grid[:, 1] + grid[:, 2], x)
    valence, triplet = (trapezoid(grid[:, column] / x, x) for column in (3, 4))
    # momentum 1, three valence quarks, one u more than d; what lies below 1e-7 is less than that
    assert momentum == pytest.approx(1, abs=2e-3)
    assert valence == pytest.approx(3, abs=5e-3)
    assert triplet == pytest.approx(1, abs=5e-3)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Return a folder with a theory and a t0 set beside the checkout."""
    folder = tmp_path / "shared"
    (folder / f"theory_{cards.BIG_THEORY}" / "fastkernel").mkdir(parents=True)
    (folder / "lhapdf" / cards.T0_SET).mkdir(parents=True)
    (folder / "lhapdf" / cards.T0_SET / f"{cards.T0_SET}.info").write_text("mine")
    return folder


def test_place_of_a_checkout_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = cards.make_place(tmp_path, shared=tmp_path / "nowhere")
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    theory = find_theory(place.theoryid, place.theories)
    # the cuts are n3fit's for this number, so the card must say the same as the shipped one's
    assert (theory.card().pto, theory.card().fns, theory.card().q0) == (1, "FONLL-B", 1.65)
    assert evolution_grid(cards.T0_SET, np.array([0.1]), 1.65).shape == (1, 14)
    profile = json.loads((tmp_path / "nnprofile.yaml").read_text())
    assert Path(profile["theories_path"]) == place.theories
    path = tmp_path / "card.yml"
    cards.write_runcard(path, cards.runcard(place, 2, 300, ("tanh", "sigmoid")))
    card = load_runcard(path)
    assert [p.datasets for p in card.kfold.partitions] == list(cards.FOLDS[:2])
    assert [trial["activation_per_layer"][0] for trial in card.hyperscan["parameters"]] == [
        "tanh",
        "sigmoid",
    ]
    tables = {table for positivity in card.positivity for table in [positivity.dataset]}
    assert tables == {f"NNPDF_POS_2P24GEV_{name}" for name in cards.POSITIVITY}


def test_place_beside_shared_tables(tmp_path: Path, shared: Path) -> None:
    place = cards.make_place(tmp_path / "place", shared)
    link = place.theories / f"theory_{cards.BIG_THEORY}"
    assert link.resolve() == shared / f"theory_{cards.BIG_THEORY}"
    assert (place.share / "lhapdf" / cards.T0_SET / f"{cards.T0_SET}.info").read_text() == "mine"
    assert len(cards.runcard(place, 4, 100)["positivity"]["posdatasets"]) == 13


def test_folds_are_of_data_sets_that_are_fitted() -> None:
    names = [name for name, _ in cards.DATASETS]
    folded = [name for fold in cards.FOLDS for name in fold]
    assert set(folded) < set(names)
    assert len(folded) == len(set(folded))


def test_ruler() -> None:
    problem = synthetic_problem(folds=2, replicas=3)
    scales = 1 + 0.02 * np.arange(6.0).reshape(2, 3)
    fit = toy_fit(problem, scales)
    x = problem.theory.xgrid
    pdfs = tilted(x, toy_pdf(x), scales)
    pdfs[1, 2, 0, 1] = np.nan
    reached = reached_by_pdfs(problem, pdfs)
    assert np.allclose(reached.left_out[0], fit.experimental_chi2[0], rtol=1e-12)
    assert np.allclose(reached.left_out[1, :2], fit.experimental_chi2[1, :2], rtol=1e-12)
    assert np.isnan(reached.left_out[1, 2])
    assert np.isnan(reached.validation[1, 2])
    for found, masks in (
        (reached.training, problem.training_masks),
        (reached.validation, problem.validation_masks),
    ):
        seen = masks[1] & ~problem.folds[0].mask
        expected = chi2_per_replica(
            fit.predictions[0, 1:2, : problem.ndata][:, seen],
            problem.replica_data[1][seen],
            problem.fit_covariance.masked(seen),
        )
        assert found[0, 1] == pytest.approx(expected[0], rel=1e-12)
    assert reached.summary()["training"] == pytest.approx(np.nanmedian(reached.training))


def test_models_on_a_plateau_are_counted() -> None:
    usual = np.array([[2.0, 2.1], [1.9, 2.2]])
    training = np.array([[2.0, 9.0], [1.9, np.nan]])
    assert Reached(usual, usual, usual).summary()["on a plateau"] == 0
    assert Reached(training, usual, usual).summary()["on a plateau"] == 2


def steps(begin: float, first: float, step: float, number: int) -> dict[str, Any]:
    """Return a fold of n3fit's: a first step, which compiles, and the others."""
    ends = begin + first + step * np.arange(number)
    times = {"steps": ends.tolist(), "cpu": (2 * ends).tolist()}
    return {"begin": begin, **times, "end": float(ends[-1])}


def test_numbers_of_n3fit() -> None:
    problem = synthetic_problem(folds=2, replicas=1)
    x = problem.theory.xgrid
    reached = reached_by_pdfs(problem, tilted(x, toy_pdf(x), np.ones((2, 1))))
    report = {
        "trial_begin": 150.0,
        "trial_end": 200.0,
        "folds": [steps(151.0, 8.0, 0.02, 300), steps(175.0, 6.0, 0.02, 300)],
        "own": {},
        "versions": {"nnpdf": "4.1.5"},
        "gpus": 0,
    }
    measured = fits.read_n3fit(report, Run(100.0, 110.0, 2400.0), reached)
    assert (measured.to_trial, measured.to_epoch) == (50.0, 59.0)
    assert measured.compilation == pytest.approx(14.0)
    assert measured.chunks == pytest.approx([0.02] * 4)
    assert measured.cpu == pytest.approx([0.04] * 4)
    assert measured.beside == pytest.approx([50.0 - 600 * 0.02])


def record(trial: float) -> dict[str, Any]:
    """Return a trial of this package that begins at `trial`, two folds of two replicas."""
    matrix = [[1.0, 1.2], [1.4, None]]
    names = ("training_losses", "validation_losses", "experimental_losses")
    meta = dict.fromkeys(names, matrix)
    seconds = {"setup": 0.5, "compile": 2.0, "train": 1.5, "evaluate": 0.1}
    progress = [(trial + 0.5, 7.0, "compile", 0)]
    progress += [
        (trial + 2.5 + 0.005 * epoch, 9.0 + 0.01 * epoch, "train", epoch)
        for epoch in (99, 199, 299, 300)
    ]
    result = {"seconds": seconds, "kfold_meta": meta}
    return {"begin": trial, "end": trial + 4.5, "progress": progress, "result": result}


def test_numbers_of_this_package() -> None:
    measured = fits.read_n3hyper({"trials": [record(108.0), record(120.0)]}, Run(100.0, 30.0, 900))
    assert (measured.to_trial, measured.to_epoch) == (8.0, 10.5)
    assert measured.chunks == pytest.approx([0.005] * 4)
    assert measured.cpu == pytest.approx([0.01] * 4)
    assert measured.trials == [4.5, 4.5]
    assert measured.beside == [3.0, 3.0]
    assert measured.reached.summary()["left out"] == 1.2
    with pytest.raises(Unavailable, match="without having been fitted"):
        fits.read_n3hyper({"trials": [{"result": {"status": "fail"}}]}, Run(0.0, 1.0, None))


def test_rows_of_a_comparison() -> None:
    batch = fits.Batch(2, 2, 1000, 1)
    comparison = fits.Comparison([batch])
    comparison.ours["2x2"] = [
        fits.read_n3hyper({"trials": [record(108.0)] * 3}, Run(100.0, 30.0, 900.0))
    ]
    names = [row.name for rows in comparison.rows().values() for row in rows]
    assert "DIS: an epoch, per model" in comparison.rows()
    assert names.count("start to first epoch, cold cache") == 1
    epoch, cpu = comparison.rows()["DIS: an epoch, per model"]
    assert cpu.ours == pytest.approx(1e3 * 0.01 / 4)
    assert epoch.ours == pytest.approx(1e3 * 0.005 / 4)
    assert epoch.theirs is None
    assert epoch.ratio is None


@pytest.mark.parametrize(
    ("target", "ours", "theirs", "met"),
    [
        (Target(at_least=25), 1.0, 25.0, True),
        (Target(at_least=25), 1.0, 24.9, False),
        (Target(at_least=25), 1.0, None, None),
        (Target(at_most=10), 9.9, None, True),
        (Target(at_most=10), 10.0, None, False),
        (Target(at_most=10), None, 1.0, None),
        (Target(no_worse=1.05), 1.05, 1.0, True),
        (Target(no_worse=1.05), 1.06, 1.0, False),
    ],
)
def test_targets(target: Target, ours: float, theirs: float, met: bool) -> None:
    assert Row("row", "s", ours, theirs, target).met is met


def test_results_as_table_and_json(tmp_path: Path) -> None:
    results = Results({"quick": True})
    results.add("epochs", [Row("1x1", "ms", 0.5, 20.0, Target(at_least=50)), Row("a", "MB", None)])
    results.notes.append("n3fit: no network")
    results.write(tmp_path / "results.json")
    content = json.loads((tmp_path / "results.json").read_text())
    first, second = content["results"]["epochs"]
    assert first == {
        "row": "1x1", "unit": "ms", "n3hyper": 0.5, "n3fit": 20.0, "ratio": 40.0,
        "target": ">= 50x", "met": False,
    }  # fmt: skip
    assert second["met"] is None
    assert content["machine"]["cores"] >= 1
    assert content["versions"]["n3hyper"]["tensorflow"]
    console = Console(record=True, width=120)
    results.show(console)
    text = console.export_text()
    assert "NOT MET" in text
    assert "40.0x" in text
    assert "1x1 [ms]" in text
    assert "not measured: n3fit: no network" in text


def test_programs_that_fail(tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "print('first'); raise SystemExit('what went wrong')"]
    with pytest.raises(Unavailable, match="status 1: what went wrong"):
        run(failing, {}, tmp_path, 60)
    with pytest.raises(Unavailable, match="more than 0 s"):
        run(
            [sys.executable, "-c", "import threading; threading.Event().wait()"], {}, tmp_path, 0.01
        )


def test_memory_of_a_program_and_its_children(tmp_path: Path) -> None:
    child = "import time; held = bytearray(80_000_000); time.sleep(1)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    ended = run([sys.executable, "-c", parent], {}, tmp_path, 60)
    assert ended.peak_mb is not None
    assert ended.peak_mb > 80


def test_store_without_n3fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "store.json"
    place = str(tmp_path / "no venv")
    assert main(["store", "--trials", "5", "--n3fit-venv", place, "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    assert content["notes"] == [
        f"n3fit: {place} is no virtual environment: there is no bin/python in it"
    ]
    names = [row["row"] for row in content["results"]["a trial beside its fit"]]
    assert names[0] == "suggestion (TPE), 5 trials"
    assert f"not measured: {content['notes'][0]}\n" in capsys.readouterr().out


def test_environment_that_lacks_n3fit(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho 'No module named n3fit' >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(Unavailable, match=r"lacks part of nnpdf.*: No module named n3fit"):
        n3fit_python(tmp_path, print)


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert [batch.name for batch in parse([]).batches] == ["1x1", "4x1", "4x8", "4x32"]
    assert [batch.name for batch in parse(["fits", "--batches", "4x8"]).batches] == ["4x8"]
    names = [batch.name for batch in parse([]).global_batches]
    assert names == ["1x1", "4x1", "4x8", "4x32", "4x100"]
    for wrong in (["speed"], ["--batches", "3x3"]):
        with pytest.raises(SystemExit):
            parse(wrong)
        assert "there are" in capsys.readouterr().err
