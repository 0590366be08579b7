"""The ensemble of setups of a fit: which setup each replica takes, and which are trained together.

As in n3fit, replica N takes setup N modulo their number, of setups that are sorted by the loss of
their trial (arXiv:2605.31482). So all setups are used equally often, and the setup of a replica
depends neither on how many replicas there are nor on what else runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.errors import HyperparameterError

BLOCK: Final = 32
"""Replicas of a job at most: more train no faster, and are lost together by a kill."""
MOST_REPLICAS: Final = 10_000


def setup_of(replica: int, setups: int) -> int:
    """Return which of the setups a replica takes, from 0 on.

    >>> [setup_of(replica, 3) for replica in (1, 2, 3, 4)]
    [1, 2, 0, 1]
    """
    return replica % setups


@dataclass(frozen=True)
class Job:
    """Replicas of one setup that are trained as a batch: `first`, `first + setups`, ..."""

    first: int
    """Number of its first replica."""
    count: int

    def replicas(self, setups: int) -> tuple[int, ...]:
        """Return the numbers of its replicas.

        >>> Job(2, 3).replicas(setups=4)
        (2, 6, 10)
        """
        return tuple(range(self.first, self.first + self.count * setups, setups))

    @classmethod
    def checked(cls, point: Any) -> Job:
        """Return the job of a point of `JobSpace`, which anybody may have written.

        Raises
        ------
        HyperparameterError
            The numbers are out of range.
        """
        first, count = int(point["first"]), int(point["count"])
        if not (1 <= first <= MOST_REPLICAS and 1 <= count <= BLOCK):
            raise HyperparameterError(f"no job of {count} replicas from number {first} on")
        return cls(first, count)


def jobs_of(replicas: Sequence[int], setups: int, block: int = BLOCK) -> Iterator[Job]:
    """Yield the jobs of consecutive replicas, those of the first setup first.

    Parameters
    ----------
    replicas
        Consecutive numbers.
    setups
        Size of the ensemble.
    block
        Replicas of a job at most; a setup's are divided evenly.

    >>> [job.replicas(1) for job in jobs_of(range(1, 6), setups=1, block=3)]
    [(1, 2, 3), (4, 5)]
    >>> [job.replicas(2) for job in jobs_of(range(1, 6), setups=2)]
    [(1, 3, 5), (2, 4)]
    """
    for start in range(min(setups, len(replicas))):
        numbers = replicas[start::setups]
        parts = -(-len(numbers) // block)
        for part in np.array_split(np.array(numbers), parts):
            yield Job(int(part[0]), len(part))
