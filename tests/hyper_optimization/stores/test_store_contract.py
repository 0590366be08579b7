"""What every store of trials promises, whatever it is made of.

A store joins by a `Backend` in `BACKENDS`: how to make it in a folder, how to open it again as a
process that was started later would, how a trial is finished, and who evaluates for hyperopt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hyperopt import fmin, rand

from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.mongo.connection import open_database
from n3hyper.hyper_optimization.mongo.jobs import Jobs, job_id
from n3hyper.hyper_optimization.mongo.server import MongodRunner
from n3hyper.hyper_optimization.mongofiletrials import MongoFileTrials
from n3hyper.hyper_optimization.record import failed_result, plain, read_tries
from n3hyper.hyper_optimization.sampling.space import evaluate_space
from n3hyper.hyper_optimization.sampling.suggest import Suggester, trial_generator
from n3hyper.hyper_optimization.stores.base import OwnStore, TrialStore
from tests.support.mongo_servers import engines, fresh_database
from tests.support.store_backends import FILES, Backend, add_trial, ok
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS


def finish_in_database(trials: Any, document: dict[str, Any], result: Any, state: int) -> None:
    claim = trials.handle.claim(job_id(trials.exp_key, document["tid"]), "test")
    assert trials.handle.finish(claim, plain(result))


@contextmanager
def evaluating_jobs(trials: Any, space: Any, fn: Callable[[Any], float]) -> Iterator[None]:
    """A thread that does what a worker does, with a function of the test."""
    over = threading.Event()

    def work() -> None:
        jobs = Jobs(open_database(trials.uri))
        while not over.wait(0.01):
            for candidate in jobs.candidates(trials.exp_key):
                claim = jobs.claim(candidate["_id"], "thread")
                parameters = evaluate_space(space, jobs.point(claim)["vals"])
                jobs.finish(claim, {"status": "ok", "loss": fn(parameters)})

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture(params=["files", *engines()])
def backend(
    request: pytest.FixtureRequest, mongo_servers: Callable[[str], MongodRunner]
) -> Backend:
    if request.param == "files":
        return FILES
    uri = fresh_database(mongo_servers(request.param))
    return Backend(
        lambda folder, space: MongoFileTrials(folder, parameters=space, uri=uri),
        lambda folder: MongoFileTrials.from_pkl(folder / "tries.pkl", uri=uri),
        finish_in_database,
        evaluating_jobs,
    )


@pytest.fixture
def space() -> dict[str, Any]:
    return HyperScanner(PARAMETERS, HYPERSCAN).as_dict()


def test_a_store_that_breaks_its_promises_cannot_be_made() -> None:
    class Forgetful(OwnStore):
        def refresh(self) -> None:
            """Nothing is written."""

    with pytest.raises(TypeError, match="abstract"):
        Forgetful()


def test_trials_are_begun_and_finished_or_forgotten(tmp_path: Path, space: Any) -> None:
    """As a scan does that evaluates its trials itself."""
    store: OwnStore = FileTrials(tmp_path, parameters=space)
    records = []
    for number in range(2):
        (tid,) = store.new_trial_ids(1)
        trial = store.begin(Suggester(space, 1).suggest(store, tid)[0])
        assert (trial["tid"], trial["state"], store.number_finished) == (number, 1, number)
        store.finish(trial, failed_result("nan", "no") if number else ok(1.0))
        store.refresh()
        records = read_tries(tmp_path / "tries.json")
        assert [each["tid"] for each in records] == list(range(number + 1))
    assert [each["state"] for each in records] == [2, 3]
    (tid,) = store.new_trial_ids(1)
    store.begin(Suggester(space, 1).suggest(store, tid)[0])
    store.discard_unfinished()
    assert store.new_trial_ids(1) == [tid]
    assert len(store.finished) == store.number_finished == 2


def test_a_new_store_is_empty(backend: Backend, space: Any, tmp_path: Path) -> None:
    trials = backend.create(tmp_path, space)
    assert isinstance(trials, TrialStore)
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
        add_trial(backend, trials, space, ok(float(number)))
        records = read_tries(tmp_path / "tries.json")
        assert [each["tid"] for each in records] == list(range(number + 1))
    assert records[2]["result"]["loss"] == 2.0
    assert records[2]["result"]["kfold_meta"] == {"m": [[2.0, None]]}
    assert set(records[2]["misc"]["space_vals"]) == set(PARAMETERS)
    assert isinstance(records[2]["misc"]["space_vals"]["activation_per_layer"], str)


def test_failures_are_trials_of_the_scan(backend: Backend, space: Any, tmp_path: Path) -> None:
    trials = backend.create(tmp_path, space)
    add_trial(backend, trials, space, failed_result("exception", "no"), state=3)
    add_trial(backend, trials, space, ok(1.0))
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
    add_trial(backend, trials, space, ok(0.1 + 0.2))
    add_trial(backend, trials, space, failed_result("lost", "worker"), state=3)
    trials.to_pkl()
    again = backend.reopen(tmp_path)
    assert again.trials == trials.trials
    assert again.scan == trials.scan
    assert again.rstate.bit_generator.state == trials.rstate.bit_generator.state
    assert again.rstate.integers(2**31) == trials.rstate.integers(2**31)
    assert again.new_trial_ids(1) == [2]
    add_trial(backend, again, space, ok(3.0))
    assert [each["tid"] for each in read_tries(tmp_path / "tries.json")] == [0, 1, 3]


def objective(setup: Any) -> float:
    return float(setup["dropout"] + setup["positivity"]["multiplier"])


def test_hyperopt_itself_can_use_the_store(backend: Backend, space: Any, tmp_path: Path) -> None:
    trials = backend.create(tmp_path, space)
    with backend.evaluating(trials, space, objective):
        best = fmin(
            fn=objective,
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
