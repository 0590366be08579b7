"""Models of a batch in lanes that train beside one another, one for each core.

A step is a chain of many small operations, which XLA cannot spread over cores: a batch of 32 models
keeps a second core busy for a third of its time. Models have nothing to do with one another, so
that a core can have some of them for itself, and those that have stopped can be left behind. That
changes no bit (`n3hyper.fitting.products`).

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
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.batch import Trial
from n3hyper.fitting.trained import Trained, split

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

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
    """Of the whole training."""

    @classmethod
    def of(cls, part: Trial, models: Index, arrays: dict[str, Any], state: engine.State) -> Lane:
        """Of the models that a part of a trial has."""
        return cls(models, engine.compiled(part.program()), arrays, state, part.settings.epochs)

    @property
    def active(self) -> Mask:
        """(m,): whether a model still trains."""
        return np.asarray(self.state.monitor.active)

    @property
    def goes_on(self) -> bool:
        """Whether there is something left to do."""
        # one step more than epochs: the last one only validates
        return int(self.state.epoch) < self.epochs + 1 and bool(self.active.any())

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
    models: Index
    """(n,): the numbers of all models of the batch."""
    ended: tuple[tuple[Index, Trained], ...] = ()
    """Those that were left behind when lanes were made of the others."""

    @property
    def goes_on(self) -> bool:
        """Whether some lane has something left to do."""
        return any(lane.goes_on for lane in self.lanes)

    @property
    def epoch(self) -> int:
        """The epoch that the training has come to."""
        return max(int(lane.state.epoch) for lane in self.lanes)

    @property
    def length(self) -> int:
        """Models of a lane."""
        return len(self.lanes[0].models)

    @property
    def compiled(self) -> bool:
        """Whether the program is there."""
        return self.lanes[0].loop.traces > 0

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

    @property
    def numbers(self) -> Index:
        """The numbers of all models in lanes, each once, ascending."""
        return np.unique(self._numbers)

    def monitored(self, name: str) -> NDArray[Any]:
        """An entry of `n3hyper.fitting.stopping.Monitor`, of all `numbers`."""
        parts = [getattr(lane.state.monitor, name).numpy() for lane in self.lanes]
        _, first = np.unique(self._numbers, return_index=True)
        return np.asarray(np.concatenate(parts)[first])

    def training(self) -> Index:
        """The models that still train, in the order of the batch."""
        active = np.concatenate([lane.active for lane in self.lanes])
        return self.models[np.isin(self.models, self._numbers[active])]

    def state_of(self, models: Index) -> engine.State:
        """Return the state of some of the models, at the epoch that the training has come to."""
        tf = tensorflow()
        ahead = int(np.argmax([int(lane.state.epoch) for lane in self.lanes]))
        places = _places(self._numbers, models)

        def taken(*parts: Any) -> Any:
            # what all models share, such as the number of the epoch: a lane stands still from the
            # epoch on in which its last model stopped
            return tf.gather(tf.concat(parts, 0), places) if parts[0].shape.rank else parts[ahead]

        return engine.State(
            *tf.nest.map_structure(taken, *(tuple(lane.state) for lane in self.lanes))
        )

    def left_behind(self, models: Index) -> tuple[tuple[Index, Trained], ...]:
        """All of these lanes and earlier ones but for some models, as they have ended."""
        parts = [(lane.models, Trained.of(lane.state)) for lane in self.lanes]
        kept = [(numbers, np.flatnonzero(~np.isin(numbers, models)), its) for numbers, its in parts]
        return (*self.ended, *((each[at], its.taken(at)) for each, at, its in kept if at.size))

    def trained(self) -> Trained:
        """What became of all models, in the order of the batch."""
        parts = self.left_behind(np.array([], dtype=np.int64))
        places = _places(np.concatenate([numbers for numbers, _ in parts]), self.models)
        return Trained.joined([its for _, its in parts]).taken(places)

    @property
    def _numbers(self) -> Index:
        return np.concatenate([lane.models for lane in self.lanes])


def _places(numbers: Index, wanted: Index) -> Index:
    """Where each of some numbers stands first."""
    found, first = np.unique(numbers, return_index=True)
    return np.asarray(first[np.searchsorted(found, wanted)])


def lanes_for(shared: Mapping[str, Any], most: int) -> int:
    """How many of `most` lanes it pays to have, with such arrays that all models share."""
    arrays = [
        each
        for entry in shared.values()
        for each in (entry if isinstance(entry, tuple) else (entry,))
    ]
    return most if sum(np.size(each) for each in arrays) < LARGE else 1


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

    >>> [its.tolist() for its in cut(np.arange(10), 2, 2, 4)]
    [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 8, 9]]
    >>> [its.tolist() for its in cut(np.arange(9), 1, 2, 4)]
    [[0, 1, 2, 3, 4], [5, 6, 7, 8, 8]]
    >>> [its.tolist() for its in cut(np.arange(7), 1, 2, 4)]
    [[0, 1, 2, 3, 4, 5, 6]]
    """
    units = models.reshape(-1, together)
    count = max(min(lanes, len(units) // -(-smallest // together)), 1)
    return split(units, together * -(-len(units) // count))


def shorter(length: int, lanes: int, left: int, smallest: int) -> int:
    """The length of as many lanes at most, halved as often as so many models leave room.

    Lengths are few, so that programs are, which must be compiled for each.

    >>> [shorter(16, 2, left, 4) for left in (32, 17, 16, 9, 8, 1)]
    [16, 16, 8, 8, 4, 4]
    """
    while length > smallest and lanes * -(-length // 2) >= left:
        length = max(-(-length // 2), smallest)
    return length
