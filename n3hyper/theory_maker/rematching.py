"""Rematching of coefficients: from a heavy quark's PDF with n flavours to PDFs with n+1 flavours.

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

from n3hyper.physics.arrays import Array
from n3hyper.theory_maker.bases import FLAVOUR_PIDS, X_GRID
from n3hyper.theory_maker.coefficients.folding import fold

C_F = 4.0 / 3.0
_GLUON = FLAVOUR_PIDS.index(21)
Part = Callable[[float, None], float]


@dataclass(frozen=True)
class Distribution:
    """Function of z with the parts that `folding.fold` integrates."""

    reg: Part | None = None
    sing: Part | None = None
    loc: Part | None = None
    args: dict[str, None] = field(default_factory=lambda: dict.fromkeys(("reg", "sing", "loc")))


def _integral(x: float) -> float:
    """Return the integral of (1 + z^2) / (1 - z) over z from 0 to `x`."""
    return float(-2 * np.log1p(-x) - x - x**2 / 2)


def _log_integral(x: float) -> float:
    """Return the integral of (1 + z^2) / (1 - z) log(1 - z) over z from 0 to `x`."""
    y, log = 1 - x, np.log1p(-x)
    return float(-(log**2) + 1.75 + y * (2 - y / 2) * log - y * (2 - y / 4))


def _log_moment(y: float) -> float:
    """Return the integral of (1 + z^2) log(1 - z) over z from 1 - `y` to 1."""
    log = float(np.log(y)) if y > 0 else 0.0
    return y * ((2 - y + y**2 / 3) * log - 2 + y / 2 - y**2 / 9)


K_HG = Distribution(reg=lambda z, _: z * (z**2 + (1 - z) ** 2))
"""z K_hg / L."""
K_HH_LOG = Distribution(
    sing=lambda z, _: 2 * C_F * z * (1 + z**2) / (1 - z),
    loc=lambda x, _: -2 * C_F * (_integral(x) + 4 / 3 - x - x**3 / 3),
)
"""z times the factor of L in K_hh."""
K_HH_CONSTANT = Distribution(
    sing=lambda z, _: -2 * C_F * z * (1 + z**2) / (1 - z) * (2 * np.log1p(-z) + 1),
    loc=lambda x, _: (
        2 * C_F
        * (2 * _log_integral(x) + _integral(x) + 2 * _log_moment(1 - x) + 4 / 3 - x - x**3 / 3)
    ),
)  # fmt: skip
"""z times the rest of K_hh."""


@cache
def _matrices() -> tuple[Array, Array, Array]:
    """Return matrices of K_hg / L and the two parts of K_hh: from f to convolutions at the nodes.

    The polynomials interpolate x f, which is smoother than f, and kernels therefore carry a factor
    z: a plus distribution becomes one of z times its function S, whose local part is the integral
    of (z - 1) S from 0 to 1 less that of z S from 0 to x.
    """
    hg, log, constant = (
        np.stack([fold(kernel, float(x)) / x for x in X_GRID]) * X_GRID
        for kernel in (K_HG, K_HH_LOG, K_HH_CONSTANT)
    )
    return hg, log, constant


def rematched(coefficients: Array, heavy: int, logarithm: Array) -> Array:
    """Turn coefficients over PDFs with a massive quark into those over PDFs with it massless.

    Parameters
    ----------
    coefficients
        Shape (n, orders, 14 flavours, 50 x), over f.
    heavy
        PDG identifier of that quark.
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
