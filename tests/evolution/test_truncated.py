"""The truncated solution, order by order."""

from __future__ import annotations

import numpy as np
import pytest

from n3hyper.evolution.truncated import series

RNG = np.random.default_rng(7)
U = np.concatenate([np.eye(2)[None], RNG.normal(size=(3, 2, 2))]).astype(complex)
LEADING = RNG.normal(size=(2, 2)).astype(complex)


def full(a1: float, a0: float, order: int) -> np.ndarray:
    """U(a1) L U(a0)^-1 with U up to a power, nothing left out of the product."""
    new, old = (sum(a**k * U[k] for k in range(order)) for a in (a1, a0))
    return np.asarray(new @ LEADING @ np.linalg.inv(old))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_what_is_left_out_is_of_higher_order(order: int) -> None:
    def error(scale: float) -> float:
        a1, a0 = 0.7 * scale, scale
        return float(np.abs(series(LEADING, U, a1, a0, order) - full(a1, a0, order)).max())

    ratio = error(2e-3) / error(1e-3)
    assert ratio == pytest.approx(2**order, rel=0.05)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_no_evolution_is_the_leading_solution(order: int) -> None:
    np.testing.assert_allclose(series(np.eye(2), U, 0.02, 0.02, order), np.eye(2), atol=1e-14)


def test_many_moments_at_once() -> None:
    several = series(np.stack([LEADING] * 3), np.stack([U] * 3, axis=1), 0.02, 0.03, 3)
    for each in several:
        np.testing.assert_array_equal(each, series(LEADING, U, 0.02, 0.03, 3))


def test_as_in_the_maker_of_theories() -> None:
    """At NNLO it is what tables are made with."""
    pytest.importorskip("eko")
    from n3hyper.theory_maker.operators.truncated import solution

    made = solution(lambda *_: LEADING, lambda *_: None, lambda *_: U)
    found = made(None, 0.02, 0.03, None, (3, 0))
    np.testing.assert_allclose(series(LEADING, U, 0.02, 0.03, 3), found, rtol=1e-13)
