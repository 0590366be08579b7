"""The scales Q of a PDF set: as in NNPDF's sets, some fifty from 1 GeV to 100 TeV.

Points are equidistant in t = log log(Q^2 / Lambda^2), in which PDFs run almost linearly, between
1 GeV, the thresholds, Q0 and the highest scale; a threshold belongs to the grids on both sides.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from n3hyper.evolution.cards import EvolutionCard, flavours
from n3hyper.physics.arrays import Array

LOWEST, HIGHEST = 1.0, 1.0e5
"""In GeV."""
_LAMBDA2: Final = 0.0625
_ABOVE: Final = 50
"""Points from Q0 to the highest scale, if they were not pinned at thresholds."""
_BELOW: Final = 6
"""Points from the lowest scale to the charm threshold."""

Scale = tuple[float, int]
"""Q^2 in GeV^2, number of active flavours."""


def scale_grid(card: EvolutionCard) -> tuple[Scale, ...]:
    """Return the scales of a PDF set, by number of flavours and rising Q^2."""
    charm, *others = (q for q in card.thresholds if math.isfinite(q))
    edges = [card.q0, *(q for q in others if card.q0 < q < HIGHEST), HIGHEST]
    points = [*between(LOWEST, charm, _BELOW)] if charm > LOWEST else []
    steps = np.searchsorted(between(card.q0, HIGHEST, _ABOVE), np.square(edges)[1:-1])
    counts = np.diff([0, *steps, _ABOVE])
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        points += [*between(low, high, max(int(count), 2))]
    return tuple(sorted(_with_flavours(np.unique(points), card), key=lambda scale: scale[::-1]))


def between(low: float, high: float, n: int) -> Array:
    """Return `n` values of Q^2 from `low`^2 to `high`^2 (GeV), both ends included, shape (n,)."""
    start, end = (math.log(math.log(q * q / _LAMBDA2)) for q in (low, high))
    t = np.linspace(start, end, n)
    inner: Array = _LAMBDA2 * np.exp(np.exp(t))
    inner[0], inner[-1] = low * low, high * high  # exact, so that thresholds are found again
    return inner


def _with_flavours(points: Array, card: EvolutionCard) -> list[Scale]:
    walls = [q for q in card.thresholds if math.isfinite(q)]
    pairs = []
    for q2 in points.tolist():
        nf = flavours(math.sqrt(q2), walls)
        if any(q2 == q * q for q in walls):
            pairs.append((q2, nf - 1))
        pairs.append((q2, nf))
    return pairs
