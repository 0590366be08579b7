"""Coefficients of a heavy quark's PDF with n flavours -> those of PDFs with n+1 flavours.

Above its threshold a heavy quark h of n+1 flavours is, to O(alpha_s) with a = alpha_s / 4 pi and
L = log(Q^2 / m^2),

    h(n+1) = h(n) + a (K_hh h + K_hg g),   K_hg(z) = L (z^2 + (1 - z)^2),
    K_hh(z) = 2 C_F [(1 + z^2) / (1 - z) (L - 2 log(1 - z) - 1)]_+

(Ball et al., PLB 754 (2016) 49, eqs. 8 to 11; the antiquark likewise). Coefficients c_h of h(n) are
therefore c_h of h(n+1), and at the next order - c_h K_hh of h(n+1) and - c_h K_hg of the gluon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from n3hyper.data.theory_maker.bases import FLAVOUR_PIDS, X_GRID, Floats
from n3hyper.data.theory_maker.folding import fold

C_F = 4.0 / 3.0
_GLUON = FLAVOUR_PIDS.index(21)
Part = Callable[[float, None], float]


@dataclass(frozen=True)
class Distribution:
    """A function of z with the parts that `folding.fold` integrates."""

    reg: Part | None = None
    sing: Part | None = None
    loc: Part | None = None
    args: dict[str, None] = field(default_factory=lambda: dict.fromkeys(("reg", "sing", "loc")))


K_HG = Distribution(reg=lambda z, _: z**2 + (1 - z) ** 2)
"""K_hg / L."""
K_HH_LOG = Distribution(
    sing=lambda z, _: 2 * C_F * (1 + z**2) / (1 - z),
    loc=lambda x, _: 2 * C_F * (2 * np.log1p(-x) + x + x**2 / 2),
)
"""What L multiplies in K_hh; the local part is minus the integral from 0 to x."""
K_HH_CONSTANT = Distribution(
    sing=lambda z, _: -2 * C_F * (1 + z**2) / (1 - z) * (2 * np.log1p(-z) + 1),
    loc=lambda x, _: 2 * C_F * (_log_integral(x) - 2 * np.log1p(-x) - x - x**2 / 2),
)
"""The rest of K_hh."""


def _log_integral(x: float) -> float:
    """The integral of 2 (1 + z^2) / (1 - z) log(1 - z) over z from 0 to x."""
    log, y = float(np.log1p(-x)), 1 - x
    polynomial = y * (4 - y) * log - (4 * y - y**2 / 2) + 3.5
    return -2 * log**2 + polynomial


@cache
def _matrices() -> tuple[Floats, Floats, Floats]:
    """K_hg / L and the two parts of K_hh, from f at the nodes to their convolutions there."""
    kernels = (K_HG, K_HH_LOG, K_HH_CONSTANT)
    hg, log, constant = (np.stack([fold(kernel, float(x)) for x in X_GRID]) for kernel in kernels)
    return hg, log, constant


def rematched(coefficients: Floats, heavy: int, logarithm: Floats) -> Floats:
    """Coefficients over PDFs with `heavy` massless, of those over PDFs in which it is not.

    Parameters
    ----------
    coefficients
        Shape (n, orders, 14 flavours, 50 x), over f.
    heavy
        PDG identifier of the quark.
    logarithm
        L of each row, shape (n,).
    """
    hg, log, constant = _matrices()
    result = coefficients.copy()
    if coefficients.shape[1] < 2:
        return result
    for quark in (heavy, -heavy):
        index = FLAVOUR_PIDS.index(quark)
        lowest = coefficients[:, 0, index]
        scaled = logarithm[:, None] * lowest
        result[:, 1, index] -= scaled @ log + lowest @ constant
        result[:, 1, _GLUON] -= scaled @ hg
    return result
