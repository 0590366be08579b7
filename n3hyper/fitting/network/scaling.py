"""Inputs of the network: the pair (x, log x), or x mapped such that x-grids are uniform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.errors import HyperparameterError
from n3hyper.physics.arrays import Array, Mask
from n3hyper.physics.quadrature import X_MIN

Interpolator = Callable[[Array], Array]

UNIT: Final = np.ones(1)


@dataclass(frozen=True, eq=False)
class InputScaling:
    """Inputs of the network as a function of x.

    With feature scaling the network has one input in [-1, 1], its value at x = 1 is subtracted
    from it (so that PDFs vanish there), and the preprocessing has no (1 - x)^beta; see
    arXiv:2111.02954.
    """

    interpolator: Interpolator | None = None

    @property
    def subtracts(self) -> bool:
        """Return whether the network's value at x = 1 is subtracted."""
        return self.interpolator is not None

    @property
    def ninputs(self) -> int:
        """Number of inputs."""
        return 2 if self.interpolator is None else 1

    def __call__(self, x: Array) -> Array:
        """Return the inputs, (nx,) -> (nx, ninputs)."""
        if self.interpolator is None:
            return np.stack([x, np.log(x)], axis=-1)
        return 2.0 * self.interpolator(np.log(x))[:, None] - 1.0


def feature_scaling(xgrid: Array, points: int) -> InputScaling:
    """Return the map that spreads the nodes of an x-grid evenly, interpolated in log x.

    Parameters
    ----------
    xgrid
        All x at which the fit needs PDFs; a value counts as often as it occurs.
    points
        Number of nodes of the interpolation (``feature_scaling_points``).

    Raises
    ------
    HyperparameterError
        when the x-grid has fewer different values than `points`.
    """
    from scipy.interpolate import PchipInterpolator

    ordered = np.sort(xgrid)
    extended = ordered[0] > X_MIN
    even = np.linspace(
        1.0 / ordered.size if extended else 0.0, 1.0, ordered.size, endpoint=ordered[-1] == 1.0
    )
    nodes, counts = np.unique(ordered, return_counts=True)
    values = even[np.cumsum(counts) - counts[0]]
    if extended:
        nodes, values = np.insert(nodes, 0, X_MIN), np.insert(values, 0, 0.0)
    if not 2 < points <= nodes.size:
        raise HyperparameterError(
            f"parameters.feature_scaling_points: {points}; the x-grid has {nodes.size} values"
        )
    chosen = _spread(nodes.size, points)
    return InputScaling(PchipInterpolator(np.log(nodes[chosen]), values[chosen]))


def _spread(size: int, points: int) -> Mask:
    """Return which of `size` nodes interpolate: equal steps, the first two and the last."""
    step = size / (points - 1)
    chosen = np.zeros(size, dtype=bool)
    chosen[[round(number * step - 1) for number in range(1, points)]] = True
    chosen[[0, 1]] = True
    return chosen
