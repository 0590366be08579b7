"""Rows that are PDFs themselves: x f at given points, for positivity and integrability."""

from __future__ import annotations

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import Array
from n3hyper.theory_maker.bases import EVOLUTION_PIDS, FLAVOUR_PIDS, X_GRID
from n3hyper.theory_maker.cards import CalculationCard
from n3hyper.theory_maker.coefficients.target_mass import interpolation_matrix
from n3hyper.theory_maker.operators.evolution import Evolution


def active_flavours(card: CalculationCard, q2: float) -> int:
    """Return the number of flavours whose thresholds lie below `q2` in GeV^2."""
    return min(3 + sum(threshold <= q2 for threshold in card.thresholds), 5)


def parton_rows(evolution: Evolution, pid: int, x: Array, q2: Array) -> Array:
    """Return rows (n, 14 evolution flavours, 50 x) of x f of a parton at `x` and `q2` (n,)."""
    coefficients = np.zeros((len(x), len(FLAVOUR_PIDS), len(X_GRID)))
    coefficients[:, FLAVOUR_PIDS.index(pid)] = x[:, None] * interpolation_matrix(x)
    result = np.zeros((len(x), len(EVOLUTION_PIDS), len(X_GRID)))
    for n, scale in enumerate(q2):
        nf = active_flavours(evolution.card, float(scale))
        result[n] = evolution.pull_back(nf, q2[n : n + 1], coefficients[n : n + 1])[0]
    return result


def combination_rows(pid: int, x: Array, q2: Array, q0: float) -> Array:
    """Return rows (n, 14 evolution flavours, n) of x f of a combination at Q0, with nodes `x`.

    Integrability needs x far below the common nodes, and Q0, where no evolution is needed.

    Raises
    ------
    TheoryError
        If a point is not at Q0.
    """
    if not np.allclose(q2, q0**2, rtol=1e-6):
        raise TheoryError(f"integrability can only be made at Q0 = {q0} GeV, not at Q2 = {q2[0]:g}")
    result = np.zeros((len(x), len(EVOLUTION_PIDS), len(x)))
    result[:, EVOLUTION_PIDS.index(pid)] = np.diag(x)
    return result
