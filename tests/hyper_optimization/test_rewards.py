"""Rewards: documented numbers, statistics, and what the loss of a fold is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from n3hyper.errors import RuncardError
from n3hyper.fitting.model_gen import generate_pdf_model
from n3hyper.hyper_optimization.rewards import (
    IMPLEMENTED_STATS,
    LOSS_TYPES,
    STATISTICS,
    HyperLoss,
    fit_distance,
    fit_future_tests,
)
from n3hyper.hyper_optimization.scores.metrics import ExperimentalData, compute_hyperopt_metrics
from n3hyper.physics.chi2 import FactoredCovariance
from tests.support.synthetic import synthetic_problem, toy_pdf
from tests.support.toy_trainer import ToyPDF

PROBLEM = synthetic_problem(replicas=4)
DATA = ExperimentalData.of_problem(PROBLEM, PROBLEM.folds[0].mask)
PENALTIES = {
    "saturation": np.array([1.0, 2.0]),
    "patience": np.array([3.0, 4.0]),
    "integrability": np.array([5.0, 6.0]),
}
losses_of_folds = arrays(np.float64, st.integers(1, 8), elements=st.floats(0.1, 1e3))


@pytest.mark.parametrize(
    ("statistic", "name", "value"),
    [
        ("average", "_average", 2.0),
        ("best_worst", "_best_worst", 3.0),
        ("std", "_std", 0.816496580927726),
        (None, "_average", 2.0),
    ],
)
def test_the_documented_statistics(statistic: str | None, name: str, value: float) -> None:
    reduce = HyperLoss(fold_statistic=statistic).reduce_over_folds
    assert (reduce.__name__, reduce(np.array([1.0, 2.0, 3.0]))) == (name, value)
    assert type(reduce(np.array([1.0, 2.0, 3.0]))) is float


@given(losses=losses_of_folds, statistic=st.sampled_from(sorted(STATISTICS)))
def test_phi2_is_reduced_to_its_reciprocal(losses: np.ndarray, statistic: str) -> None:
    plain = HyperLoss("chi2", fold_statistic=statistic).reduce_over_folds(losses)
    reciprocal = HyperLoss("phi2", fold_statistic=statistic).reduce_over_folds(losses)
    assert reciprocal == (1 / plain if plain else np.inf)


@given(losses=losses_of_folds, order=st.randoms(use_true_random=False))
def test_statistics_do_not_depend_on_the_order_of_folds(losses: np.ndarray, order) -> None:
    shuffled = list(losses)
    order.shuffle(shuffled)
    for statistic in STATISTICS.values():
        assert statistic(shuffled) == pytest.approx(statistic(losses), rel=1e-9, abs=1e-9)


def test_the_example_of_the_documentation() -> None:
    """Positional arguments, a model and data: 9.1 and 12.2 are averaged."""
    hyper = HyperLoss(loss_type="chi2", replica_statistic="average", fold_statistic="average")
    experimental_loss = np.array([0.1, 0.2])
    flavours = ["u", "ubar", "d", "dbar", "c", "g", "s", "sbar"]
    fake_fl = [{"fl": name, "largex": [0, 1], "smallx": [1, 2]} for name in flavours]
    pdf_model = generate_pdf_model(
        nodes=[8],
        activations=["linear"],
        seed=0,
        num_replicas=2,
        flav_info=fake_fl,
        fitbasis="FLAVOUR",
    )
    loss = hyper.compute_loss(PENALTIES, experimental_loss, pdf_model, [DATA])
    assert loss == pytest.approx((9.1 + 12.2) / 2)
    assert hyper.phi2_vector[0] > 0


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_data_are_given_as_a_list_of_groups(loss_type: str) -> None:
    """One group is the same bits as in a list; two are what they are as one."""
    model = ToyPDF(np.array([1.0, 1.1, 0.95]))

    def loss(data: Any) -> tuple[float, list[float], list[float], list[float]]:
        hyper = HyperLoss(loss_type)
        value = hyper.compute_loss({}, np.ones(3), model, data, 0, validation_loss=np.ones(3))
        return value, hyper.hyper_chi2_vector, hyper.hyper_phi2_vector, hyper.hyper_logp_vector

    assert loss([DATA]) == loss((DATA,)) == loss(DATA)
    points = np.flatnonzero(DATA.mask)
    masks = [np.isin(np.arange(PROBLEM.ndata), part) for part in (points[:3], points[3:])]
    groups = [ExperimentalData.of_problem(PROBLEM, mask) for mask in masks]
    np.testing.assert_allclose(np.hstack(loss(groups)), np.hstack(loss(DATA)), rtol=1e-10)


def test_data_that_are_something_else_are_refused_by_their_type() -> None:
    other = ExperimentalData.of_problem(synthetic_problem(), DATA.mask)
    model = ToyPDF(np.array([1.0, 1.1]))
    with pytest.raises(TypeError, match=r"a list of n3hyper's ExperimentalData, not of str"):
        HyperLoss().compute_loss({}, np.ones(2), model, ["NMC"])
    with pytest.raises(ValueError, match="of one problem"):
        HyperLoss().compute_loss({}, np.ones(2), model, [DATA, other])


def test_a_statistic_that_is_added_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def _median(losses: Any, axis: int = 0, **_kwargs: Any) -> float:
        return float(np.median(losses, axis=axis))

    monkeypatch.setitem(IMPLEMENTED_STATS, "median", _median)
    hyper = HyperLoss(replica_statistic="median", fold_statistic="median")
    assert hyper.compute_loss({}, np.array([1.0, 2.0, 9.0])) == 2.0
    assert hyper.reduce_over_folds.__name__ == "_median"
    assert hyper.reduce_over_folds(np.array([3.0, 1.0, 50.0])) == 3.0


def test_penalties_leak_into_nothing_that_is_recorded() -> None:
    hyper = HyperLoss()
    experimental_loss = np.array([0.1, 0.2])
    hyper.compute_loss(PENALTIES, experimental_loss, ToyPDF(np.array([1.0, 1.1])), DATA)
    without = HyperLoss(penalties_in_loss=False)
    loss = without.compute_loss(PENALTIES, experimental_loss, ToyPDF(np.array([1.0, 1.1])), DATA)
    assert loss == pytest.approx(0.15)
    np.testing.assert_array_equal(experimental_loss, [0.1, 0.2])
    np.testing.assert_array_equal(hyper.chi2_matrix[0], [0.1, 0.2])
    assert hyper.hyper_chi2_vector == without.hyper_chi2_vector
    np.testing.assert_array_equal(hyper.penalties["patience"][0], [3.0, 4.0])
    assert PENALTIES["saturation"].tolist() == [1.0, 2.0]


def test_a_new_trial_starts_at_fold_zero() -> None:
    hyper = HyperLoss()
    for fold in (0, 1, 0, 1, 2):
        hyper.compute_loss({}, np.array([fold + 1.0]), fold_idx=fold)
    assert [losses.tolist() for losses in hyper.chi2_matrix] == [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize("loss_type", ["phi2", "logp", "chi2p"])
def test_ensemble_losses_follow_the_predictions_of_each_trial(loss_type: str) -> None:
    """Metrics are those of this fit, not of the first one that was seen."""
    hyper = HyperLoss(loss_type)
    values = [
        hyper.compute_loss({}, np.ones(3), ToyPDF(1 + width * np.array([-1.0, 0.0, 1.0])), DATA)
        for width in (0.01, 0.05)
    ]
    assert values[0] != values[1]
    if loss_type == "phi2":
        assert values[1] == pytest.approx(25 * values[0], rel=0.05)


@pytest.mark.parametrize(("loss_type", "added"), [("phi2", 10.5), ("logp", 10.5), ("chi2p", 10.5)])
def test_mean_penalties_are_added_to_what_is_minimised_of_ensembles(
    loss_type: str, added: float
) -> None:
    model = ToyPDF(np.array([1.0, 1.1]))
    values = []
    for inside in (True, False):
        hyper = HyperLoss(loss_type, penalties_in_loss=inside)
        fold = hyper.compute_loss(PENALTIES, np.ones(2), model, DATA)
        values.append(hyper.reduce_over_folds([fold]))
    assert values[0] - values[1] == pytest.approx(10.5)


def test_average_best_takes_the_best_by_validation_loss() -> None:
    hyper = HyperLoss(replica_statistic="average_best", reduce_proportion=0.5)
    validation = np.array([4.0, 1.0, 3.0, 2.0])
    loss = hyper.compute_loss({}, np.array([10.0, 1.0, 100.0, 2.0]), validation_loss=validation)
    assert loss == pytest.approx(1.5)
    plain = HyperLoss(replica_statistic="average", reduce_proportion=0.5)
    loss = plain.compute_loss({}, np.array([10.0, 1.0, 100.0, 2.0]), validation_loss=validation)
    assert loss == pytest.approx(28.25)


def test_the_ensemble_is_made_of_the_best_replicas() -> None:
    scales = np.array([1.0, 1.3, 1.01, 0.99])
    predictions = DATA.predictions(ToyPDF(scales))
    hyper = HyperLoss("chi2p", reduce_proportion=0.75)
    validation = np.array([1.0, 50.0, 1.2, 1.1])
    loss = hyper.compute_loss(
        {},
        np.ones(4),
        experimental_data=DATA,
        predictions=predictions,
        validation_loss=validation,
    )
    assert loss == DATA.metrics(predictions[[0, 2, 3]]).chi2


@given(replicas=st.integers(1, 40), proportion=st.floats(0.01, 1.0), seed=st.integers(0, 100))
def test_best_replicas_are_the_best(replicas: int, proportion: float, seed: int) -> None:
    validation = np.random.default_rng(seed).normal(size=replicas)
    best = HyperLoss(reduce_proportion=proportion).best_replicas(validation, replicas)
    assert 1 <= best.size <= replicas
    assert best.size >= proportion * replicas - 1e-8
    rest = np.delete(validation, best)
    assert not rest.size or validation[best].max() <= rest.min()


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss_type": "chi"},
        {"replica_statistic": "mean"},
        {"fold_statistic": "worst"},
        {"reduce_proportion": 0.0},
    ],
)
def test_unknown_names_are_refused_with_their_key(arguments: dict) -> None:
    (key,) = arguments
    with pytest.raises(RuncardError, match=f"kfold.{key}"):
        HyperLoss(**arguments)


def test_metrics_agree_with_dense_matrices() -> None:
    """NumPy's own inverse and determinant, with the covariance of the replicas by np.cov."""
    rng = np.random.default_rng(3)
    central = rng.uniform(1, 2, size=6)
    covariance = FactoredCovariance(rng.uniform(0.1, 0.2, 6), rng.normal(size=(6, 2)) * 0.1)
    predictions = central + 0.3 * rng.normal(size=(5, 6))
    metrics = compute_hyperopt_metrics(predictions, central, covariance)
    experiment = covariance.dense()
    total = experiment + np.cov(predictions.T)
    residual = predictions.mean(axis=0) - central
    chi2 = residual @ np.linalg.inv(total) @ residual
    logdet = np.linalg.slogdet(total / np.outer(central, central))[1]
    each = [(p - central) @ np.linalg.inv(experiment) @ (p - central) for p in predictions]
    chi2exp = residual @ np.linalg.inv(experiment) @ residual
    assert metrics.chi2 == pytest.approx(chi2 / 6, rel=1e-10)
    assert metrics.chi2exp == pytest.approx(chi2exp / 6, rel=1e-10)
    assert metrics.phi2 == pytest.approx((np.mean(each) - chi2exp) / 6, rel=1e-10)
    expected = 0.5 * (6 * np.log(2 * np.pi) + logdet + chi2) / 6
    assert metrics.logp == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_metrics_of_a_fit_that_ran_away_are_nan(bad: float) -> None:
    predictions = np.ones((3, 4))
    predictions[1] = bad
    covariance = FactoredCovariance(np.ones(4), np.ones((4, 1)))
    metrics = compute_hyperopt_metrics(predictions, np.ones(4), covariance)
    assert not np.isfinite(metrics.chi2 + metrics.phi2 + metrics.logp)


def test_fit_distance_of_equal_fits_is_zero() -> None:
    fold = ToyPDF(np.array([0.9, 1.0, 1.1]))
    assert fit_distance([fold, fold]) == 0.0


def test_fit_distance_is_in_standard_deviations() -> None:
    spread = np.array([0.9, 1.1])

    # means 1 and 1.5; variance 0.01 / 2 for each
    def scaled(scales: np.ndarray):
        return lambda x: toy_pdf(np.asarray(x).reshape(-1))[None, ..., None] * scales

    distance = fit_distance([scaled(spread), scaled(spread + 0.5)])
    assert distance == pytest.approx(0.5 / np.sqrt(0.01))


def test_fit_future_tests_compares_to_the_last_fit() -> None:
    folds = [ExperimentalData.of_problem(PROBLEM, fold.mask) for fold in PROBLEM.folds]
    everything = ExperimentalData.of_problem(PROBLEM, np.ones(PROBLEM.ndata, dtype=bool))
    models = [ToyPDF(np.array(s)) for s in ([0.9, 1.2], [0.95, 1.1], [0.999, 1.001])]
    loss = fit_future_tests(n3pdfs=models, experimental_models=[*folds, everything])
    expected = 0.0
    for model, data in zip(models, folds, strict=False):
        future = data.metrics(data.predictions(model)).chi2
        best = data.metrics(data.predictions(models[-1])).chi2exp
        expected += abs(best - future) * data.central.size
    assert loss == pytest.approx(expected)
    assert fit_future_tests(n3pdfs=models, experimental_models=[*folds, everything]) == loss


@pytest.mark.parametrize("reward", [fit_distance, fit_future_tests])
def test_rewards_of_fits_need_fits(reward) -> None:
    with pytest.raises(ValueError, match="needs the PDF model"):
        reward()
