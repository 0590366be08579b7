"""Factored covariances against plain linear algebra; properties of the scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from n3hyper.physics.chi2 import (
    FactoredCovariance,
    chi2_per_replica,
    chi2_with_pdf_covariance,
    logp,
    phi2,
    with_pdf_covariance,
)


def random_covariance(seed: int, n: int, k: int, strength: float = 1.0) -> FactoredCovariance:
    rng = np.random.default_rng(seed)
    return FactoredCovariance(rng.uniform(0.5, 2.0, n), strength * rng.normal(size=(n, k)))


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(0, 15),
    st.sampled_from([(), (3,), (2, 3)]),
)
def test_chi2_solve_and_logdet_agree_with_the_dense_matrix(
    seed: int, n: int, k: int, shape: tuple[int, ...]
) -> None:
    covariance = random_covariance(seed, n, k)
    dense = covariance.dense()
    residuals = np.random.default_rng(seed + 1).normal(size=(*shape, n))
    solved = np.linalg.solve(dense, residuals.reshape(-1, n).T).T.reshape(residuals.shape)
    np.testing.assert_allclose(covariance.solve(residuals), solved, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(covariance.chi2(residuals), (residuals * solved).sum(-1), rtol=1e-10)
    np.testing.assert_allclose(covariance.logdet(), np.linalg.slogdet(dense)[1], atol=1e-9)


def test_dense_is_diagonal_plus_systematics() -> None:
    covariance = FactoredCovariance(np.array([1.0, 4.0]), np.array([[2.0, 0.0], [3.0, 1.0]]))
    assert covariance.dense().tolist() == [[5.0, 6.0], [6.0, 14.0]]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.lists(st.booleans(), min_size=6, max_size=6))
def test_masked_is_the_submatrix(seed: int, mask: list[bool]) -> None:
    covariance = random_covariance(seed, 6, 4)
    keep = np.array(mask)
    kept = covariance.masked(keep)
    np.testing.assert_array_equal(kept.dense().shape, (keep.sum(), keep.sum()))
    np.testing.assert_allclose(kept.dense(), covariance.dense()[np.ix_(keep, keep)], rtol=1e-13)
    positions = covariance.masked(np.flatnonzero(keep))
    np.testing.assert_array_equal(positions.diag, kept.diag)


def test_chi2_of_no_points_is_zero() -> None:
    empty = random_covariance(0, 3, 2).masked(np.zeros(3, dtype=bool))
    assert empty.chi2(np.zeros((5, 0))).tolist() == [0.0] * 5


def test_accurate_for_large_systematics() -> None:
    """A shift along a systematic 10^6 times the noise costs one unit of its nuisance parameter."""
    covariance = random_covariance(3, 40, 5, strength=1e6)
    along = covariance.sys[:, 0]
    inner = np.eye(5) + covariance.sys.T @ (covariance.sys / covariance.diag[:, None])
    expected = 1 - np.linalg.inv(inner)[0, 0]
    assert covariance.chi2(along) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("diag", "sys"),
    [
        (np.array([1.0, 0.0]), np.ones((2, 1))),
        (np.array([1.0, -1.0]), np.ones((2, 1))),
        (np.array([1.0, np.nan]), np.ones((2, 1))),
        (np.array([1.0, 1.0]), np.ones((3, 1))),
        (np.array([1.0, 1.0]), np.ones(2)),
    ],
)
def test_what_is_no_covariance_is_refused(diag: np.ndarray, sys: np.ndarray) -> None:
    with pytest.raises(ValueError, match="covariance"):
        FactoredCovariance(diag, sys)


def test_pdf_covariance_is_the_sample_covariance() -> None:
    predictions = np.random.default_rng(2).normal(size=(4, 6))
    covariance = random_covariance(2, 6, 3)
    total = with_pdf_covariance(covariance, predictions).dense()
    np.testing.assert_allclose(total, covariance.dense() + np.cov(predictions.T), rtol=1e-12)


def test_one_replica_has_no_pdf_covariance() -> None:
    predictions = np.random.default_rng(2).normal(size=(1, 6))
    data = np.arange(1.0, 7.0)
    covariance = random_covariance(2, 6, 3)
    assert with_pdf_covariance(covariance, predictions) is covariance
    assert phi2(predictions, data, covariance) == 0.0
    alone = chi2_with_pdf_covariance(predictions, data, covariance)
    assert alone == chi2_per_replica(predictions, data, covariance)[0]


def test_phi2_is_the_spread_alone() -> None:
    rng = np.random.default_rng(4)
    predictions, covariance = rng.normal(size=(5, 6)), random_covariance(4, 6, 3)
    spread = predictions - predictions.mean(axis=0)
    inverse = np.linalg.inv(covariance.dense())
    expected = np.mean([d @ inverse @ d for d in spread]) / 6
    for data in (np.zeros(6), rng.normal(size=6)):
        assert phi2(predictions, data, covariance) == pytest.approx(expected, rel=1e-12)


def test_logp_is_the_gaussian_density() -> None:
    """In units of the data the density is that of d/d with covariance C_ij/d_i d_j."""
    rng = np.random.default_rng(5)
    predictions, covariance = rng.normal(size=(5, 6)), random_covariance(5, 6, 3)
    data, central = rng.normal(size=6), rng.normal(size=6)
    total = (covariance.dense() + np.cov(predictions.T)) / np.outer(data, data)
    residuals = (central - data) / data
    density = -0.5 * residuals @ np.linalg.solve(total, residuals)
    density -= 0.5 * np.linalg.slogdet(2 * np.pi * total)[1]
    assert logp(predictions, data, covariance, central) == pytest.approx(-density / 6, rel=1e-12)


def test_logp_of_a_vanishing_value_is_finite() -> None:
    predictions, covariance = (
        np.random.default_rng(6).normal(size=(5, 3)),
        random_covariance(6, 3, 1),
    )
    assert np.isfinite(logp(predictions, np.array([0.0, 1.0, -2.0]), covariance))
