"""State of a scan or a fit: what its trials were, what runs, and how long it will take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from n3hyper.hyper_optimization.record import FINISHED, STATUS_OK, Record, is_finite, seconds_of
from n3hyper.hyper_optimization.standing.state import RunningTrial, WorkerState, encode, text
from n3hyper.hyper_optimization.standing.time_left import seconds_left

_WINDOW: Final = 50
"""Trials that the time of a trial is taken from."""


@dataclass(frozen=True)
class Failures:
    """Trials that failed for one reason."""

    reason: str
    count: int
    tid: int
    """The last of them."""
    text: str
    """What it says."""


@dataclass(frozen=True)
class Tally:
    """Tally of the trials that have ended."""

    done: int = 0
    failures: tuple[Failures, ...] = ()
    """The most frequent reason first."""
    best: tuple[int, float] | None = None
    """Number and loss of the trial with the smallest loss."""
    best_parts: Mapping[str, float] | None = None
    """What that loss is the sum of; None where it is not known."""
    mean_seconds: float = math.nan
    """Of a trial, of late."""
    tids: frozenset[int] = field(default=frozenset(), repr=False)
    """The numbers of the trials."""

    @property
    def failed(self) -> int:
        """Number of trials that failed."""
        return sum(each.count for each in self.failures)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Tally:
        """Count the records of trials, in the order in which they ended.

        >>> failure = {"reason": "nan", "text": "in fold 2"}
        >>> failed = {"tid": 1, "state": 2, "result": {"status": "fail", "failure": failure}}
        >>> good = {"tid": 2, "state": 2, "result": {"status": "ok", "loss": 2.5}}
        >>> tally = Tally.of([failed, good])
        >>> tally.done, tally.failures[0], tally.best
        (2, Failures(reason='nan', count=1, tid=1, text='in fold 2'), (2, 2.5))
        """
        best: tuple[int, float] | None = None
        parts: Any = None
        tids: list[int] = []
        failures: dict[str, Failures] = {}
        seconds: list[float] = []
        for record in records:
            if record.get("state") not in FINISHED:
                continue
            result, tid = record["result"], int(record["tid"])
            tids.append(tid)
            took = seconds_of(record)
            seconds += [] if took is None else [took]
            if result.get("status") != STATUS_OK:
                failure = result.get("failure") or {}
                reason = text(failure.get("reason")) or "unknown"
                count = failures[reason].count + 1 if reason in failures else 1
                failures[reason] = Failures(reason, count, tid, text(failure.get("text")))
            elif is_finite(loss := result.get("loss")) and (best is None or loss < best[1]):
                best, parts = (tid, float(loss)), result.get("loss_parts")
        late = seconds[-_WINDOW:]
        return cls(
            len(tids),
            tuple(sorted(failures.values(), key=lambda each: -each.count)),
            best,
            _numbers(parts),
            sum(late) / len(late) if late else math.nan,
            frozenset(tids),
        )


def _numbers(parts: Any) -> Mapping[str, float] | None:
    """Return the parts of a loss that anybody may have written; None where they are none."""
    if not isinstance(parts, Mapping) or not all(map(is_finite, parts.values())):
        return None
    return {text(name): float(value) for name, value in parts.items()}


@dataclass(frozen=True)
class Standing:
    """State of a scan or a fit."""

    name: str
    kind: str
    """``scan`` or ``fit``."""
    place: str
    """Its folder, or its database and its name there."""
    tally: Tally
    total: int | None
    """Trials in all; None where that is not known."""
    alive: bool | None
    """Whether a process goes on with it; None where that cannot be said."""
    process: str = ""
    """That process, or the one that was killed."""
    seconds: float = math.nan
    """Since that process began."""
    stage: str = ""
    """What it does before its first trial."""
    running: tuple[RunningTrial, ...] = ()
    """Trials under way; where the process was killed, those that it left."""
    queued: int = 0
    """Trials that wait for a worker."""
    workers: tuple[WorkerState, ...] | None = None
    """None in a serial scan."""
    notes: tuple[str, ...] = ()
    """Why workers refuse the scan."""
    database: str = ""
    """What its database was named by; empty where it was not."""
    killed: bool = False
    """Whether the process has ended without a word."""
    go_on: str = ""
    """Command that goes on with it; empty where there is nothing to be done."""
    more: dict[str, Any] = field(default_factory=dict)
    """What else there is to say of a fit, by names that can be read."""
    whole: bool | None = None
    """Whether nothing is left to be done, where the number of trials does not say it."""

    @property
    def complete(self) -> bool:
        """Return whether all trials have ended."""
        counted = self.total is not None and self.tally.done >= self.total
        return counted if self.whole is None else self.whole

    @property
    def stopped(self) -> bool:
        """Return whether it is known to have ended before its last trial."""
        known = self.killed or self.whole is not None or self.total is not None
        return self.alive is False and not self.complete and known

    @property
    def workers_alive(self) -> int:
        """Number of workers that are not lost; a serial scan is its own."""
        if self.workers is None:
            return 1 if self.alive else 0
        return sum(not worker.lost for worker in self.workers)

    @property
    def seconds_left(self) -> float:
        """Seconds until the last trial; NaN where that cannot be said."""
        if self.total is None or not self.alive:
            return 0.0 if self.complete else math.nan
        missing = max(self.total - self.tally.done - len(self.running), 0)
        return seconds_left(missing, self.running, self.workers_alive, self.tally.mean_seconds)

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs; NaN are left to whoever writes it."""
        best = self.tally.best
        return {
            "name": self.name,
            "kind": self.kind,
            "place": self.place,
            "alive": self.alive,
            "complete": self.complete,
            "stopped": self.stopped,
            "killed": self.killed,
            "process": self.process,
            "seconds": self.seconds,
            "stage": self.stage,
            "total": self.total,
            "done": self.tally.done,
            "ok": self.tally.done - self.tally.failed,
            "failed": self.tally.failed,
            "failures": [vars(each) for each in self.tally.failures],
            "best": None
            if best is None
            else {"tid": best[0], "loss": best[1], "loss_parts": self.tally.best_parts},
            "mean_seconds": self.tally.mean_seconds,
            "seconds_left": self.seconds_left,
            "running": [encode(trial) for trial in self.running],
            "queued": self.queued,
            "workers": None
            if self.workers is None
            else [
                {**encode(worker), "host": worker.host, "per_hour": worker.per_hour}
                for worker in self.workers
            ],
            "notes": list(self.notes),
            "go_on": self.go_on,
            **self.more,
        }
