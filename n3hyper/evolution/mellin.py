"""Inversion of Mellin transforms on a grid in x, for all elements of an operator at once.

A kernel E(N) in the space of moments acts on a function that is given at nodes x_j and is
interpolated between them by polynomials in log x: f(x) = sum_j p_j(x) f_j. Its element between the
nodes is

    O_kj = 1/(2 pi i) int dN E(N) int_{x_k}^1 dy/y (y / x_k)^N p_j(y),

along Talbot's path (Abate and Valko, Int. J. Numer. Meth. Eng. 60 (2004) 979), which is eko's. eko
integrates every element adaptively, and computes E(N) anew for each. Here the points on the path
are the same for all elements of a row k and for all scales. The inner integral is known in closed
form between two nodes. Of the first cell above x_k only the upper end counts: the other is analytic
to the right of the path, and contributes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray
from scipy.special import factorial

from n3hyper.physics.arrays import Array

Complex = NDArray[np.complex128]

POINTS: Final = 40
"""Points on a path: with 48 of them results change by some 1e-6 at x = 1e-9, and not above."""
_SERIES: Final = 2.0
"""Where integrals of s^m exp(z s) are summed as a series in z."""
_TERMS: Final = 26
_SCALE: Final = 0.4 * 16
"""Talbot's parameter for 16 digits; the path is as wide as this over -log x."""
_SOFT: Final = 0.1
"""Added to -log x, so that the path stays finite towards x = 1."""
_END: Final = 0.9 * np.pi
"""Angle at which the path ends; what is beyond, at Re N << 0, cancels for smooth functions."""


@dataclass(frozen=True)
class Contour:
    """Path of integration for a node, upper half."""

    row: int
    """Index of the node x_k."""
    radius: float

    @classmethod
    def of(cls, row: int, xgrid: Array) -> Contour:
        """Return the path for the node `row` below x = 1."""
        return cls(row, float(_SCALE / (_SOFT - np.log(xgrid[row]))))

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
    """Return a row of the operators of some kernels.

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
        O_kj of the row k of the contour, shape (kernels, n).
    """
    k, moments = contour.row, contour.moments(offset)
    u = np.log(xgrid)
    orders = np.arange(basis.shape[1])
    # p point, c cell above the node, m power
    width = np.diff(u)[k:]
    z = np.multiply.outer(moments, width)
    cells = power_integrals(z, len(orders) - 1).transpose(1, 2, 0)
    lower = (-1.0) ** orders * factorial(orders) / z[:, 0, None] ** (orders + 1)
    cells[:, 0] += lower
    shift = np.exp(np.multiply.outer(moments, u[k:-1] - u[k]))
    right = (cells * (shift * width)[:, :, None]).reshape(len(moments), -1)
    left = kernels * contour.weights()
    integrals = left.real @ right.real - left.imag @ right.imag
    operators: Array = integrals @ basis[k:].reshape(-1, len(u))
    return operators
