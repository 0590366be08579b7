"""Inversion of Mellin transforms on a grid in x, for all elements of an operator at once.

A kernel E(N) in the space of moments acts on a function that is given at nodes x_j and is
interpolated between them by polynomials in log x: f(x) = sum_j p_j(x) f_j. Its element between the
nodes is

    O_kj = 1/(2 pi i) int dN E(N) int_{x_k}^1 dy/y (y / x_k)^N p_j(y),

along Talbot's path (Abate and Valko, Int. J. Numer. Meth. Eng. 60 (2004) 979), as in eko. eko
integrates every element adaptively, and computes E(N) anew for each. Here the path is one for all
nodes that are near each other in log x, with fixed points, so that some hundred values of E serve
the whole matrix. The inner integral is known in closed form between two nodes. Of the first cell
above x_k only the upper end counts: the other is analytic to the right of the path, and contributes
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray
from scipy.special import factorial

from n3hyper.physics.arrays import Array, Index

Complex = NDArray[np.complex128]

POINTS: Final = 32
"""Points on a path."""
SPREAD: Final = 1.25
"""Largest ratio of log x on one path."""
_SERIES: Final = 2.0
"""Where integrals of s^m exp(z s) are summed as a series in z."""
_TERMS: Final = 26
_SCALE: Final = 0.4 * 16
"""Talbot's parameter for 16 digits; the path is as wide as this over -log x."""
_SOFT: Final = 0.1
"""Added to -log x, so that the path stays finite towards x = 1."""
_END: Final = 0.9 * np.pi
"""Angle at which the path ends; what is beyond, at Re N << 0, cancels for smooth functions."""


@dataclass(frozen=True, eq=False)
class Contour:
    """Path of integration of neighbouring nodes, upper half."""

    rows: Index
    """Indices of the nodes x_k that it serves, shape (rows,)."""
    radius: float

    def moments(self, offset: float) -> Complex:
        """Return the points N, shape (points,); `offset` lies right of the kernel's last pole."""
        angle = _angles()[0]
        shape: Complex = angle / np.tan(angle) + 1j * angle
        return offset + self.radius * shape

    def weights(self) -> Complex:
        """Return weights w: the integral of F is Re sum w F, shape (points,)."""
        angle, gauss = _angles()
        jacobian = 1 / np.tan(angle) - angle / np.sin(angle) ** 2 + 1j
        weights: Complex = gauss * self.radius * jacobian / (1j * np.pi)
        return weights


def _angles() -> tuple[Array, Array]:
    """Gauss-Legendre points and weights on the path, by its angle."""
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    return 0.5 * _END * (nodes + 1), 0.5 * _END * weights


def contours(xgrid: Array, spread: float = SPREAD) -> tuple[Contour, ...]:
    """Return the paths that serve all nodes below x = 1, from small x to large.

    Parameters
    ----------
    spread
        Largest ratio of log x on one path; 1 for a path of its own for each node.
    """
    distance = _SOFT - np.log(xgrid[xgrid < 1])
    if spread == 1.0:
        return tuple(Contour(np.array([k]), float(_SCALE / d)) for k, d in enumerate(distance))
    group = np.floor(np.log(distance / distance.min()) / np.log(spread) + 1e-9)
    found = [np.flatnonzero(group == number) for number in np.unique(group)[::-1]]
    return tuple(Contour(rows, float(_SCALE / distance[rows].min())) for rows in found)


def polynomials(xgrid: Array, degree: int) -> Array:
    """Return the interpolating polynomials between each two nodes.

    A polynomial runs through `degree` + 1 nodes, of which, for an even degree, one more lies above
    the cell than below, as in eko.

    Parameters
    ----------
    xgrid
        Nodes, rising, shape (n,).

    Returns
    -------
    Array
        Coefficients of s^m, where s runs from 0 to 1 in log x from one node to the next: shape
        (n - 1 cells, degree + 1, n functions).
    """
    u = np.log(xgrid)
    n = len(u)
    below = degree // 2 - (1 - degree % 2)
    result = np.zeros((n - 1, degree + 1, n))
    for cell in range(n - 1):
        first = min(max(0, cell - below), n - 1 - degree)
        block = np.arange(first, first + degree + 1)
        nodes = (u[block] - u[cell]) / (u[cell + 1] - u[cell])
        for number, j in enumerate(block):
            others = np.delete(nodes, number)
            result[cell, :, j] = polynomial.polyfromroots(others) / np.prod(nodes[number] - others)
    return result


def power_integrals(z: Complex, degree: int) -> Complex:
    """Return the integrals of s^m exp(z s) over s from 0 to 1, shape (degree + 1, *z.shape).

    >>> power_integrals(np.array([0.0, 1.0, -30.0]), 1).real.round(6).tolist()
    [[1.0, 1.718282, 0.033333], [0.5, 1.0, 0.001111]]
    """
    orders = np.arange(degree + 1)
    small = np.where(np.abs(z) < _SERIES, z, 0.0)
    term, series = np.ones_like(z), np.zeros((degree + 1, *z.shape), dtype=complex)
    for i in range(_TERMS):
        series += term / (i + 1 + orders).reshape(-1, *[1] * z.ndim)
        term = term * small / (i + 1)
    large = np.where(np.abs(z) < _SERIES, _SERIES, z)
    last = (np.exp(large) - 1) / large
    closed = [last]
    for order in orders[1:]:
        last = (np.exp(large) - order * last) / large
        closed.append(last)
    result: Complex = np.where(np.abs(z) < _SERIES, series, np.stack(closed))
    return result


def invert(contour: Contour, kernels: Complex, offset: float, xgrid: Array, basis: Array) -> Array:
    """Return rows of the operators of some kernels.

    Parameters
    ----------
    kernels
        E(N) at `contour.moments(offset)`, shape (kernels, points).
    xgrid
        All nodes, shape (n,).
    basis
        Of `polynomials`, (n - 1, degree + 1, n).

    Returns
    -------
    Array
        O_kj of the rows k of the contour, shape (kernels, rows, n).
    """
    moments, u = contour.moments(offset), np.log(xgrid)
    width, degree = np.diff(u), basis.shape[1] - 1
    # m power, p point, c cell, k row
    z = np.multiply.outer(moments, width)
    cells = power_integrals(z, degree).transpose(1, 2, 0) * width[:, None]
    inner = np.zeros((len(moments), len(contour.rows), len(width), degree + 1), dtype=complex)
    for number, k in enumerate(contour.rows):
        shift = np.exp(np.multiply.outer(moments, u[k + 1 : -1] - u[k]))
        inner[:, number, k + 1 :] = cells[:, k + 1 :] * shift[:, :, None]
        orders = np.arange(degree + 1)
        lower = (-1.0) ** orders * factorial(orders) / z[:, k, None] ** (orders + 1)
        inner[:, number, k] = cells[:, k] + width[k] * lower
    points, rows = inner.shape[:2]
    left, right = kernels * contour.weights(), inner.reshape(points, -1)
    integrals = left.real @ right.real - left.imag @ right.imag
    operators: Array = integrals.reshape(len(kernels), rows, -1) @ basis.reshape(-1, len(u))
    return operators
