"""Time budget of a scan or of a fit: what ``--timeout`` allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from n3hyper.hyper_optimization.record import Record, seconds_of


@dataclass
class Budget:
    """Time budget of a scan, which decides whether another trial may start.

    Parameters
    ----------
    seconds
        Time from now on.
    clock
        Gives seconds since any fixed instant.
    durations
        Durations of the trials so far, in seconds.

    Examples
    --------
    >>> budget = Budget(100.0, clock=iter([0.0, 5.0, 45.0, 75.0]).__next__)
    >>> budget.begin(), budget.end()
    (None, None)
    >>> budget.spent()
    'the next trial is expected to take 40 s, and 25 s are left of 100 s'
    """

    seconds: float
    clock: Callable[[], float] = time.monotonic
    durations: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start = self._begun = self.clock()

    def learn(self, records: Iterable[Record]) -> None:
        """Take the durations of trials of an earlier run."""
        for record in records:
            seconds = seconds_of(record)
            if seconds is not None:
                self.durations.append(seconds)

    def begin(self) -> None:
        """Record that a trial starts."""
        self._begun = self.clock()

    def end(self) -> None:
        """Record that a trial has ended."""
        self.durations.append(self.clock() - self._begun)

    def spent(self) -> str:
        """Return why no further trial should start; empty if one may.

        A trial is expected to take as long as the longest so far, since a job that its batch system
        kills loses the trial under way.
        """
        left = self._start + self.seconds - self.clock()
        expected = max(self.durations, default=0.0)
        if left > expected:
            return ""
        return (
            f"the next trial is expected to take {expected:.0f} s, "
            f"and {max(left, 0.0):.0f} s are left of {self.seconds:.0f} s"
        )
