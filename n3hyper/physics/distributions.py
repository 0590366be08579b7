"""Numbers that characterise a PDF: arc lengths, and integrability at small x.

Definitions: validphys 4.1.5 (`arc_lengths`, `integrability_number`); arXiv:1410.8849 section 3.3,
arXiv:2109.02653 section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array

INTEGRABLE_FLAVOURS: Final = (3, 9, 4, 10, 5)
"""V, T3, V3, T8, V8 in the evolution basis: their x f must vanish as x goes to 0, or their sum
rules do not exist."""
INTEGRABILITY_X: Final = (1e-9, 1e-8, 1e-7)
INTEGRABILITY_THRESHOLD: Final = 0.5
"""Up to it NNPDF's veto takes a replica as integrable (arXiv:2109.02653, section 3.1)."""

ARC_LENGTH_FLAVOURS: Final = (1, 2, 3, 4, 5)
"""Sigma, g, V, V3, V8 in the evolution basis."""
_SEGMENTS: Final = ((1e-6, 1e-4), (1e-4, 1e-2), (1e-2, 1.0))
_NODES: Final = 199
"""Of each segment, evenly from its lower end."""


def integrability_numbers(xpdf: Array) -> Array:
    """Return the sum of |x f| over `INTEGRABILITY_X`, for each of `INTEGRABLE_FLAVOURS`.

    Parameters
    ----------
    xpdf
        x f at `INTEGRABILITY_X` in the evolution basis, (..., 3, 14).

    Returns
    -------
    array (..., 5)

    >>> integrability_numbers(0.1 * np.ones((2, 3, 14))).round(3)
    array([[0.3, 0.3, 0.3, 0.3, 0.3],
           [0.3, 0.3, 0.3, 0.3, 0.3]])
    """
    numbers: Array = np.abs(xpdf[..., list(INTEGRABLE_FLAVOURS)]).sum(axis=-2)
    return numbers


def arc_lengths(evaluate: Callable[[Array], Array]) -> Array:
    """Return the arc length of x * (x f) between x = 1e-6 and 1, for `ARC_LENGTH_FLAVOURS`.

    Wiggles make a curve longer. As in validphys, the slope is the difference of neighbouring nodes,
    and the three segments, each with linear steps, add up.

    Parameters
    ----------
    evaluate
        Gives x f in the evolution basis, (nx,) -> (replicas, nx, 14).

    Returns
    -------
    array (replicas, 5)

    A straight line of slope one, from 0 to 1; the segments miss their last step:

    >>> arc_lengths(lambda x: np.ones((1, x.size, 14))).round(2)
    array([[1.4, 1.4, 1.4, 1.4, 1.4]])
    """
    from scipy.integrate import simpson  # its import takes longer than what most commands do

    total: Array = np.zeros(())
    for low, high in _SEGMENTS:
        x = np.linspace(low, high, _NODES, endpoint=False)
        curve = evaluate(x)[..., list(ARC_LENGTH_FLAVOURS)] * x[:, None]
        slope = np.diff(curve, axis=-2) * _NODES / (high - low)
        total = total + simpson(np.sqrt(1.0 + slope**2), x=x[1:], axis=-2)
    return total
