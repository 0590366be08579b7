"""Estimate of the time that a scan will still take, with the workers that are there now."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from n3hyper.hyper_optimization.standing.state import RunningTrial


def rest_of(trial: RunningTrial, mean: float) -> float:
    """Return the seconds that a running trial is expected to take from now on.

    One that has taken longer than the others is expected to take as long again as it is late.

    Parameters
    ----------
    mean
        Seconds that a trial takes.

    Examples
    --------
    >>> rest_of(RunningTrial(1, 20.0), 30.0), rest_of(RunningTrial(1, 40.0), 30.0)
    (10.0, 10.0)
    """
    return abs(mean - trial.seconds)


def seconds_left(missing: int, running: Sequence[RunningTrial], workers: int, mean: float) -> float:
    """Return the seconds until the last trial has ended; NaN where that cannot be said.

    The trials are dealt to the workers in turn: whoever is free takes the next. One whose worker is
    lost can be taken when its lease has run out, and takes its whole time then.

    Parameters
    ----------
    missing
        Trials that nobody has begun.
    running
        Trials under way.
    workers
        How many are alive.
    mean
        Seconds that a trial takes; NaN where none has ended.

    Examples
    --------
    >>> going, lost = RunningTrial(1, 2.0), RunningTrial(2, 9.0, lost=True, lease_left=50.0)
    >>> seconds_left(3, [going], 2, 8.0), seconds_left(0, [lost], 2, 8.0)
    (16.0, 58.0)
    >>> seconds_left(1, [lost], 0, 8.0)
    nan
    """
    if not missing and not running:
        return 0.0
    if math.isnan(mean) or not workers:
        return math.nan
    lost = [trial for trial in running if trial.lost]
    if any(math.isnan(trial.lease_left) for trial in lost):
        return math.nan
    busy = [rest_of(trial, mean) for trial in running if not trial.lost]
    free = [*busy, *[0.0] * (workers - len(busy))]
    heapq.heapify(free)
    for begin in sorted([0.0] * missing + [trial.lease_left for trial in lost]):
        heapq.heappush(free, max(heapq.heappop(free), begin) + mean)
    return max(free)
