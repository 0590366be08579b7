"""Tests of closure-test data against those that vp-setupfit writes and n3fit reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from n3hyper.data.closure import make_fake_data, with_central
from n3hyper.data.commondata import CommonData
from n3hyper.data.covariance import dense_covariance
from tests.support.reference_cases import ReferenceCase

REFERENCE = Path(__file__).parent / "reference" / "closure.npz"


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE) as stored:
        return {key: stored[key] for key in stored.files}


Levels = tuple[list[CommonData], list[CommonData]]


@pytest.fixture(scope="module")
def levels(fit_case: ReferenceCase, reference: dict[str, np.ndarray]) -> Levels:
    # toy_t0 makes both the t0 predictions and the fake data
    level0, seed = fit_case.numbers["t0"], int(reference["filterseed"])
    return (
        make_fake_data(fit_case.datasets, level0, None),
        make_fake_data(fit_case.datasets, level0, seed),
    )


@pytest.mark.parametrize("level", [0, 1])
def test_central_values_are_those_of_vp_setupfit(
    levels: Levels, reference: dict[str, np.ndarray], level: int
) -> None:
    central = np.concatenate([dataset.central for dataset in levels[level]])
    np.testing.assert_allclose(central, reference[f"level{level}"], rtol=1e-10)


@pytest.mark.parametrize("level", [0, 1])
def test_covariance_is_that_of_n3fit(
    levels: Levels, reference: dict[str, np.ndarray], level: int
) -> None:
    covariance = dense_covariance(levels[level])
    diagonal = reference[f"exp{level}_diagonal"]
    np.testing.assert_allclose(np.diag(covariance), diagonal, rtol=1e-10)
    rng = np.random.default_rng(1)
    n = len(covariance)
    rng.normal(size=(n, 3))
    i, j = rng.integers(n, size=(2, 20_000))
    scale = np.sqrt(diagonal[i] * diagonal[j])
    difference = (covariance[i, j] - reference[f"exp{level}_elements"]) / scale
    assert np.abs(difference).max() < 1e-10


def test_noise_starts_anew_in_each_experiment(levels: Levels) -> None:
    """Noise of an experiment is the same whichever others are in the fit."""
    level0, level1 = levels
    experiment = next(dataset.experiment for dataset in level0 if dataset.name.startswith("SLAC"))
    members = [i for i, dataset in enumerate(level0) if dataset.experiment == experiment]
    assert len(members) > 1
    central = np.concatenate([level0[i].central for i in members])
    alone = make_fake_data([level0[i] for i in members], central, 7)
    for i, dataset in zip(members, alone, strict=True):
        np.testing.assert_allclose(dataset.central, level1[i].central, rtol=1e-13)


def test_other_central_values_scale_multiplicative_uncertainties(fit_case: ReferenceCase) -> None:
    data = fit_case.datasets[0]
    twice = with_central(data, 2 * data.central)
    multiplicative = data.multiplicative
    np.testing.assert_allclose(twice.sys[:, multiplicative], 2 * data.sys[:, multiplicative])
    np.testing.assert_array_equal(twice.sys[:, ~multiplicative], data.sys[:, ~multiplicative])
    np.testing.assert_array_equal(twice.stat, data.stat)
