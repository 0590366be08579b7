"""Target-mass corrections, which turn structure functions of a massless target into a proton's.

With mu = M^2/Q^2, rho = sqrt(1 + 4 x^2 mu) and Nachtmann's xi = 2 x/(1 + rho) (Schienbein et al.,
J. Phys. G 35 (2008) 053101, without the doubly integrated terms of order mu^2)

    F2  <- x^2/(xi^2 rho^3) F2(xi)  + 6 mu x^3/rho^4 h2(xi)
    FL  <- x^2/(xi^2 rho)   FL(xi)  + 4 mu x^3/rho^2 h2(xi)
    xF3 <- x^2/(xi^2 rho^2) xF3(xi) + 2 mu x^3/rho^3 h3(xi)

where h2 is the integral of F2(u)/u^2 and h3 that of xF3(u)/u over u from xi to 1. This is what
NNPDF uses (TMC: 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from n3hyper.physics.arrays import Array, Mask
from n3hyper.theory_maker.bases import INTERPOLATION_DEGREE, X_GRID

NEGLIGIBLE = 1.0e-7
"""Value of mu x^2 below which no correction is made."""
INTEGRATED = {"F2": "F2", "FL": "F2", "F3": "F3"}
"""Structure function whose integral corrects each of them."""
_POWERS = {"F2": (3, 6.0, 4), "FL": (1, 4.0, 2), "F3": (2, 2.0, 3)}
_GAUSS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True)
class TargetMass:
    """Correction of a structure function F at points (x, Q2): c F(xi) + sum_j w_j G(x_j).

    G is the structure function given by `INTEGRATED`, at the nodes x_j of `X_GRID`.
    """

    xi: Array
    """x at which the structure function is needed, shape (n,)."""
    factor: Array
    """c, shape (n,)."""
    weights: Array
    """w_j, shape (n, 50)."""

    @property
    def corrected(self) -> Mask:
        """Mask (n,) of the points at which an integral is needed."""
        return np.asarray(np.any(self.weights != 0, axis=1))


def target_mass(kind: str, x: Array, q2: Array, mass: float) -> TargetMass:
    """Return the correction of `kind` (F2, FL or F3) at the points (n,) of `x` and `q2` in GeV^2.

    Parameters
    ----------
    mass
        Mass of the target in GeV; 0 for no correction.
    """
    mu = np.where(mass**2 / q2 * x**2 < NEGLIGIBLE, 0.0, mass**2 / q2)
    rho = np.sqrt(1 + 4 * x**2 * mu)
    xi = 2 * x / (1 + rho)
    power, coefficient, rho_power = _POWERS[kind]
    weights = np.zeros((len(x), len(X_GRID)))
    for n in np.flatnonzero(mu):
        integral = integral_weights(float(xi[n]), 2 if INTEGRATED[kind] == "F2" else 1)
        weights[n] = coefficient * mu[n] * x[n] ** 3 / rho[n] ** rho_power * integral
    return TargetMass(xi, x**2 / (xi**2 * rho**power), weights)


def integral_weights(xi: float, power: int) -> Array:
    """Return w_j (50,) such that the integral of G(u)/u^power from `xi` to 1 is sum_j w_j G(x_j).

    The quadrature is Gauss-Legendre in log u, panel by panel between the nodes.

    >>> bool(np.isclose(integral_weights(0.1, 1) @ np.ones(50), np.log(10.0)))
    True
    """
    edges = np.log(np.concatenate([[xi], X_GRID[xi < X_GRID]]))
    half = 0.5 * np.diff(edges)[:, None]
    nodes, gauss = _GAUSS
    u = np.exp(edges[:-1, None] + half * (1 + nodes)).ravel()
    measure = (half * gauss).ravel() * u ** (1 - power)
    return np.asarray(measure @ interpolation_matrix(u))


def interpolation_matrix(x: Array) -> Array:
    """Return the piecewise Lagrange polynomials in log x on `X_GRID` at `x` (n,), shape (n, 50).

    The blocks of nodes are those of eko and yadism: between nodes i and i+1 the polynomial of
    degree d passes through nodes i-d/2+1 to i+d/2+1, shifted at the ends.

    >>> bool(np.allclose(interpolation_matrix(X_GRID), np.eye(50)))
    True
    """
    degree, size = INTERPOLATION_DEGREE, len(X_GRID)
    log_nodes = np.log(X_GRID)
    interval = np.clip(np.searchsorted(X_GRID, x, side="right") - 1, 0, size - 2)
    first = np.clip(interval - degree // 2 + 1, 0, size - degree - 1)
    block = first[:, None] + np.arange(degree + 1)
    matrix = np.zeros((len(x), size))
    for j in range(degree + 1):
        others = np.delete(block, j, axis=1)
        node = log_nodes[block[:, j], None]
        ratios = (np.log(x)[:, None] - log_nodes[others]) / (node - log_nodes[others])
        matrix[np.arange(len(x)), block[:, j]] = ratios.prod(axis=1)
    return matrix
