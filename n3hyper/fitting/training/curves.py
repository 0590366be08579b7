"""Training and validation chi2 of each model along its training, once in `CHUNK` epochs.

They come at no cost: the compiled loop has both numbers of the last epoch when it returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array, Index

CHUNK: Final = 100
"""Number of epochs in a call of the compiled loop, and between two points of a curve."""


class CurveRecorder:
    """Recorder of the chi2 of the models of a batch after each chunk of epochs.

    Parameters
    ----------
    models
        (m,): numbers of the models, in the order of the batch.
    """

    def __init__(self, models: Index) -> None:
        self._models = models
        self._points: list[Array] = []

    def note(self, numbers: Index, training: Array, validation: Array) -> None:
        """Add a point to each curve; models without a value have stopped.

        Parameters
        ----------
        numbers
            Numbers of the models that the values belong to, ascending.
        training, validation
            chi2 per point.
        """
        point = np.full((len(self._models), 2), np.nan)
        known = np.isin(self._models, numbers)
        places = np.searchsorted(numbers, self._models[known])
        point[known, 0], point[known, 1] = training[places], validation[places]
        self._points.append(point)

    def curves(self, stop_epoch: Index) -> Array:
        """Return the curves (m, T, 2), NaN after the last epoch of each model.

        Parameters
        ----------
        stop_epoch
            (m,): counted from 0.
        """
        curves = np.stack([np.zeros((len(self._models), 2)), *self._points], axis=1)[:, 1:]
        epochs = CHUNK * np.arange(1, curves.shape[1] + 1)
        curves[epochs > stop_epoch[:, None] + 1] = np.nan
        return curves


def joined_curves(parts: Sequence[Array]) -> Array:
    """Return the curves (m, T, 2) of several batches, the shorter ones filled up with NaN.

    >>> joined_curves([np.zeros((1, 2, 2)), np.ones((1, 1, 2))])[..., 0]
    array([[ 0.,  0.],
           [ 1., nan]])
    """
    longest = max(part.shape[1] for part in parts)
    wide = [
        np.pad(part, ((0, 0), (0, longest - part.shape[1]), (0, 0)), constant_values=np.nan)
        for part in parts
    ]
    return np.concatenate(wide)
