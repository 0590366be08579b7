"""What every store of trials promises, whatever it is made of.

A store joins by a `Backend` in `BACKENDS`: how to make it in a folder, and how to open it again as
a process that was started later would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hyperopt import fmin, rand

from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.record import failed_result, read_tries
from n3hyper.hyper_optimization.suggest import Suggester, trial_generator
from tests.hyper_optimization.toy_trainer import HYPERSCAN, PARAMETERS


@dataclass(frozen=True)
class Backend:
    create: Callable[[Path, Any], Any]
    reopen: Callable[[Path], Any]


def reopen_files(folder: Path) -> FileTrials:
    return FileTrials.from_pkl(folder / "tries.pkl")


BACKENDS = {"files": Backend(FileTrials, reopen_files)}


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]


@pytest.fixture
def space() -> dict[str, Any]:
    return HyperScanner(PARAMETERS, HYPERSCAN).as_dict()


def add_trial(trials: Any, space: Any, result: dict[str, Any], state: int = 2) -> int:
    """One trial from suggestion to record."""
    (tid,) = trials.new_trial_ids(1)
    trials.insert_trial_docs(Suggester(space, 1).suggest(trials, tid))
    trials.refresh()
    (document,) = [each for each in trials.trials if each["tid"] == tid]
    document["result"] = result
    document["state"] = state
    trials.refresh()
    return int(tid)


def ok(loss: float) -> dict[str, Any]:
    return {"status": "ok", "loss": loss, "kfold_meta": {"m": np.array([[loss, np.nan]])}}


def test_a_new_store_is_empty(backend: Backend, space: Any, tmp_path: Path) -> None:
    trials = backend.create(tmp_path, space)
    assert len(trials) == 0
    assert trials.losses() == []


def test_numbers_of_trials_are_never_given_twice(
    backend: Backend, space: Any, tmp_path: Path
) -> None:
    trials = backend.create(tmp_path, space)
    numbers = [*trials.new_trial_ids(2), *trials.new_trial_ids(3)]
    trials.refresh()
    numbers += trials.new_trial_ids(1)
    assert numbers == list(range(6))


def test_the_file_follows_each_finished_trial(backend: Backend, space: Any, tmp_path: Path) -> None:
    trials = backend.create(tmp_path, space)
    for number in range(3):
        add_trial(trials, space, ok(float(number)))
        records = read_tries(tmp_path / "tries.json")
        assert [each["tid"] for each in records] == list(range(number + 1))
    assert records[2]["result"]["loss"] == 2.0
    assert records[2]["result"]["kfold_meta"] == {"m": [[2.0, None]]}
    assert set(records[2]["misc"]["space_vals"]) == set(PARAMETERS)
    assert isinstance(records[2]["misc"]["space_vals"]["activation_per_layer"], str)


def test_failures_are_trials_of_the_scan(backend: Backend, space: Any, tmp_path: Path) -> None:
    trials = backend.create(tmp_path, space)
    add_trial(trials, space, failed_result("exception", "no"), state=3)
    add_trial(trials, space, ok(1.0))
    assert trials.statuses() == ["fail", "ok"]
    assert trials.losses() == [None, 1.0]
    assert trials.best_trial["tid"] == 1
    assert len(read_tries(tmp_path / "tries.json")) == 2


def test_a_store_that_is_opened_again_is_the_same(
    backend: Backend, space: Any, tmp_path: Path
) -> None:
    trials = backend.create(tmp_path, space)
    trials.rstate = trial_generator(5, 0)
    trials.scan = {"seed": 5, "fingerprint": {"space": "x"}}
    add_trial(trials, space, ok(0.1 + 0.2))
    add_trial(trials, space, failed_result("lost", "worker"), state=3)
    trials.to_pkl()
    again = backend.reopen(tmp_path)
    assert again.trials == trials.trials
    assert again.scan == trials.scan
    assert again.rstate.bit_generator.state == trials.rstate.bit_generator.state
    assert again.rstate.integers(2**31) == trials.rstate.integers(2**31)
    assert again.new_trial_ids(1) == [2]
    add_trial(again, space, ok(3.0))
    assert [each["tid"] for each in read_tries(tmp_path / "tries.json")] == [0, 1, 3]


def test_hyperopt_itself_can_use_the_store(backend: Backend, space: Any, tmp_path: Path) -> None:
    trials = backend.create(tmp_path, space)
    best = fmin(
        fn=lambda setup: setup["dropout"] + setup["positivity"]["multiplier"],
        space=space,
        algo=rand.suggest,
        max_evals=4,
        trials=trials,
        rstate=np.random.default_rng(1),
        show_progressbar=False,
    )
    records = read_tries(tmp_path / "tries.json")
    assert len(records) == 4
    assert best == trials.argmin
    assert min(each["result"]["loss"] for each in records) == min(trials.losses())
