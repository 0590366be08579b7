"""Models at the end of their training, and how models are put into batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from n3hyper.fitting.training import engine
from n3hyper.fitting.training.curves import joined_curves
from n3hyper.physics.arrays import Array, Index, Mask


@dataclass(frozen=True, eq=False)
class Trained:
    """Models at the end of their training, see `n3hyper.fitting.training.stopping.Monitor`."""

    weights: Array
    """(m, P): the best ones, the last ones of a model that has no best epoch."""
    nan: Mask
    best_epoch: Index
    """(m,): -1 for a model without one."""
    stop_epoch: Index
    best_loss: Array
    epochs_run: int
    """Number of epochs until the last model stopped."""
    curves: Array
    """(m, T, 2): training and validation chi2 per point after each chunk of epochs, see
    `n3hyper.fitting.training.curves`."""
    batches: int = 1

    def __len__(self) -> int:
        return len(self.weights)

    @classmethod
    def of(cls, state: engine.State) -> Trained:
        """Return what the state of a batch says of its models."""
        monitor = state.monitor
        best_epoch = monitor.best_epoch.numpy()
        found = best_epoch >= 0
        weights = np.where(found[:, None], monitor.best_weights.numpy(), state.weights.numpy())
        return cls(
            weights=weights.astype(np.float64),
            nan=monitor.nan.numpy(),
            best_epoch=best_epoch,
            stop_epoch=monitor.stop_epoch.numpy(),
            best_loss=monitor.best_loss.numpy(),
            epochs_run=max(int(state.epoch) - 1, 0),
            curves=np.zeros((len(weights), 0, 2)),
        )

    def first(self, models: int) -> Trained:
        """Return the first models."""
        return self.taken(np.arange(models))

    def taken(self, places: Index) -> Trained:
        """Return the models at some places."""
        return replace(
            self,
            **{
                name: getattr(self, name)[places]
                for name in ("weights", "nan", "best_epoch", "stop_epoch", "best_loss", "curves")
            },
        )

    @classmethod
    def joined(cls, parts: Sequence[Trained]) -> Trained:
        """Return all models of several batches."""
        return cls(
            np.concatenate([part.weights for part in parts]),
            np.concatenate([part.nan for part in parts]),
            np.concatenate([part.best_epoch for part in parts]),
            np.concatenate([part.stop_epoch for part in parts]),
            np.concatenate([part.best_loss for part in parts]),
            max(part.epochs_run for part in parts),
            joined_curves([part.curves for part in parts]),
            len(parts),
        )


def split(units: Index, size: int) -> list[Index]:
    """Return the models in as few batches of at most `size` as possible, all of one length.

    Where models do not come out even the last batch is filled up with its last models, so that one
    compiled program does for all.

    Parameters
    ----------
    units
        (u, w): models of a row stay together, also where w is more than `size`.

    >>> [batch.tolist() for batch in split(np.arange(10)[:, None], 4)]
    [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 9, 9]]
    >>> [batch.tolist() for batch in split(np.arange(10)[:, None], 9)]
    [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    >>> [batch.tolist() for batch in split(np.array([[0, 3], [1, 4], [2, 5]]), 4)]
    [[0, 3, 1, 4], [2, 5, 2, 5]]
    """
    count = -(-len(units) // max(size // units.shape[1], 1))
    return fill(units, units.shape[1] * -(-len(units) // count))


def fill(units: Index, length: int) -> list[Index]:
    """Return the models in batches of just that length, the last filled up with its last models.

    >>> [batch.tolist() for batch in fill(np.arange(5)[:, None], 4)]
    [[0, 1, 2, 3], [4, 4, 4, 4]]
    """
    count, together = -(-units.size // length), length // units.shape[1]
    places = np.minimum(np.arange(count * together), len(units) - 1)
    return [units[batch].ravel() for batch in places.reshape(count, together)]
