"""Penalties: documented numbers, limits, and slow twins."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.hyper_optimization.penalties import (
    PENALTIES,
    integrability,
    patience,
    saturation,
)
from n3hyper.physics.bases import FK_FLAVOURS
from n3hyper.physics.distributions import INTEGRABLE_FLAVOURS
from n3hyper.runcard.names import PENALTIES as NAMES


def power(exponent: float, replicas: int = 3):
    """x f = (r + 1) x^exponent for each flavour and replica r."""
    weights = np.arange(1.0, replicas + 1)
    return lambda x: (x**exponent * np.ones(14))[..., None] * weights


def test_names_are_those_of_runcards() -> None:
    assert tuple(PENALTIES) == NAMES


def test_patience_has_the_documented_number() -> None:
    stopping = SimpleNamespace(
        e_best_chi2=1000, stopping_patience=500, total_epochs=5000, vl_loss=2.42
    )
    value = patience(stopping, alpha=1e-4)
    assert value == 3.434143467595683
    assert isinstance(value, float)


def test_patience_takes_the_name_of_n3fit_and_arrays() -> None:
    stopping = SimpleNamespace(
        e_best_chi2=np.array([500, 4500]),
        stopping_patience=500,
        total_epochs=5000,
        vl_chi2=np.array([2.0, 3.0]),
    )
    np.testing.assert_allclose(
        patience(stopping_object=stopping), [2.0 * np.exp(0.4), 3.0], rtol=1e-14
    )


@given(best=st.integers(0, 20_000), wait=st.integers(0, 20_000), loss=st.floats(0.1, 100.0))
def test_patience_never_lowers_the_validation_loss(best: int, wait: int, loss: float) -> None:
    stopping = SimpleNamespace(
        e_best_chi2=best, stopping_patience=wait, total_epochs=20_000, vl_loss=loss
    )
    assert patience(stopping) >= loss


def slow_saturation(model, n: int, low: float, high: float, flavours: list[int]) -> np.ndarray:
    """Replica by replica, flavour by flavour, slope by slope."""
    x = [low * (high / low) ** (i / (n - 1)) for i in range(n)]
    y = model(np.array(x).reshape(1, -1, 1))[0]
    total = []
    for replica in range(y.shape[-1]):
        penalty = 0.0
        for flavour in flavours:
            slopes = [
                (y[i + 1, flavour, replica] - y[i, flavour, replica])
                / (np.log10(x[i + 1]) - np.log10(x[i]))
                for i in range(n - 1)
            ]
            penalty += 1 / (1e-7 + abs(np.mean(slopes)) + np.std(slopes))
        total.append(penalty)
    return np.array(total)


@pytest.mark.parametrize("flavours", [None, [1, 2, 9]])
def test_saturation_agrees_with_its_slow_twin(flavours: list[int] | None) -> None:
    model = power(0.3)
    expected = slow_saturation(model, 7, 1e-6, 1e-4, flavours or [1, 2])
    np.testing.assert_allclose(saturation(model, n=7, flavors=flavours), expected, rtol=1e-10)


def test_saturation_of_a_flat_pdf_is_bounded() -> None:
    assert saturation(lambda x: np.ones((1, x.size, 14))) == pytest.approx(2e7)


def test_a_single_network_gives_a_float() -> None:
    single = lambda x: x**0.3 * np.ones(14)  # noqa: E731
    assert isinstance(saturation(single, 5), float)
    assert isinstance(integrability(single), float)


def test_integrability_looks_at_the_flavours_with_sum_rules() -> None:
    names = [FK_FLAVOURS[index] for index in INTEGRABLE_FLAVOURS]
    assert names == ["V", "T3", "V3", "T8", "V8"]


def test_integrability_vanishes_below_the_threshold_and_is_capped() -> None:
    assert not integrability(power(0.5)).any()
    assert integrability(lambda x: 1e9 * np.ones((1, 3, 14))) == pytest.approx(np.expm1(50))


def test_integrability_counts_each_flavour_above_the_threshold() -> None:
    xpdf = np.zeros((1, 3, 14, 2))
    xpdf[:, :, 3, 0] = 0.3  # V of the first replica: 0.9
    xpdf[:, :, 10, 0] = -0.2  # T8: 0.6
    xpdf[:, :, 5, 1] = 0.16  # V8 of the second: 0.48
    np.testing.assert_allclose(integrability(lambda _x: xpdf), [np.expm1(1.5), 0.0])


def test_nan_stays_nan() -> None:
    broken = lambda x: np.full((1, x.size, 14, 1), np.nan)  # noqa: E731
    assert np.isnan(saturation(broken)).all()
    assert np.isnan(integrability(broken)).all()


def test_a_penalty_without_its_model_says_so() -> None:
    with pytest.raises(TypeError, match="needs a pdf_model"):
        saturation()
