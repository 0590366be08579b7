"""Nodes and weights that integrate PDFs over x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array

X_MIN: Final = 1e-9
"""Lower end of the sum rules' integrals, as in n3fit."""


@dataclass(frozen=True, eq=False)
class Quadrature:
    """Nodes and weights; the sum of weights[i] g(nodes[i]) over i is the integral of g."""

    nodes: Array
    """(n,), ascending, within (0, 1)."""
    weights: Array
    """(n,)"""

    def integrate(self, values: Array) -> Array:
        """Return the integral of a function given at the nodes, (..., n) -> (...)."""
        return values @ self.weights


def _gauss_legendre(n: int, low: float, high: float) -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    half = 0.5 * (high - low)
    return low + half * (nodes + 1.0), half * weights


def sum_rule_quadrature(
    logarithmic: int = 40,
    linear: int = 24,
    split: float = 0.3,
    x_min: float = X_MIN,
    end_power: float = 4.0,
) -> Quadrature:
    """Return Gauss-Legendre nodes for integrands N(x) x^a (1 - x)^b with a smooth function N.

    Below `split` the variable is log x, in which both x^a and a network of log x are smooth.
    Above it is u with 1 - x = (1 - split) u^end_power: (1 - x)^b with a broken power b has no
    derivative at x = 1, while u^(end_power (b + 1) - 1) has enough of them for the nodes to
    converge at every b >= 0. With 64 nodes initial networks are integrated to 1e-10, and those
    with first layers four times as steep to 1e-6.

    Parameters
    ----------
    logarithmic, linear
        Number of nodes below and above `split`.
    x_min
        Lower end of the integral; the upper one is 1.

    >>> rule = sum_rule_quadrature()
    >>> rule.nodes.size, f"{rule.integrate(rule.nodes**-0.5):.7f}"
    (64, '1.9999368')
    """
    low, low_weights = _gauss_legendre(logarithmic, np.log(x_min), np.log(split))
    end, end_weights = _gauss_legendre(linear, 0.0, 1.0)
    jacobian = (1.0 - split) * end_power * end ** (end_power - 1.0)
    nodes = np.concatenate([np.exp(low), 1.0 - (1.0 - split) * end[::-1] ** end_power])
    weights = np.concatenate([np.exp(low) * low_weights, (jacobian * end_weights)[::-1]])
    return Quadrature(nodes, weights)
