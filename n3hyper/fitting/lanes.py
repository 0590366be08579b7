"""Models of a batch in lanes that train beside one another, one for each core.

A step is a chain of many small operations, which XLA cannot spread over cores: a batch of 32 models
keeps a second core busy for a third of its time. Models have nothing to do with one another, so
that a core can have some of them for itself. That changes no bit (`n3hyper.fitting.products`).

Where tables are large, though, a step is few large products, which do fill all cores, while each
lane would read the tables for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.fitting import engine
from n3hyper.fitting.trained import Trained, split

Index = NDArray[np.int64]

LARGE: Final = 6_000_000
"""Numbers that models share, from which on lanes cost more than they save (measured)."""


@dataclass(eq=False)
class Lane:
    """Models that train in the same calls of the compiled loop."""

    models: Index
    """(m,): their numbers, the last one repeated where they do not come out even."""
    loop: engine.Compiled
    arrays: dict[str, Any]
    state: engine.State
    epochs: int

    @property
    def goes_on(self) -> bool:
        """Whether there is something left to do."""
        # one step more than epochs: the last one only validates
        return int(self.state.epoch) < self.epochs + 1 and bool(np.any(self.state.monitor.active))

    def run(self, steps: int) -> None:
        """So many steps, or those that are left."""
        steps = min(steps, self.epochs + 1 - int(self.state.epoch))
        self.state = self.loop.run(self.arrays, self.state, steps)
        # the call returns before all is done
        self.state.epoch.numpy()


@dataclass(eq=False)
class Lanes:
    """All lanes of a batch."""

    lanes: Sequence[Lane]
    size: int
    """How many models, without those that fill up the last lane."""

    @property
    def goes_on(self) -> bool:
        """Whether some lane has something left to do."""
        return any(lane.goes_on for lane in self.lanes)

    @property
    def epoch(self) -> int:
        """The epoch that the training has come to."""
        return max(int(lane.state.epoch) for lane in self.lanes)

    def compile(self) -> None:
        """Lanes are of one length and share their program."""
        self.lanes[0].run(0)

    def run(self, steps: int) -> None:
        """Drive all lanes on."""
        left = [lane for lane in self.lanes if lane.goes_on]
        if len(left) == 1:
            left[0].run(steps)
            return
        with ThreadPoolExecutor(len(left)) as threads:
            # a list, so that errors of the threads come out
            list(threads.map(lambda lane: lane.run(steps), left))

    def monitored(self, name: str) -> NDArray[Any]:
        """An entry of `n3hyper.fitting.stopping.Monitor`, of all models."""
        parts = [getattr(lane.state.monitor, name).numpy() for lane in self.lanes]
        return np.concatenate(parts)[: self.size]

    def trained(self) -> Trained:
        """What became of all models."""
        parts = [Trained.of(lane.state) for lane in self.lanes]
        return Trained.joined(parts).first(self.size)


def lanes_for(shared: Mapping[str, Any], cores: int) -> int:
    """How many lanes at most, for arrays (or tuples of such) that all models share."""
    arrays = [
        each
        for entry in shared.values()
        for each in (entry if isinstance(entry, tuple) else (entry,))
    ]
    return cores if sum(np.size(each) for each in arrays) < LARGE else 1


def cut(models: Index, together: int, lanes: int, smallest: int) -> list[Index]:
    """The models of a batch by lanes, of one length.

    Parameters
    ----------
    together
        So many models in a row stay together.
    lanes
        At most.
    smallest
        Models of a lane, if there are so many.

    >>> [its.tolist() for its in cut(np.arange(9), 1, 2, 4)]
    [[0, 1, 2, 3, 4], [5, 6, 7, 8, 8]]
    >>> [its.tolist() for its in cut(np.arange(7), 1, 2, 4)]
    [[0, 1, 2, 3, 4, 5, 6]]
    """
    count = max(min(lanes, len(models) // max(smallest, together)), 1)
    return split(models.reshape(-1, together), -(-len(models) // count))
