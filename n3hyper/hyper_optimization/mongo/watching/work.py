"""Who works on what, as the database knows it by the workers' signs of life.

All times are the server's: when a worker was last seen, when a job was begun, and what time it is.
Anybody may have written the documents.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from n3hyper.hyper_optimization.record import STATE_RUNNING
from n3hyper.hyper_optimization.standing.state import (
    RunningTrial,
    WorkerState,
    decode_progress,
    is_count,
    number,
    text,
)

REMEMBERED: Final = 3600.0
"""Seconds for which a lost worker is shown."""
_MISSED: Final = 2.0
"""Heartbeats that a worker may miss before it counts as lost, and as many seconds."""
_BEAT: Final = 12.0
"""Seconds between heartbeats of a worker that does not say."""


@dataclass(frozen=True)
class Work:
    """Trials that are worked on, and those who work on them."""

    trials: tuple[RunningTrial, ...]
    workers: tuple[WorkerState, ...]
    """Of this scan, or without a scan; those that are lost come last."""
    refusals: tuple[str, ...]
    """Why others refuse the scan."""

    @property
    def alive(self) -> int:
        """Number of workers that are not lost."""
        return sum(not worker.lost for worker in self.workers)


def work_of(
    exp_key: str,
    headers: Iterable[Mapping[str, Any]],
    workers: Sequence[Mapping[str, Any]],
    now: datetime.datetime,
    lease: float,
    waited_for: bool = True,
) -> Work:
    """Return what is worked on in a scan.

    Parameters
    ----------
    headers
        Of its jobs that have not finished; see `n3hyper.hyper_optimization.mongo.jobs.HEADER`.
    workers
        Documents of workers.
    now
        The server's time.
    lease
        Seconds after which the job of a silent worker is given to another.
    waited_for
        Whether a scan process is there, which does that.
    """
    ours = [each for each in workers if each.get("exp_key") in (exp_key, None)]
    refusing = [each for each in ours if each.get("refuses") == exp_key]
    by_name = {str(each.get("_id")): each for each in ours if each not in refusing}
    states = {name: _worker(name, each, exp_key, now) for name, each in by_name.items()}
    trials = tuple(
        _trial(header, states, by_name, now, lease, waited_for)
        for header in headers
        if header.get("state") == STATE_RUNNING and is_count(header.get("tid"))
    )
    ordered = sorted(states.values(), key=lambda worker: (worker.lost, worker.name))
    notes = dict.fromkeys(text(each.get("note")) for each in refusing)
    return Work(trials, tuple(ordered), tuple(notes))


def _worker(
    name: str, document: Mapping[str, Any], exp_key: str, now: datetime.datetime
) -> WorkerState:
    silent = age(document.get("seen"), now)
    trial = document.get("trial") if document.get("exp_key") == exp_key else None
    return WorkerState(
        name=text(name),
        silent=silent,
        lost=silent > _MISSED * number(document.get("beat"), _BEAT) + _MISSED,
        trial=trial if is_count(trial) else None,
        done=document["done"] if is_count(document.get("done")) else 0,
        age=number(document.get("age")),
    )


def _trial(
    header: Mapping[str, Any],
    states: Mapping[str, WorkerState],
    documents: Mapping[str, Mapping[str, Any]],
    now: datetime.datetime,
    lease: float,
    waited_for: bool,
) -> RunningTrial:
    owner = str(header.get("owner"))
    worker, document = states.get(owner), documents.get(owner, {})
    unheard = age(header.get("refresh_time"), now)
    lost = unheard > _MISSED * lease / 5 + _MISSED if worker is None else worker.lost
    theirs = worker is not None and worker.trial == header["tid"]
    return RunningTrial(
        tid=header["tid"],
        seconds=age(header.get("book_time"), now),
        progress=decode_progress(document.get("progress")) if theirs else None,
        worker=text(owner),
        silent=unheard if worker is None else worker.silent,
        lost=lost,
        lease_left=max(lease - unheard, 0.0) if lost and waited_for else math.nan,
    )


def age(since: Any, now: datetime.datetime) -> float:
    """Return the seconds that have passed since then; 0 where that is no time."""
    if not isinstance(since, datetime.datetime) or since.tzinfo != now.tzinfo:
        return 0.0
    return max((now - since).total_seconds(), 0.0)
