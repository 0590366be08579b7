"""Tests of a heavy quark's coefficients over PDFs of one more flavour, against SciPy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from n3hyper.theory_maker.bases import FLAVOUR_PIDS, X_GRID
from n3hyper.theory_maker.rematching import (
    C_F,
    K_HH_CONSTANT,
    K_HH_LOG,
    Distribution,
    rematched,
)

CHARM, ANTICHARM, GLUON = (FLAVOUR_PIDS.index(pid) for pid in (4, -4, 21))
NODES = [14, 20, 28, 36]
Function = Callable[[float], float]


def pdf(x: float) -> float:
    """Return a function as steep as a PDF."""
    return float(x**-1.1 * (1 - x) ** 5)


def splitting(z: float, logarithm: float) -> float:
    """Return K_hh without its plus prescription."""
    return float(2 * C_F * (1 + z**2) / (1 - z) * (logarithm - 2 * np.log(1 - z) - 1))


def convolution(x: float, logarithm: float) -> tuple[float, float]:
    """Return the convolutions of K_hh and K_hg with `pdf` at `x`."""

    def quark(z: float) -> float:
        return splitting(z, logarithm) * (pdf(x / z) / z - pdf(x))

    def gluon(z: float) -> float:
        return logarithm * (z**2 + (1 - z) ** 2) * pdf(x / z) / z

    edges = np.concatenate([np.geomspace(x, 0.5, 8), [1 - 1e-13]])
    both = [
        sum(quad(part, a, b, limit=500)[0] for a, b in pairwise(edges)) for part in (quark, gluon)
    ]
    both[0] -= quad(splitting, 0, x, args=(logarithm,))[0] * pdf(x)
    return both[0], both[1]


@pytest.mark.parametrize("logarithm", [0.3, 3.0])
def test_rematched_coefficients_are_the_convolutions(logarithm: float) -> None:
    coefficients = np.zeros((len(NODES), 2, 14, 50))
    coefficients[np.arange(len(NODES)), 0, CHARM, NODES] = 2.0  # 2 c(n) at a node each
    result = rematched(coefficients, 4, np.full(len(NODES), logarithm))
    np.testing.assert_array_equal(result[:, 0], coefficients[:, 0])
    values = result[:, 1] @ np.array([pdf(x) for x in X_GRID])
    expected = np.array([convolution(float(X_GRID[node]), logarithm) for node in NODES])
    np.testing.assert_allclose(values[:, CHARM], -2 * expected[:, 0], rtol=2e-3)
    np.testing.assert_allclose(values[:, GLUON], -2 * expected[:, 1], rtol=1e-4)
    others = np.delete(result[:, 1], [CHARM, GLUON], axis=1)
    assert not others.any()


def test_quark_and_antiquark_both_take_from_the_gluon() -> None:
    coefficients = np.zeros((1, 3, 14, 50))
    coefficients[0, 0, CHARM, 20], coefficients[0, 0, ANTICHARM, 20] = 1.0, -1.0  # as in F3
    result = rematched(coefficients, 4, np.array([1.5]))
    np.testing.assert_allclose(result[0, 1, GLUON], 0.0, atol=1e-12)
    np.testing.assert_array_equal(result[0, 1, CHARM], -result[0, 1, ANTICHARM])
    assert result[0, 1, CHARM].any()
    assert not result[0, 2].any()


def test_leading_order_is_unchanged() -> None:
    coefficients = np.ones((1, 1, 14, 50))
    np.testing.assert_array_equal(rematched(coefficients, 4, np.array([1.0])), coefficients)


@pytest.mark.parametrize(
    ("kernel", "function"),
    [
        (K_HH_LOG, lambda z: splitting(z, 1.0) - splitting(z, 0.0)),
        (K_HH_CONSTANT, lambda z: splitting(z, 0.0)),
    ],
)
@pytest.mark.parametrize("x", [0.0, 1e-4, 0.3, 0.9])
def test_local_parts_are_integrals(kernel: Distribution, function: Function, x: float) -> None:
    assert kernel.loc is not None
    expected = quad(lambda z: (z - 1) * function(z), 0, 1)[0]
    expected -= quad(lambda z: z * function(z), 0, x)[0]
    assert kernel.loc(x, None) == pytest.approx(expected, rel=1e-7)
