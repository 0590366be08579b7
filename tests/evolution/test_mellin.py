"""Operators of known kernels against their integrals in x."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from n3hyper.evolution.cards import INTERPOLATION_DEGREE
from n3hyper.evolution.mellin import Contour, invert, polynomials, power_integrals
from n3hyper.physics.xgrid import export_xgrid


def function(x: np.ndarray) -> np.ndarray:
    return x**-0.2 * (1 - x) ** 3


def operator(power: float, offset: float) -> np.ndarray:
    """Of the kernel 1 / (N + power): f -> the integral of (x/y)^power f(y) dy/y over y > x."""
    x = export_xgrid()
    basis = polynomials(x, INTERPOLATION_DEGREE)
    found = np.zeros((len(x), len(x)))
    for row in range(len(x) - 1):
        contour = Contour.of(row, x)
        kernel = 1 / (contour.moments(offset) + power)
        found[row] = invert(contour, kernel[None], offset, x, basis)[0]
    return found


@pytest.mark.parametrize(("power", "offset"), [(0.5, 0.0), (-0.2, 0.0), (-0.9, 1.0)])
def test_known_kernel(power: float, offset: float) -> None:
    x = export_xgrid()
    found = operator(power, offset) @ function(x)
    for k in (0, 40, 90, 130, 170):

        def integrand(u: float, k: int = k) -> float:
            return float(np.exp(-power * u) * function(x[k] * np.exp(u)))

        wanted = quad(integrand, 0, -np.log(x[k]), epsabs=0, epsrel=1e-10, limit=500)[0]
        assert found[k] == pytest.approx(wanted, rel=2e-6)


def test_polynomials_interpolate() -> None:
    """At either end of a cell they are 1 for the node there and 0 for others; they add up to 1."""
    x = export_xgrid()
    basis = polynomials(x, INTERPOLATION_DEGREE)
    np.testing.assert_allclose(basis[:, 0, :], np.eye(len(x))[:-1], atol=1e-12)
    np.testing.assert_allclose(basis.sum(axis=1), np.eye(len(x))[1:], atol=1e-10)
    np.testing.assert_allclose(basis.sum(axis=2)[:, 1:], 0, atol=1e-9)


def test_integrals_of_powers_join() -> None:
    """The series and the closed form agree where one follows the other."""
    angle = np.exp(1j * np.linspace(0, 2 * np.pi, 17))
    inside, outside = (power_integrals(radius * angle, 4) for radius in (2 - 1e-9, 2 + 1e-9))
    np.testing.assert_allclose(inside, outside, rtol=1e-8)
