"""Features and quadratic forms against the points and the tables they stand for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from n3hyper.fitting.loss.covariance_blocks import split_covariance
from n3hyper.fitting.loss.features import make_features
from n3hyper.fitting.loss.table_making.table_maker import make_tables
from n3hyper.fitting.loss.tables import FACTORS, FORMS, evaluate_segment, rows_of, sum_groups
from n3hyper.physics.chi2 import FactoredCovariance
from n3hyper.physics.sum_rules import sum_rules
from tests.support.fitting_samples import arrays_of_step, make_trial, small_problem


@pytest.fixture(scope="module")
def inputs():
    return make_trial(small_problem(dis=(90, 60, 12))).inputs


def data_of(features, pdf):
    """What the data segments give of PDFs (m, nx, nb)."""
    rows = [product.rows(pdf) for product in features.products]
    made = [evaluate_segment(segment, rows_of(rows), sum_groups) for segment in features.segments]
    return (
        np.concatenate(made[: features.data_segments], axis=1),
        np.concatenate(made[features.data_segments :], axis=1),
    )


def some_pdfs(inputs, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(inputs.models, inputs.problem.theory.xgrid.size, 8)) @ inputs.rotation


def test_features_stand_for_their_points(inputs):
    features, tables, problem = inputs.likelihood.features, inputs.tables, inputs.problem
    pdf = some_pdfs(inputs)
    expected = problem.theory.predict(pdf)
    data, constraints = data_of(features, pdf[..., tables.basis.flavours])
    points = features.covariance.points[~features.attached]
    assert 0 < features.size < 0.7 * len(points)
    linear = data[:, : features.size] @ features.loadings[~features.attached].T
    sigma = features.covariance.sigma[~features.attached]
    np.testing.assert_allclose(linear * sigma, expected[:, points], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(data[:, features.size :], expected[:, features.order], rtol=1e-6)
    order = tables.order[problem.ndata :]
    np.testing.assert_allclose(constraints, expected[:, order], rtol=1e-7, atol=1e-9)
    everything = np.concatenate([points, features.points])
    assert sorted(everything.tolist()) == list(range(problem.ndata))


def unconnected(problem):
    """The same problem without systematics that connect hadronic points with others."""
    systematics = problem.fit_covariance.sys.copy()
    hadronic = next(set_.slice.start for set_ in problem.datasets if set_.name == "WASY")
    systematics[hadronic:, -1] = 0.0
    covariance = FactoredCovariance(problem.fit_covariance.diag, systematics)
    return dataclasses.replace(problem, fit_covariance=covariance)


def blocks_of(split):
    return (*split.chosen.blocks, *split.others.blocks)


def with_wide(problem):
    """The same problem with uncertainties that link all data."""
    covariance = problem.fit_covariance
    sizes = np.sqrt(covariance.diag)[:, None]
    columns = sizes * np.random.default_rng(8).normal(size=(problem.ndata, 3))
    return dataclasses.replace(
        problem, fit_covariance=covariance.with_systematics(columns, wide=True)
    )


@pytest.mark.parametrize("wide", [False, True], ids=["", "wide"])
@pytest.mark.parametrize("connected", [True, False], ids=["attached", "rest"])
def test_chi2_and_gradient_by_plain_formulas(connected, wide, monkeypatch):
    problem = small_problem(dis=(90, 60, 12))
    problem = problem if connected else unconnected(problem)
    if wide:
        problem = with_wide(problem)
        # as if there were many systematics: fewer attached points are less work
        monkeypatch.setattr(
            "n3hyper.fitting.loss.features._work_of_split",
            lambda split, _: 10**9 * sum(block.systematics.shape[1] for block in blocks_of(split)),
        )
    trial = make_trial(problem)
    assert trial.inputs.likelihood.features.wide.shape[1] == (3 if wide else 0)
    inputs, features = trial.inputs, trial.inputs.likelihood.features
    assert features.size
    assert bool(features.rest.points.size) != connected
    pdf = some_pdfs(inputs, seed=1)
    data, _ = data_of(features, pdf[..., inputs.tables.basis.flavours])
    found = arrays_of_step(trial).likelihood.chi2_and_gradient(data)
    chi2, gradient, validation = (values.numpy() for values in found)
    predictions, dense = problem.theory.predict(pdf), problem.fit_covariance.dense()
    exact = inputs.exact_chi2(np.arange(inputs.models), predictions[:, : problem.ndata])
    np.testing.assert_allclose(exact[0], chi2, rtol=1e-8)
    np.testing.assert_allclose(exact[1], validation, rtol=1e-8)
    for model in range(inputs.models):
        residuals = predictions[model, : problem.ndata] - problem.replica_data[model % 2]
        for masks, of_models in (
            (inputs.masks.training, chi2),
            (inputs.masks.validation, validation),
        ):
            mask = masks[model]
            solved = np.linalg.solve(dense[np.ix_(mask, mask)], residuals[mask])
            assert of_models[model] == pytest.approx(residuals[mask] @ solved, rel=1e-8)
        mask, solved = inputs.masks.training[model], np.zeros(problem.ndata)
        solved[mask] = np.linalg.solve(dense[np.ix_(mask, mask)], residuals[mask])
        by_points = 2.0 * solved[features.order]
        np.testing.assert_allclose(
            gradient[model, features.size :],
            by_points,
            rtol=1e-6,
            atol=1e-6 * abs(by_points).max(initial=0.0),
        )
        weighted = (2.0 * solved)[features.covariance.points] * features.covariance.sigma
        expected = weighted[~features.attached] @ features.loadings[~features.attached]
        np.testing.assert_allclose(
            gradient[model, : features.size],
            expected,
            rtol=1e-6,
            atol=1e-6 * abs(expected).max(),
        )


def test_few_points_stay_points():
    """Four points without common systematics are less work than their features."""
    problem = small_problem(dis=(4,), hadronic=0, systematics=0, folds=0)
    apart = FactoredCovariance(problem.fit_covariance.diag, np.zeros((problem.ndata, 1)))
    problem = dataclasses.replace(problem, fit_covariance=apart)
    features = make_features(make_trial(problem).inputs.tables, apart)
    assert features.size == 0
    assert sorted(features.points.tolist()) == list(range(4))


def test_split_covariances_are_the_covariance():
    rng = np.random.default_rng(1)
    systematics = np.zeros((40, 9))
    systematics[:15, :4] = rng.normal(size=(15, 4))
    systematics[15:25, 4:7] = rng.normal(size=(10, 3))
    systematics[30:36, 7:] = rng.normal(size=(6, 2))
    covariance = FactoredCovariance(rng.uniform(0.5, 2.0, size=40), systematics)
    choosable = np.zeros(40, dtype=bool)
    choosable[[3, 28]] = True
    split = split_covariance(covariance, choosable)
    assert sorted(split.chosen.points.tolist()) == [*range(15), 28]
    joined, start = split.joined, 0
    dense = np.eye(40)
    for block in joined.blocks:
        where = slice(start, start := start + len(block.points))
        dense[where, where] += block.systematics @ block.systematics.T
    dense *= np.outer(joined.sigma, joined.sigma)
    expected = covariance.dense()[np.ix_(joined.points, joined.points)]
    np.testing.assert_allclose(dense, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", [FACTORS, FORMS])
def test_forms_and_factors_are_the_tables(inputs, kind, monkeypatch):
    monkeypatch.setattr(
        "n3hyper.fitting.loss.table_making.bilinear.BilinearTables.forms_are_smaller",
        lambda *arguments: kind == FORMS,
    )
    theory = inputs.problem.theory
    tables = make_tables(theory, inputs.problem.ndata, inputs.rotation, sum_rules(False))
    assert {product.kind for product in tables.products} == {"linear", kind}
    pdf = some_pdfs(inputs, seed=2)
    np.testing.assert_allclose(tables.predict(pdf), theory.predict(pdf), rtol=1e-6, atol=1e-9)
