"""Tests of what is made of workers' signs of life, which anybody may have written."""

from __future__ import annotations

import datetime
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.mongo.watching.work import work_of
from n3hyper.hyper_optimization.standing.state import encode_progress

NOW = datetime.datetime(2026, 3, 2, 9, 0, 0)
KEY = "scan"


def ago(seconds: float) -> datetime.datetime:
    return NOW - datetime.timedelta(seconds=seconds)


def worker(name: str, seen: float, **values: Any) -> dict[str, Any]:
    return {"_id": name, "exp_key": KEY, "seen": ago(seen), "beat": 3.0, **values}


def job(tid: int, owner: str, begun: float, heard: float) -> dict[str, Any]:
    times = {"book_time": ago(begun), "refresh_time": ago(heard)}
    return {"tid": tid, "state": 1, "owner": owner, "attempts": 1, **times}


def test_a_silent_worker_is_lost_and_its_trial_waits_for_its_lease() -> None:
    progress = Progress(100, 200, 1.5, folds=(1.0, 2.0))
    busy = {"trial": 4, "done": 3, "age": 60.0, "progress": encode_progress(progress)}
    documents = [worker("a:1:x", 2.0, **busy), worker("b:2:y", 20.0, trial=5), worker("c:3:z", 7.9)]
    headers = [job(4, "a:1:x", 12.0, 2.0), job(5, "b:2:y", 30.0, 21.0), {"tid": 6, "state": 0}]
    work = work_of(KEY, headers, documents, NOW, lease=60.0)
    assert [(each.short, each.lost) for each in work.workers] == [
        ("a:1", False), ("c:3", False), ("b:2", True),
    ]  # fmt: skip
    assert work.alive == 2
    assert work.workers[0].per_hour == 180.0
    going, lost = work.trials
    assert (going.tid, going.seconds, going.lost, going.progress) == (4, 12.0, False, progress)
    assert (lost.tid, lost.silent, lost.lost, lost.lease_left) == (5, 20.0, True, 39.0)
    # nobody gives it to another where the scan is not there
    (_, waiting) = work_of(KEY, headers, documents, NOW, 60.0, waited_for=False).trials
    assert math.isnan(waiting.lease_left)


def test_a_trial_of_a_worker_that_left_no_sign_is_lost_after_two_beats_of_its_lease() -> None:
    for heard, lost in ((20.0, False), (27.0, True)):
        (trial,) = work_of(KEY, [job(1, "gone", 90.0, heard)], [], NOW, lease=60.0).trials
        assert (trial.lost, trial.silent) == (lost, heard)


def test_a_worker_that_refuses_is_none_of_the_scan() -> None:
    refusing = worker("a:1:x", 1.0, refuses=KEY, note="theory differs\x1b[2J")
    work = work_of(KEY, [], [refusing, worker("b:2:y", 1.0, exp_key=None)], NOW, 60.0)
    assert [each.short for each in work.workers] == ["b:2"]
    assert work.refusals == ("theory differs?[2J",)


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.datetimes() | st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(), st.text())
)  # fmt: skip
names = ("_id", "exp_key", "seen", "beat", "trial", "done", "age", "progress", "note", "refuses")
fields = ("tid", "state", "owner", "attempts", "refresh_time", "book_time")


@given(
    st.lists(st.dictionaries(st.sampled_from(fields), values), max_size=3),
    st.lists(st.dictionaries(st.sampled_from(names), values), max_size=3),
)
def test_whatever_stands_in_the_database_is_shown_or_left_aside(
    headers: list[dict[str, Any]], documents: list[dict[str, Any]]
) -> None:
    ours = [{**document, "exp_key": KEY} for document in documents]
    running = [{**header, "state": 1} for header in headers]
    work = work_of(KEY, running, ours, NOW, 60.0)
    for trial in work.trials:
        assert trial.seconds >= 0
        assert trial.worker.isprintable()
    assert all(each.name.isprintable() for each in work.workers)
