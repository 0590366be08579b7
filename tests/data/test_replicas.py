"""Tests of seeds and pseudodata against n3fit and validphys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from n3hyper.data.commondata import load_commondata
from n3hyper.data.covariance import build_covariance
from n3hyper.data.replicas import additive_part, make_replica_data
from n3hyper.data.seeds import group_mc_seed, mc_seeds, nn_seeds, trvl_seeds
from n3hyper.errors import DataError
from tests.support.reference_cases import ReferenceCase

REFERENCE = Path(__file__).parent / "reference"


def test_seeds_are_those_of_n3fit(fit_case: ReferenceCase) -> None:
    runcard, expected = fit_case.record["runcard_seeds"], fit_case.record["seeds"]
    assert nn_seeds(runcard["nnseed"], 3).tolist() == expected["replica_nnseed"]
    assert mc_seeds(runcard["mcseed"], 3).tolist() == expected["replica_mcseed"]
    assert trvl_seeds(runcard["trvlseed"], 3).tolist() == expected["replica_trvlseed"]
    first = expected["replica_trvlseed"][0]
    assert trvl_seeds(runcard["trvlseed"], 3, same_trvl_per_replica=True).tolist() == [first] * 3


def test_group_seed_is_that_of_validphys(other_case: ReferenceCase) -> None:
    seed = group_mc_seed(other_case.datasets) + other_case.record["mcseed"]
    assert seed == other_case.record["group_mcseed"]


def test_replicas_of_a_fit_are_those_of_validphys(fit_case: ReferenceCase) -> None:
    covariance = build_covariance(fit_case.datasets, fit_case.numbers["t0"], fit_case.weights)
    seeds = mc_seeds(fit_case.record["runcard_seeds"]["mcseed"], 3)
    replicas = make_replica_data(fit_case.datasets, covariance, seeds)
    np.testing.assert_allclose(replicas, fit_case.numbers["replicas"], rtol=1e-10)


def test_replica_of_one_group_is_that_of_validphys(other_case: ReferenceCase) -> None:
    datasets = other_case.datasets
    covariance = build_covariance(datasets, other_case.numbers["t0"])
    seeds, groups = [other_case.record["mcseed"]], ["ALL"] * len(datasets)
    (replica,) = make_replica_data(datasets, covariance, seeds, groups)
    np.testing.assert_allclose(replica, other_case.numbers["replica"], rtol=1e-10)


def test_replica_with_separate_multiplicative_uncertainties_is_that_of_validphys(
    fit_case: ReferenceCase,
) -> None:
    with np.load(REFERENCE / "separate.npz") as stored:
        expected = stored["replica"]
    additive = [additive_part(cd) for cd in fit_case.datasets]
    covariance = build_covariance(additive, weights=fit_case.weights)
    seeds = mc_seeds(fit_case.record["runcard_seeds"]["mcseed"], 1)
    (replica,) = make_replica_data(
        fit_case.datasets, covariance, seeds, separate_multiplicative=True
    )
    np.testing.assert_allclose(replica, expected, rtol=1e-10)


def test_a_normalisation_moves_all_points_alike() -> None:
    sizes = load_commondata("CMS_WPWM_7TEV_ELECTRON_ASY")
    exact = replace(
        sizes,
        stat=1e-6 * abs(sizes.central),
        sys=0.1 * sizes.central[:, np.newaxis],
        sys_names=("LUMI",),
        multiplicative=np.ones(1, dtype=bool),
    )
    covariance = build_covariance([additive_part(exact)])
    replicas = make_replica_data([exact], covariance, range(200), separate_multiplicative=True)
    ratios = replicas / exact.central
    np.testing.assert_allclose(ratios, ratios[:, :1] * np.ones(exact.ndata), rtol=1e-4)
    assert ratios[:, 0].std() == pytest.approx(0.1, rel=0.3)


def test_a_replica_does_not_depend_on_the_others(fit_case: ReferenceCase) -> None:
    datasets = fit_case.datasets[:4]
    covariance = build_covariance(datasets)
    together = make_replica_data(datasets, covariance, [3, 1, 4])
    alone = make_replica_data(datasets, covariance, [4])
    np.testing.assert_array_equal(together[2], alone[0])


def test_replicas_scatter_as_the_covariance_says() -> None:
    datasets = [load_commondata("CMS_WPWM_7TEV_ELECTRON_ASY")]
    covariance = build_covariance(datasets)
    replicas = make_replica_data(datasets, covariance, range(4000))
    residuals = replicas - datasets[0].central
    # the mean chi2 per point of n replicas is 1 +- sqrt(2/(11 n))
    assert covariance.chi2(residuals).mean() / 11 == pytest.approx(1, abs=5 * np.sqrt(2 / 44000))
    assert np.abs(residuals.mean(axis=0) / np.sqrt(np.diag(covariance.dense()))).max() < 5 / 63


def test_negative_cross_sections_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asymmetry = load_commondata("CMS_WPWM_7TEV_ELECTRON_ASY")
    wide = replace(
        asymmetry,
        process="DY_W",
        stat=asymmetry.central[:2].copy(),
        central=asymmetry.central[:2],
        sys=np.zeros((2, 0)),
        sys_names=(),
        multiplicative=np.zeros(0, dtype=bool),
    )
    covariance = build_covariance([wide])
    plain = make_replica_data([wide], covariance, range(50))
    again = make_replica_data([wide], covariance, range(50), resample_negative=True)
    positive = (plain >= 0).all(axis=1)
    assert (again >= 0).all()
    assert 0 < positive.sum() < 50
    np.testing.assert_array_equal(plain[positive], again[positive])
    signed = replace(wide, process="DY_W_ASY")
    np.testing.assert_array_equal(
        make_replica_data([signed], covariance, range(50), resample_negative=True), plain
    )
    monkeypatch.setattr("n3hyper.data.replicas._MAX_TRIES", 3)
    hopeless = replace(wide, central=-100 * wide.central)
    with pytest.raises(DataError, match="no positive pseudodata"):
        make_replica_data([hopeless], covariance, [1], resample_negative=True)
