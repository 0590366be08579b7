"""Running jobs whose workers are gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from n3hyper.hyper_optimization.record import STATE_RUNNING


@dataclass
class StaleJobs:
    """Finds running jobs whose heartbeat has stopped.

    No clocks are compared: a job is stale when it has looked the same for the length of a lease, as
    this process has seen it, while the database answered.

    Examples
    --------
    >>> now = iter([0.0, 40.0, 70.0, 130.0])
    >>> stale = StaleJobs(60.0, clock=lambda: next(now))
    >>> def look(beat):
    ...     return stale.look({3: {"state": 1, "owner": "w", "attempts": 1, "refresh_time": beat}})
    >>> look("12:00"), look("12:01"), look("12:01"), look("12:01")
    ([], [], [], [3])
    """

    lease: float
    clock: Callable[[], float] = time.monotonic
    _seen: dict[int, tuple[tuple[Any, ...], float]] = field(default_factory=dict)

    def look(self, headers: Mapping[int, Mapping[str, Any]]) -> list[int]:
        """The numbers of stale jobs.

        Parameters
        ----------
        headers
            Of all jobs that have not finished.
        """
        now, seen, stale = self.clock(), {}, []
        for tid, header in headers.items():
            if header.get("state") != STATE_RUNNING:
                continue
            looks = tuple(repr(header.get(key)) for key in ("owner", "attempts", "refresh_time"))
            before, since = self._seen.get(tid, (None, now))
            seen[tid] = (looks, since if looks == before else now)
            if now - seen[tid][1] >= self.lease:
                stale.append(tid)
        self._seen = seen
        return stale

    def forget(self) -> None:
        """Begin anew: the database was away, and no heartbeat could be seen."""
        self._seen = {}
