"""Tests of covariances against validphys, element by element, and blocks without a diagonal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from n3hyper.data.commondata import CommonData, load_commondata
from n3hyper.data.covariance import build_covariance, dense_covariance
from n3hyper.data.masks import dataset_slices
from n3hyper.errors import DataError
from n3hyper.physics.chi2 import (
    FactoredCovariance,
    chi2_per_replica,
    chi2_with_pdf_covariance,
    logp,
    phi2,
)
from tests.support.reference_cases import ReferenceCase

RELATIVE = 1e-10


def factored(case: ReferenceCase, kind: str) -> FactoredCovariance:
    if kind == "exp":
        return build_covariance(case.datasets)
    return build_covariance(case.datasets, case.numbers["t0"], case.weights)


def dense(case: ReferenceCase, kind: str) -> np.ndarray:
    if kind == "exp":
        return dense_covariance(case.datasets)
    return dense_covariance(case.datasets, case.numbers["t0"], case.weights)


def rows_of(case: ReferenceCase, sets: list[int]) -> np.ndarray:
    slices = dataset_slices(case.datasets)
    return np.concatenate([np.arange(slices[i].start, slices[i].stop) for i in sets])


def compare_brief(matrix: np.ndarray, case: ReferenceCase, kind: str) -> None:
    """Compare the diagonal, 20,000 elements and products with fixed vectors (make_reference)."""
    n = len(matrix)
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(n, 3))
    i, j = rng.integers(n, size=(2, 20_000))
    stored = {key: case.numbers[f"{kind}_{key}"] for key in ("diagonal", "products", "elements")}
    np.testing.assert_allclose(np.diag(matrix), stored["diagonal"], rtol=RELATIVE)
    np.testing.assert_allclose(matrix[i, j], stored["elements"], rtol=RELATIVE)
    np.testing.assert_allclose(matrix @ vectors, stored["products"], rtol=RELATIVE)


@pytest.mark.parametrize("kind", ["exp", "fit"])
@pytest.mark.parametrize("name", ["fit_case", "other_case"])
def test_large_matrices_are_those_of_validphys(
    name: str, kind: str, request: pytest.FixtureRequest
) -> None:
    case: ReferenceCase = request.getfixturevalue(name)
    covariance = factored(case, kind)
    assert (covariance.diag > 0).all()
    compare_brief(covariance.dense(), case, kind)
    compare_brief(dense(case, kind), case, kind)


@pytest.mark.parametrize("kind", ["exp", "fit"])
def test_every_element_of_small_sets_is_that_of_validphys(
    fit_case: ReferenceCase, kind: str
) -> None:
    rows = rows_of(fit_case, fit_case.numbers["small"].tolist())
    found = factored(fit_case, kind).masked(rows).dense()[np.triu_indices(len(rows))]
    np.testing.assert_allclose(found, fit_case.numbers[f"{kind}_small"], rtol=RELATIVE)


def test_every_element_of_hera_and_nmc_is_that_of_validphys(fit_case: ReferenceCase) -> None:
    rows = rows_of(fit_case, [1, 2, 7])
    found = factored(fit_case, "fit").masked(rows).dense()[np.triu_indices(len(rows))]
    np.testing.assert_allclose(found, fit_case.numbers["fit_hera_nmc"], rtol=RELATIVE)


@pytest.mark.parametrize("kind", ["exp", "fit"])
def test_every_element_with_artificial_systematics_is_that_of_validphys(
    other_case: ReferenceCase, kind: str
) -> None:
    """Published matrices make elements that are zero up to rounding, in either program."""
    rows = rows_of(other_case, list(range(1, len(other_case.datasets))))
    found = factored(other_case, kind).masked(rows).dense()
    deviation = np.sqrt(np.diag(found))
    triangle = np.triu_indices(len(rows))
    expected = other_case.numbers[f"{kind}_rest"]
    allowed = RELATIVE * np.abs(expected) + 1e-14 * np.outer(deviation, deviation)[triangle]
    assert (np.abs(found[triangle] - expected) <= allowed).all()


def test_there_are_no_more_columns_than_points(fit_case: ReferenceCase) -> None:
    """Columns of 1,000 nuclear uncertainties of 161 points are at most 161."""
    nuclear = [cd for cd in fit_case.datasets if cd.experiment == "NUCLEAR"]
    covariance = build_covariance(nuclear)
    assert sum(cd.sys.shape[1] for cd in nuclear) > 1000
    assert covariance.sys.shape == (161, 161)
    np.testing.assert_allclose(covariance.dense(), dense_covariance(nuclear), rtol=1e-9)


def test_covariances_are_read_only(fit_case: ReferenceCase) -> None:
    covariance = build_covariance(fit_case.datasets[:1])
    assert not covariance.diag.flags.writeable
    assert not covariance.sys.flags.writeable


# ---------------------------------------------------------------- scores of n3fit


@pytest.mark.parametrize("name", ["five", "one"])
def test_scores_are_those_of_n3fit(scores_case: ReferenceCase, name: str) -> None:
    data = np.concatenate([cd.central for cd in scores_case.datasets])
    covariance = build_covariance(scores_case.datasets)
    predictions = scores_case.numbers[f"{name}_predictions"]
    central = scores_case.numbers[f"{name}_central"]
    expected = scores_case.record["metrics"][name]
    found = {
        "chi2": chi2_with_pdf_covariance(predictions, data, covariance, central),
        # n3fit stores the root under this name
        "phi2": np.sqrt(phi2(predictions, data, covariance)),
        "logp": logp(predictions, data, covariance, central),
        "chi2exp": float(chi2_per_replica(central, data, covariance)),
    }
    assert found == pytest.approx(expected, rel=1e-8)


# ---------------------------------------------------------------- made-up sets


def made_up(
    name: str, sys: np.ndarray, sys_names: tuple[str, ...], stat: float = 0.0
) -> CommonData:
    n = len(sys)
    like = load_commondata("CMS_WPWM_7TEV_ELECTRON_ASY")
    return replace(
        like,
        name=name,
        points=np.arange(n),
        kinematics=np.zeros((n, 3)),
        central=np.arange(1.0, n + 1),
        stat=np.full(n, stat),
        sys=sys,
        sys_names=sys_names,
        multiplicative=np.zeros(sys.shape[1], dtype=bool),
    )


def check(datasets: list[CommonData]) -> FactoredCovariance:
    covariance = build_covariance(datasets)
    np.testing.assert_allclose(covariance.dense(), dense_covariance(datasets), atol=1e-12)
    return covariance


def test_names_of_uncertainties_say_what_they_correlate() -> None:
    sys = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, -2.0, 3.0, 4.0, -5.0]])
    names = ("UNCORR", "THEORYUNCORR", "CORR", "THEORYCORR", "SHARED")
    first, second = made_up("ONE", sys, names, stat=1.0), made_up("TWO", sys, names, stat=1.0)
    expected = np.array([[56.0, 0.0], [0.0, 56.0]])
    across = np.array([[25.0, -25.0], [-25.0, 25.0]])
    np.testing.assert_allclose(
        check([first, second]).dense(),
        np.block([[expected, across], [across, expected]]),
        atol=1e-12,
    )


def test_multiplicative_ones_scale_with_t0() -> None:
    sys = np.array([[0.1, 0.1], [0.4, 0.4]])
    mixed = replace(
        made_up("ONE", sys, ("CORR", "CORR"), stat=1.0), multiplicative=np.array([False, True])
    )
    t0 = np.array([2.0, 1.0])  # central values are 1 and 2
    found = build_covariance([mixed], t0).dense()
    np.testing.assert_allclose(found, [[1.05, 0.08], [0.08, 1.2]])


def test_weights_divide_the_covariance() -> None:
    sys = np.ones((2, 1))
    sets = [made_up("ONE", sys, ("A",), stat=1.0), made_up("TWO", sys, ("A",), stat=1.0)]
    found = build_covariance(sets, weights=[4.0, 1.0]).dense()
    np.testing.assert_allclose(found[:2, :2], [[0.5, 0.25], [0.25, 0.5]])
    np.testing.assert_allclose(found[0, 2:], [0.5, 0.5])
    with pytest.raises(DataError, match="dataset TWO: weight must be positive: 0"):
        build_covariance(sets, weights=[1.0, 0.0])


def test_artificial_systematics_alone_get_a_diagonal() -> None:
    sys = np.random.default_rng(0).normal(size=(5, 5))
    covariance = check([made_up("ONE", sys, ("CORR",) * 5)])
    correlations = np.linalg.eigvalsh(sys @ sys.T / np.outer(*[np.linalg.norm(sys, axis=1)] * 2))
    variance = (sys**2).sum(axis=1)
    np.testing.assert_allclose(covariance.diag, correlations[0] * variance, rtol=1e-9)


def test_artificial_systematics_beside_shared_ones_get_a_diagonal() -> None:
    rng = np.random.default_rng(1)
    first = made_up("ONE", rng.normal(size=(4, 5)), ("CORR",) * 4 + ("LUMI",))
    second = made_up("TWO", rng.normal(size=(3, 1)), ("LUMI",), stat=1.0)
    covariance = check([first, second])
    assert covariance.sys.shape[1] <= 5


def test_systematics_that_make_two_sets_regular_only_together() -> None:
    """Statistical correlations across two sets: neither has a regular block of its own."""
    rng = np.random.default_rng(2)
    names = tuple(f"STAT{i}" for i in range(6))
    first, second = (made_up(name, rng.normal(size=(3, 6)), names) for name in ("ONE", "TWO"))
    third = made_up("THREE", np.zeros((2, 0)), (), stat=1.0)
    check([first, third, second])


def test_set_that_is_regular_only_with_a_regular_one() -> None:
    """Matrix of ONE is singular without what it shares with TWO, which is regular by itself."""
    rng = np.random.default_rng(3)
    names = ("STAT0", "STAT1", "STAT2")
    first = made_up("ONE", rng.normal(size=(3, 3)), names)
    second = made_up("TWO", rng.normal(size=(2, 3)), names, stat=1.0)
    check([first, second])


def test_singular_covariance_is_an_error() -> None:
    sys = np.ones((3, 1))
    with pytest.raises(DataError, match="singular covariance of ONE"):
        build_covariance([made_up("ONE", sys, ("CORR",))])
    with pytest.raises(DataError, match="singular covariance of ONE"):
        build_covariance([made_up("ONE", np.zeros((3, 0)), ())])


def test_t0_of_the_wrong_length_is_an_error() -> None:
    with pytest.raises(DataError, match="t0 predictions of shape"):
        build_covariance([made_up("ONE", np.ones((3, 1)), ("CORR",), stat=1.0)], np.ones(2))
