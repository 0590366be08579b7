"""Whole scans with the toy trainer: what is found, kept, repeated and refused."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.errors import FitError, HyperparameterError, RuncardError, StoreError
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.hyper_scan import HyperScanner, hp_uniform, hyper_scan_wrapper
from n3hyper.hyper_optimization.record import failed_result, finished_state, read_tries
from n3hyper.hyper_optimization.sampling.suggest import (
    ALGORITHMS,
    Suggester,
    learned_from,
    scored,
    trial_generator,
)
from n3hyper.hyper_optimization.scores.scoring import make_scorer
from n3hyper.hyper_optimization.serial_loop import evaluate
from n3hyper.runcard.model import KFold, Partition
from tests.support.loops import run_scan
from tests.support.synthetic import synthetic_problem
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS, ToyTrainer
from tests.support.waiting import HANGS

PROBLEM = synthetic_problem(dis=(8, 6), hadronic=0, replicas=2, nx=12)
KFOLD = KFold(
    partitions=tuple(Partition(fold.datasets) for fold in PROBLEM.folds),
    penalties=("saturation", "patience", "integrability"),
    penalties_in_loss=False,
    threshold=1e6,
)


def toy(fail: Any = None) -> ToyTrainer:
    return ToyTrainer(PROBLEM, make_scorer(PROBLEM, KFOLD), fail)


def scanner(**parts: Any) -> HyperScanner:
    return HyperScanner(PARAMETERS, parts or HYPERSCAN)


def without_times(folder: Path) -> list[dict[str, Any]]:
    """The records, times and durations aside."""
    records = read_tries(folder / "tries.json")
    for record in records:
        for name in ("book_time", "refresh_time"):
            record.pop(name)
        record["result"].pop("seconds")
    return records


def fails_now_and_then(setup: dict[str, Any]) -> Any:
    if setup["epochs"] % 4 == 0:
        raise ValueError(f"{setup['epochs']} epochs\nare not to my liking")
    return {"status": "ok", "loss": math.nan} if setup["epochs"] % 4 == 1 else None


def test_a_scan_returns_the_best_parameters(tmp_path: Path) -> None:
    trainer = toy()
    best = hyper_scan_wrapper(tmp_path / "replica_1", trainer, scanner(), max_evals=6)
    records = read_tries(tmp_path / "replica_1" / "tries.json")
    losses = [record["result"]["loss"] for record in records]
    assert len(losses) == len(trainer.seen) == 6
    number = int(np.argmin(losses))
    expected = {**trainer.seen[number]}
    expected["activation_per_layer"] = expected["activation_per_layer"](
        len(expected["nodes_per_layer"])
    )
    assert best == expected
    assert trainer.keys == sorted(set(PARAMETERS) - {"layer_type"})
    assert len(FileTrials.from_pkl(tmp_path / "replica_1" / "tries.pkl")) == 6


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_eight_at_once_and_three_and_five_are_the_same(tmp_path: Path, algo: str) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run_scan(whole, toy(fails_now_and_then), scanner(), 8, seed=11, algo=algo)
    run_scan(parts, toy(fails_now_and_then), scanner(), 3, seed=11, algo=algo)
    run_scan(parts, toy(fails_now_and_then), scanner(), 8, restart=True)
    assert without_times(whole) == without_times(parts)
    states = [FileTrials.from_pkl(folder / "tries.pkl").rstate for folder in (whole, parts)]
    assert states[0].bit_generator.state == states[1].bit_generator.state


def test_tpe_beyond_its_start_does_not_depend_on_restarts(tmp_path: Path) -> None:
    """After 20 scored trials TPE looks at the history."""
    space = {"optimizer": HYPERSCAN["optimizer"], "stopping": HYPERSCAN["stopping"]}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run_scan(whole, toy(fails_now_and_then), scanner(**space), 60, seed=3)
    for number in (10, 51, 60):
        restart = (parts / "tries.pkl").exists()
        run_scan(
            parts,
            toy(fails_now_and_then),
            scanner(**space),
            number,
            seed=3,
            restart=restart,
        )
    records = without_times(whole)
    assert sum(record["result"]["status"] == "ok" for record in records) > 20
    assert records == without_times(parts)


def test_an_interrupted_trial_is_done_again(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_scan(whole, toy(), scanner(), 5)
    calls = []

    def interrupt(setup: dict[str, Any]) -> None:
        calls.append(setup)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_scan(broken, toy(interrupt), scanner(), 5)
    assert without_times(broken) == without_times(whole)[:2]
    run_scan(broken, toy(), scanner(), 5, restart=True)
    assert without_times(broken) == without_times(whole)


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.hyper_optimization.test_serial_loop import evaluate, run_scan, scanner, toy
folder, when = Path(sys.argv[1]), int(sys.argv[2])
count = 0
def die(setup):
    global count
    count += 1
    if count == when:
        os.kill(os.getpid(), 9)
run_scan(folder, toy(die), scanner(), 6, restart=(folder / "tries.pkl").exists())
"""


def test_kill_9_loses_nothing_but_the_trial_under_way(tmp_path: Path) -> None:
    """In processes of their own, with hashes of their own."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_scan(whole, toy(), scanner(), 6)
    script = KILLED.format(root=str(Path(__file__).resolve().parents[2]))
    statuses = []
    for number, when in enumerate((3, 2, 0)):
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "PYTHONWARNINGS": "ignore"}
        statuses.append(
            subprocess.run(
                [sys.executable, "-c", script, str(killed), str(when)],
                env=environment,
                check=False,
                timeout=HANGS,
            ).returncode
        )
    assert statuses == [-9, -9, 0]
    assert without_times(killed) == without_times(whole)


def test_failed_trials_have_reasons_and_the_scan_goes_on(tmp_path: Path) -> None:
    def fail(setup: dict[str, Any]) -> Any:
        kind = setup["epochs"] % 3
        if kind == 0:
            raise MemoryError
        return {"status": "ok", "loss": math.inf} if kind == 1 else None

    outcome = run_scan(tmp_path, toy(fail), scanner(), 12)
    records = read_tries(tmp_path / "tries.json")
    reasons = {0: "memory", 1: "nan"}
    for record in records:
        kind = record["misc"]["space_vals"]["epochs"] % 3
        failure = record["result"].get("failure", {}).get("reason")
        assert failure == reasons.get(kind)
        assert (record["result"]["loss"] is None) == (kind in reasons)
    assert outcome.best is not None
    assert sum(outcome.failures.values()) == sum(
        record["result"]["status"] == "fail" for record in records
    )


def test_memory_that_is_not_there_is_a_reason_of_its_own() -> None:
    """NumPy's error here; TensorFlow's and the texts of compiled programs by their wording."""

    def numpy(_setup: dict[str, Any]) -> Any:
        return np.ones(2**45)

    def compiled(_setup: dict[str, Any]) -> Any:
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 68719476736 bytes.")

    for fail in (numpy, compiled):
        result = evaluate(toy(fail), PARAMETERS)
        assert (result["status"], result["loss"]) == ("fail", None)
        assert result["failure"]["reason"] == "memory"


def test_hyperparameters_that_describe_no_fit_are_no_fault_of_the_program() -> None:
    def refuse(_setup: dict[str, Any]) -> Any:
        raise HyperparameterError("dropout: 1.5; a rate is below 1")

    def fault(_setup: dict[str, Any]) -> Any:
        raise KeyError("v3")

    refused, failed = (evaluate(toy(each), PARAMETERS)["failure"] for each in (refuse, fault))
    assert refused == {"reason": "setup", "text": "dropout: 1.5; a rate is below 1"}
    assert (failed["reason"], failed["text"]) == ("exception", "KeyError: 'v3'")
    assert 'raise KeyError("v3")' in failed["traceback"]
    assert str(Path(__file__).parents[2]) not in failed["traceback"]


def test_memory_that_tensorflow_lacks() -> None:
    from n3hyper.fitting.backend import tensorflow

    result = evaluate(toy(lambda _setup: tensorflow().ones((2**22, 2**22))), PARAMETERS)
    assert result["failure"]["reason"] == "memory"
    assert result["failure"]["text"].startswith("ResourceExhaustedError: ")


def test_records_hold_what_vp_hyperoptplot_reads(tmp_path: Path) -> None:
    """Each field that validphys 4.1.5 reads of a trial with state 2, and as what."""
    run_scan(tmp_path, toy(fails_now_and_then), scanner(), 8)
    records = [each for each in read_tries(tmp_path / "tries.json") if each["state"] == 2]
    assert 0 < len(records) < 8
    for record in records:
        setup, result = record["misc"]["space_vals"], record["result"]
        assert set(setup) >= {"epochs", "stopping_patience", "layer_type", "initializer", "dropout"}
        assert isinstance(setup["optimizer"]["optimizer_name"], str)
        assert isinstance(setup["positivity"]["multiplier"], float)
        assert isinstance(setup["nodes_per_layer"], list)
        assert isinstance(setup["activation_per_layer"], str)
        assert {"status", "loss", "validation_loss"} <= set(result)
        for name in ("chi2", "phi2", "logp"):
            assert np.isfinite(np.array(result["kfold_meta"][f"hyper_losses_{name}"]).max())
        assert np.isfinite(np.array(result["kfold_meta"]["trvl_losses_chi2exp"]).mean())


def test_a_scan_without_success_says_why(tmp_path: Path) -> None:
    def fail(_setup: dict[str, Any]) -> None:
        raise ValueError("no")

    with pytest.raises(FitError, match=r"none of 3 trials succeeded \(3 exception"):
        hyper_scan_wrapper(tmp_path, toy(fail), scanner(), max_evals=3)
    assert len(read_tries(tmp_path / "tries.json")) == 3


def test_too_many_failures_in_a_row_end_a_scan(tmp_path: Path) -> None:
    def fail(_setup: dict[str, Any]) -> None:
        raise ValueError("always")

    outcome = run_scan(tmp_path, toy(fail), scanner(), 50, max_failures=4)
    assert len(outcome.trials) == 4
    assert "4 trials in a row failed" in outcome.stopped
    assert "always" in outcome.stopped


def test_a_scan_can_be_told_to_stop_between_trials(tmp_path: Path) -> None:
    seen: list[int] = []
    outcome = run_scan(
        tmp_path,
        toy(),
        scanner(),
        50,
        on_trial=lambda record: seen.append(record["tid"]),
        stop=lambda: "time is up" if len(seen) == 3 else "",
    )
    assert (outcome.stopped, seen) == ("time is up", [0, 1, 2])


def test_callbacks_are_told_what_is_tried(tmp_path: Path) -> None:
    started: list[tuple[int, dict[str, Any]]] = []
    run_scan(tmp_path, toy(), scanner(), 2, on_start=lambda *each: started.append(each))
    assert [number for number, _ in started] == [0, 1]
    assert json.loads(json.dumps(started[1][1])) == started[1][1]


def test_a_folder_with_trials_is_not_begun_again(tmp_path: Path) -> None:
    run_scan(tmp_path, toy(), scanner(), 1)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("tries.*")}
    with pytest.raises(StoreError, match="n3hyper restart --pkl"):
        run_scan(tmp_path, toy(), scanner(), 2)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("tries.*")} == before


def test_a_restart_needs_the_same_scan(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_scan(tmp_path, toy(), scanner(), 1, restart=True)
    run_scan(tmp_path, toy(), scanner(), 1, fingerprint={"data": "a", "theory": "t"})
    again = {"restart": True}
    with pytest.raises(StoreError, match=r"data .a before, b now. differs"):
        run_scan(tmp_path, toy(), scanner(), 2, fingerprint={"data": "b", "theory": "t"}, **again)
    with pytest.raises(StoreError, match=r"space .activation_per_layer, dropout.*differs"):
        run_scan(tmp_path, toy(), scanner(stopping=HYPERSCAN["stopping"]), 2, **again)
    with pytest.raises(StoreError, match="begun with seed 42"):
        run_scan(tmp_path, toy(), scanner(), 2, seed=1, **again)
    with pytest.raises(StoreError, match="begun with algo 'tpe'"):
        run_scan(tmp_path, toy(), scanner(), 2, algo="random", **again)
    assert len(read_tries(tmp_path / "tries.json")) == 1


def test_a_restart_mends_the_json(tmp_path: Path) -> None:
    """A kill between the two files leaves it behind, or ahead."""
    run_scan(tmp_path, toy(), scanner(), 2)
    whole = without_times(tmp_path)
    (tmp_path / "tries.json").write_text("[]")
    run_scan(tmp_path, toy(), scanner(), 2, restart=True)
    assert without_times(tmp_path) == whole


def test_seeds_and_algorithms_make_different_scans(tmp_path: Path) -> None:
    found = set()
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        best = hyper_scan_wrapper(folder, toy(), scanner(), max_evals=2, seed=seed)
        found.add(json.dumps(best))
    assert len(found) == 2
    with pytest.raises(RuncardError, match="did you mean 'random'"):
        run_scan(tmp_path / "x", toy(), scanner(), 1, algo="randm")


def test_a_list_of_setups_is_scanned(tmp_path: Path) -> None:
    setups = [{**PARAMETERS, "epochs": epochs} for epochs in (5, 6, 7)]
    trainer = toy()
    hyper_scan_wrapper(tmp_path, trainer, scanner(parameters=setups), max_evals=8)
    assert {setup["epochs"] for setup in trainer.seen} <= {5, 6, 7}
    for record in read_tries(tmp_path / "tries.json"):
        assert set(record["misc"]["space_vals"]) == set(PARAMETERS)


def test_the_generator_of_a_trial_depends_on_seed_and_number_alone() -> None:
    draws = {
        (seed, tid): int(trial_generator(seed, tid).integers(2**60))
        for seed in range(4)
        for tid in range(4)
    }
    assert len(set(draws.values())) == 16


def history(space: dict[str, Any], number: int, failed: dict[str, Any]) -> FileTrials:
    """`number` trials of random points x in (0, 1), those above 0.5 with the result `failed`."""
    trials = FileTrials(None, space)
    points = Suggester(space, 1, "random")
    for _ in range(number):
        (tid,) = trials.new_trial_ids(1)
        (document,) = points.suggest(trials, tid)
        x = document["misc"]["vals"]["x"][0]
        document["result"] = failed if x > 0.5 else {"status": "ok", "loss": (x - 0.4) ** 2}
        document["state"] = 2
        trials.insert_trial_docs([document])
        trials.refresh()
    return trials


@pytest.mark.parametrize("algo", ["tpe", "anneal"])
@pytest.mark.parametrize(
    "failed",
    [
        {"status": "fail", "loss": -1e9},
        {"status": "ok", "loss": math.nan},
        {"status": "ok", "loss": -math.inf},
    ],
    ids=["made-up loss", "nan", "minus infinity"],
)
def test_no_number_of_a_failed_trial_is_learned_from(algo: str, failed: dict[str, Any]) -> None:
    """Whatever number it may hold, the suggestion is the one without it."""
    space = {"x": hp_uniform("x", 0.0, 1.0)}
    with_number = history(space, 60, failed)
    without = history(space, 60, {"status": "fail", "loss": None})
    suggester = Suggester(space, 7, algo)
    for tid in range(60, 70):
        points = [
            suggester.suggest(trials, tid)[0]["misc"]["vals"] for trials in (with_number, without)
        ]
        assert points[0] == points[1]


@pytest.mark.parametrize("losses", [0, 1, 2, 5])
@pytest.mark.parametrize("failures", [0, 10, 100, 1000])
def test_failures_are_never_among_the_best_of_tpe(losses: int, failures: int) -> None:
    documents = [
        {
            "tid": tid,
            "state": 2,
            "result": {"status": "ok", "loss": 1.0} if tid < losses else {"status": "fail"},
        }
        for tid in range(losses + failures)
    ]
    shown = learned_from(documents, without_loss=True)
    assert [each["tid"] for each in shown] == sorted(each["tid"] for each in shown)
    assert sum(scored(each) for each in shown) == losses
    assert math.ceil(0.25 * math.sqrt(len(shown))) <= losses
    assert learned_from(documents, without_loss=False) == documents[:losses]


def test_tpe_leaves_a_region_that_fails() -> None:
    """A failing half draws less than half of the samples, though the optimum is near its edge."""
    space = {"x": hp_uniform("x", 0.0, 1.0), "y": hp_uniform("y", 0.0, 1.0)}
    trials = FileTrials(None, space)
    suggester = Suggester(space, 5)
    failed = []
    for _ in range(100):
        (tid,) = trials.new_trial_ids(1)
        (document,) = suggester.suggest(trials, tid)
        x, y = (document["misc"]["vals"][name][0] for name in "xy")
        failed.append(x > 0.5)
        loss = (x - 0.3) ** 2 + (y - 0.5) ** 2
        document["result"] = failed_result("nan", "") if x > 0.5 else {"status": "ok", "loss": loss}
        document["state"] = finished_state(document["result"])
        trials.insert_trial_docs([document])
        trials.refresh()
    assert np.mean(failed[:20]) > 0.3
    assert np.mean(failed[40:]) < 0.4
