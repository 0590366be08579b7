"""Tests of a user's hyperopt.fmin on a database, with workers that run its objective by name."""

from __future__ import annotations

import functools
import logging
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hyperopt import Trials, fmin, hp, rand

from n3hyper.errors import ObjectiveError, StoreError
from n3hyper.hyper_optimization.mongo.address import VARIABLE
from n3hyper.hyper_optimization.mongo.jobs import job_id
from n3hyper.hyper_optimization.mongo.objectives import (
    ObjectiveDocument,
    decode_point,
    encode_point,
)
from n3hyper.hyper_optimization.mongo.search import Search
from n3hyper.hyper_optimization.mongo.server import MongodRunner
from n3hyper.hyper_optimization.mongofiletrials import MongoFileTrials
from n3hyper.hyper_optimization.record import read_tries
from n3hyper.hyper_optimization.sampling.samplers import ActivationStr
from tests.services import own_objectives
from tests.services.own_objectives import deadly_once, parabola, troubled, typed
from tests.support.mongo_servers import fresh_database
from tests.support.toy_processes import environment
from tests.support.waiting import HANGS

X = hp.uniform("x", -5, 5)
MODULE = own_objectives.__name__


@pytest.fixture
def uri(mongo_servers: Callable[[str], MongodRunner]) -> str:
    return fresh_database(mongo_servers("embedded"))


def search(objective: Any, trials: Any, space: Any = X, n: int = 6, **options: Any) -> Any:
    return fmin(
        fn=objective,
        space=space,
        algo=rand.suggest,
        max_evals=n,
        trials=trials,
        max_queue_len=n,
        rstate=np.random.default_rng(1),
        show_progressbar=False,
        **options,
    )


@contextmanager
def searching(folder: Path, uri: str, *objectives: Any, **options: Any) -> Iterator[Any]:
    """Provide a store with workers that may run some objectives."""
    trials = MongoFileTrials(folder, uri=uri, **options)
    trials.start_mongo_workers(objectives=objectives, poll_interval=0.05)
    try:
        yield trials
    finally:
        trials.stop_mongo_workers()
        trials.handle.close()


def test_workers_find_what_a_search_in_one_process_finds(tmp_path: Path, uri: str) -> None:
    """Compare points, losses and the best point, in the files and in the database."""
    with searching(tmp_path, uri, parabola, num_workers=2, parameters=X) as trials:
        best = search(parabola, trials)
        again = MongoFileTrials(None, exp_key=trials.exp_key, parameters=X, uri=uri)
        assert again.losses() == trials.losses()
        again.handle.close()
    alone = Trials()
    assert best == search(parabola, alone)
    assert trials.losses() == alone.losses()
    records = read_tries(tmp_path / "tries.json")
    assert [record["misc"]["space_vals"] for record in records] == alone.vals["x"]
    assert "point" not in records[0]["misc"]


SPACE = {
    "number": 1 + hp.lognormal("number", 0, 1),
    "pair": (hp.quniform("q", 1, 9, 1), [hp.choice("c", ["a", ("b", None)])]),
    "whole": {1: hp.uniformint("whole", 1, 5), 2: True},
}


def test_an_objective_is_given_the_point_as_hyperopt_gives_it(tmp_path: Path, uri: str) -> None:
    """Pass tuples, integers and keys of any type; attachments are kept with the trial."""
    with searching(tmp_path, uri, f"{MODULE}:typed", parameters=SPACE) as trials:
        search(typed, trials, SPACE, n=4)
        attached = [dict(trials.trial_attachments(trial)) for trial in trials.trials]
        trials.delete_all()
        assert not trials.trial_attachments({"tid": 0})
        assert not list(trials.handle.db["fs.files"].find())
    alone = Trials()
    search(typed, alone, SPACE, n=4)
    given = [record["result"]["given"] for record in read_tries(tmp_path / "tries.json")]
    assert given == [result["given"] for result in alone.results]
    assert attached == [{"text": "é".encode(), "blob": bytes([0, 255])}] * 4


def test_whatever_an_objective_does_is_a_trial(tmp_path: Path, uri: str) -> None:
    with searching(tmp_path, uri, troubled) as trials:
        best = search(troubled, trials, hp.quniform("x", 0, 7, 1), n=60)
    reasons = {}
    for record in read_tries(tmp_path / "tries.json"):
        failure = record["result"].get("failure")
        reasons[record["misc"]["vals"]["x"][0]] = (
            (failure["reason"], failure["text"]) if failure else record["result"]["loss"]
        )
    assert best == {"x": 6.0}
    assert reasons[6.0] == 6.0
    assert reasons[0.0] == ("exception", "ValueError: below one")
    assert reasons[1.0][0] == "nan"
    assert reasons[2.0][0] == "exception"
    assert reasons[3.0] == ("exception", "SystemExit: 3")
    assert reasons[4.0] == (
        "exception",
        "attachment 'model' is a object; attach bytes or text",
    )
    assert reasons[5.0][0] == "exception"


def test_a_job_whose_worker_is_killed_is_done_by_another(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ObjectiveDocument.__init__, "__defaults__", (2.0,))
    with searching(tmp_path, uri, deadly_once) as trials:
        search(deadly_once, trials, hp.choice("folder", [str(tmp_path)]), n=2)
    assert (tmp_path / "was here").exists()
    assert trials.losses() == [1.0, 1.0]


def make_objective() -> Any:
    def inner(x: float) -> float:
        return x

    return inner


in_a_script = types.FunctionType(parabola.__code__, parabola.__globals__, "in_a_script")
in_a_script.__module__, in_a_script.__qualname__ = "__main__", "in_a_script"
replaced = functools.wraps(parabola)(lambda x: x)


@pytest.mark.parametrize(
    ("objective", "reason"),
    [
        (lambda x: x, "a lambda"),
        (make_objective(), "made within another"),
        (functools.partial(parabola), "an object of type partial"),
        (own_objectives.functor, "an object of type Functor"),
        (in_a_script, "move it to a module of its own"),
        (replaced, f"{MODULE}:parabola is something else"),
        (own_objectives.low_level, "workers do not have expr, memo and ctrl"),
    ],
)
def test_an_objective_that_workers_cannot_run_is_refused_at_once(
    tmp_path: Path, uri: str, objective: Any, reason: str
) -> None:
    trials = MongoFileTrials(tmp_path, uri=uri)
    with pytest.raises(ObjectiveError, match=reason) as caught:
        search(objective, trials)
    assert "\n" not in str(caught.value)
    assert (len(trials), list(trials.handle.scans.find({"objective": {"$exists": True}}))) == (
        0,
        [],
    )
    trials.handle.close()


def test_a_space_of_other_objects_is_refused_at_once(tmp_path: Path, uri: str) -> None:
    trials = MongoFileTrials(tmp_path, uri=uri)
    with pytest.raises(ObjectiveError, match="the search space holds a function"):
        search(parabola, trials, hp.choice("f", [parabola, typed]))
    trials.handle.close()


def test_workers_run_what_they_were_told_to_allow_and_nothing_else(
    tmp_path: Path, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with searching(tmp_path, uri, parabola) as trials:
        with pytest.raises(ObjectiveError, match=rf"objectives=\['{MODULE}:typed'\]") as caught:
            search(typed, trials)
        assert "\n" not in str(caught.value)
        with pytest.raises(ObjectiveError, match="stop_mongo_workers"):
            trials.start_mongo_workers(objectives=[typed])
        # another process's search: the worker says why it does not work for it
        other = MongoFileTrials(None, uri=uri)
        other.publish(ObjectiveDocument(other.exp_key, f"{MODULE}:typed"))
        other.known.point_of = lambda vals: encode_point(vals)
        misc = {"tid": 0, "idxs": {}, "vals": {}, "cmd": None}
        other.insert_trial_docs(other.new_trial_docs([0], [None], [{"status": "new"}], [misc]))
        watch = Search(other, other.scan_document, SPACE)
        while not caplog.messages:
            other.refresh()
            watch.look()
        assert "--allow-objective" in caplog.messages[0]
        assert f"{MODULE}:typed" in caplog.messages[0]
        job = other.handle.jobs.find_one({"_id": job_id(other.exp_key, 0)})
        assert (job["state"], job["attempts"]) == (0, 0)
        other.handle.close()


def test_a_search_without_workers_says_so(
    tmp_path: Path, uri: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("n3hyper.hyper_optimization.mongo.search._ALONE", 0.0)
    trials = MongoFileTrials(tmp_path, uri=uri)

    class Told(Exception):
        pass

    def told(*_: Any) -> None:
        raise Told

    monkeypatch.setattr(logging.getLogger(Search.__module__), "warning", told)
    with pytest.raises(Told):
        search(parabola, trials)
    trials.handle.close()


def test_a_search_whose_workers_end_does_not_wait_for_ever(tmp_path: Path, uri: str) -> None:
    trials = MongoFileTrials(tmp_path, uri=uri)
    trials.worker_command = (sys.executable, "-c", "print('no worker')")
    trials.start_mongo_workers(objectives=[parabola])
    with pytest.raises(StoreError, match=r"have ended; the end of .*workers\.log says why"):
        search(parabola, trials)
    trials.handle.close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:f", "cannot be imported here: ModuleNotFoundError"),
        (f"{MODULE}:nothing", "has no function nothing"),
        (f"{MODULE}:X", "has no function X"),
        ("print", "write it as module:function"),
        ("os.system('x'):y", "write it as module:function"),
    ],
)
def test_names_of_objectives_are_checked_where_they_are_given(
    tmp_path: Path, uri: str, name: str, reason: str
) -> None:
    trials = MongoFileTrials(tmp_path, uri=uri)
    with pytest.raises(ObjectiveError, match=reason.replace("(", r"\(")) as caught:
        trials.start_mongo_workers(objectives=[name])
    assert "\n" not in str(caught.value)
    assert not trials.workers_running
    trials.handle.close()


def test_the_command_says_that_an_objective_cannot_be_imported(uri: str) -> None:
    command = [sys.executable, "-m", "n3hyper.cli", "mongo-worker"]
    done = subprocess.run(
        [*command, "--allow-objective", "no_such_module:f"],
        env=environment(**{VARIABLE: uri}),
        capture_output=True,
        text=True,
        timeout=HANGS,
    )
    assert done.returncode == 2
    assert "objective no_such_module:f: no_such_module cannot be imported here" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "point",
    [
        1.5,
        (1, [2, None]),
        {"a": {1: (True, "x")}, None: float("inf")},
        [],
        {},
        (),
        ActivationStr("tanh"),
    ],
)
def test_points_survive_as_text(point: Any) -> None:
    again = decode_point(encode_point(point))
    assert repr(again) == repr(point)


@pytest.mark.parametrize(
    "text", [None, 3, "", "[", '{"list": []}', '{"tuple": 3}', '{"dict": [[[], 1]]}', "[" * 10**5]
)
def test_points_that_anybody_may_have_written_are_refused(text: Any) -> None:
    with pytest.raises(StoreError):
        decode_point(text)


def test_arguments_may_be_positional_as_documented(tmp_path: Path, uri: str) -> None:
    """Use the order of hyperopt's MongoTrials: exp_key, cmd, workdir, refresh."""
    trials = MongoFileTrials(
        tmp_path, "localhost", 1, "none", 3, X, "a name", None, None, False, uri=uri
    )
    assert (trials.num_workers, trials.parameters, trials.exp_key) == (3, X, "a name")
    assert list(trials.handle.scans.find()) == []
    trials.handle.close()
