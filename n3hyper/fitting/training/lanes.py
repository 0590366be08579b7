"""Lanes of models that train beside one another, one for each core.

A step is a chain of many small operations, which XLA cannot spread over cores: a batch of 32 models
keeps a second core busy for a third of its time. Models have nothing to do with one another, so
that a core can have some of them for itself, and those that have stopped can be left behind. That
changes no bit (`n3hyper.fitting.products`).

Where tables are large, though, a step is few large products, which do fill all cores, while each
lane would read the tables for itself.

A product of a matrix with the vectors of a few models takes XLA's matrix product as long as one
with many, since it copies the whole matrix into an order of its own. A product with a single vector
only reads it. A few models with large tables therefore train each in a lane of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.fitting.backend import Tensor, lanes_at_most, tensorflow
from n3hyper.fitting.loss.likelihood import leaves
from n3hyper.fitting.training import engine
from n3hyper.fitting.training.inputs import SharedArrays
from n3hyper.fitting.training.trained import Trained, split
from n3hyper.fitting.training.trial import TrialModels
from n3hyper.physics.arrays import Index, Mask

LARGE: Final = 6_000_000
"""Count of numbers that models share above which lanes cost more than they save (measured)."""

FEW: Final = 7
"""Number of models up to which each has a lane of its own: whatever the number of cores is, since
the bits are those of a single model."""
LARGE_FOR_FEW: Final = 2_500_000
"""Count of numbers that models share above which that pays: more than those of DIS fits."""


@dataclass(eq=False)
class Lane:
    """Models that train in the same calls of the compiled loop."""

    models: Index
    """(m,): their numbers, the last one repeated where they do not come out even."""
    loop: engine.Compiled
    arrays: engine.StepArrays | None
    """None for a lane that will not be run."""
    state: engine.State
    epochs: int
    """Number of epochs of the whole training."""

    @classmethod
    def of(cls, part: TrialModels, arrays: engine.StepArrays | None, state: engine.State) -> Lane:
        """Return the lane of the models that a part of a trial has."""
        loop = engine.compiled(part.program())
        return cls(part.models, loop, arrays, state, part.settings.epochs)

    @property
    def active(self) -> Mask:
        """(m,): whether a model still trains."""
        return np.asarray(self.state.monitor.active)

    @property
    def goes_on(self) -> bool:
        """Return whether an epoch is left, and a model to train in it."""
        # one step more than epochs: the last one only validates
        return int(self.state.epoch) < self.epochs + 1 and bool(self.active.any())

    def run(self, steps: int) -> None:
        """Run so many steps, or those that are left."""
        if self.arrays is None:
            raise ValueError("a lane without arrays cannot be run")
        steps = min(steps, self.epochs + 1 - int(self.state.epoch))
        self.state = self.loop.run(self.arrays, self.state, steps)
        # the call returns before all is done
        self.state.epoch.numpy()


@dataclass(eq=False)
class Lanes:
    """Lanes of a batch, which have one length and share their program."""

    lanes: Sequence[Lane]
    models: Index
    """(n,): the numbers of all models of the batch."""
    ended: tuple[tuple[Index, Trained], ...] = ()
    """Models that were left behind when lanes were made of the others, as they ended."""

    @property
    def goes_on(self) -> bool:
        """Return whether some lane goes on."""
        return any(lane.goes_on for lane in self.lanes)

    @property
    def epoch(self) -> int:
        """The epoch that the training has come to."""
        return max(int(lane.state.epoch) for lane in self.lanes)

    @property
    def length(self) -> int:
        """Number of models of a lane."""
        return len(self.lanes[0].models)

    @property
    def compiled(self) -> bool:
        """Return whether the program has been compiled."""
        return self.lanes[0].loop.traces > 0

    def compile(self) -> None:
        """Compile the program, unless that has been done."""
        self.lanes[0].run(0)

    def run(self, steps: int) -> None:
        """Run so many steps of all lanes that go on."""
        going_on = [lane for lane in self.lanes if lane.goes_on]
        if len(going_on) == 1:
            going_on[0].run(steps)
            return
        with ThreadPoolExecutor(min(len(going_on), lanes_at_most())) as threads:
            # a list, so that errors of the threads come out
            list(threads.map(lambda lane: lane.run(steps), going_on))

    @property
    def numbers(self) -> Index:
        """The numbers of all models in lanes, each once, ascending."""
        return np.unique(self._numbers)

    def monitored(self, name: str) -> NDArray[Any]:
        """Return an entry of `n3hyper.fitting.training.stopping.Monitor`, of all `numbers`."""
        parts = [getattr(lane.state.monitor, name).numpy() for lane in self.lanes]
        _, first = np.unique(self._numbers, return_index=True)
        return np.asarray(np.concatenate(parts)[first])

    def training(self) -> Index:
        """Return the models that still train, in the order of the batch."""
        active = np.concatenate([lane.active for lane in self.lanes])
        return self.models[np.isin(self.models, self._numbers[active])]

    def state_of(self, models: Index) -> engine.State:
        """Return the state of some of the models, at the epoch that the training has come to."""
        tf = tensorflow()
        ahead = int(np.argmax([int(lane.state.epoch) for lane in self.lanes]))
        places = _places(self._numbers, models)

        def taken(*tensors: Tensor) -> Tensor:
            if tensors[0].shape.rank:
                return tf.gather(tf.concat(tensors, 0), places)
            # what all models share, such as the number of the epoch: a lane stands still from the
            # epoch on in which its last model stopped
            return tensors[ahead]

        return engine.State(
            *tf.nest.map_structure(taken, *(tuple(lane.state) for lane in self.lanes))
        )

    def left_behind(self, models: Index) -> tuple[tuple[Index, Trained], ...]:
        """Return all models, of these lanes and earlier ones, but for some, as they have ended."""
        parts = []
        for lane in self.lanes:
            places = np.flatnonzero(~np.isin(lane.models, models))
            if places.size:
                parts.append((lane.models[places], Trained.of(lane.state).taken(places)))
        return (*self.ended, *parts)

    def trained(self) -> Trained:
        """Return what became of all models, in the order of the batch."""
        parts = self.left_behind(np.array([], dtype=np.int64))
        places = _places(np.concatenate([models for models, _ in parts]), self.models)
        return Trained.joined([trained for _, trained in parts]).taken(places)

    @property
    def _numbers(self) -> Index:
        return np.concatenate([lane.models for lane in self.lanes])


def _places(numbers: Index, wanted: Index) -> Index:
    """Return the first place of each wanted number."""
    found, first = np.unique(numbers, return_index=True)
    return np.asarray(first[np.searchsorted(found, wanted)])


def lanes_for(shared: SharedArrays, most: int) -> int:
    """Return how many of `most` lanes it pays to have, with such arrays that all models share."""
    return most if _numbers(shared) < LARGE else 1


def each_alone(shared: SharedArrays, models: int) -> bool:
    """Return whether each of so many models is to have a lane of its own."""
    return 1 < models <= FEW and _numbers(shared) > LARGE_FOR_FEW


def _numbers(shared: SharedArrays) -> int:
    return sum(np.size(array) for array in leaves(shared))


def cut(models: Index, together: int, lanes: int, smallest: int) -> list[Index]:
    """Return the models of a batch by lanes, of one length.

    Parameters
    ----------
    together
        How many models in a row stay together.
    lanes
        Number of lanes at most.
    smallest
        Number of models of a lane, if there are so many.

    >>> [lane.tolist() for lane in cut(np.arange(10), 2, 2, 4)]
    [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 8, 9]]
    >>> [lane.tolist() for lane in cut(np.arange(9), 1, 2, 4)]
    [[0, 1, 2, 3, 4], [5, 6, 7, 8, 8]]
    >>> [lane.tolist() for lane in cut(np.arange(7), 1, 2, 4)]
    [[0, 1, 2, 3, 4, 5, 6]]
    """
    units = models.reshape(-1, together)
    count = max(min(lanes, len(units) // -(-smallest // together)), 1)
    return split(units, together * -(-len(units) // count))


def shorter(length: int, lanes: int, left: int, smallest: int) -> int:
    """Return the length of lanes, halved as often as `left` models fit into as many lanes.

    Lengths are few, so that programs are, of which there is one for each length.

    >>> [shorter(16, 2, left, 4) for left in (32, 17, 16, 9, 8, 1)]
    [16, 16, 8, 8, 4, 4]
    """
    while length > smallest and lanes * -(-length // 2) >= left:
        length = max(-(-length // 2), smallest)
    return length
