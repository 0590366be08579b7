"""Promises of the three likelihoods: the chi2 of a step is the exact one, of any models."""

from __future__ import annotations

import numpy as np
import pytest

from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.loss.mode_features import ModeFeatures
from n3hyper.fitting.loss.modes import Modes
from n3hyper.fitting.loss.points import Points
from n3hyper.fitting.loss.predictions import TheoryShape, predictions
from tests.support.fitting_samples import (
    arrays_of_step,
    make_trial,
    problem_of_modes,
    small_problem,
)

tf = tensorflow()
SIZES = {"replicas": 3}
KINDS = {
    "points": (Points, lambda: small_problem(**SIZES)),
    "features": (Points, lambda: small_problem(dis=(90, 60, 12), **SIZES)),
    "eigenmodes": (Modes, lambda: problem_of_modes(**SIZES)),
    "features of eigenmodes": (
        ModeFeatures,
        lambda: problem_of_modes(dis=(160, 110, 20), **SIZES),
    ),
}


@pytest.fixture(scope="module", params=KINDS)
def trial(request):
    kind, make = KINDS[request.param]
    trial = make_trial(make())
    assert type(trial.inputs.likelihood) is kind
    assert bool(trial.inputs.likelihood.features.size) == ("features" in request.param)
    return trial


def pdfs(trial, seed=0):
    """PDFs on the x-grid, of as many models as the trial has: (m, nx, 14)."""
    rng, nx = np.random.default_rng(seed), trial.inputs.problem.theory.xgrid.size
    return rng.normal(size=(len(trial.models), nx, 8)) @ trial.inputs.rotation


def in_step(trial, pdf):
    """The chi2 of a step in float64, and what it is of."""
    inputs, arrays = trial.inputs, arrays_of_step(trial)
    shape = TheoryShape.of(inputs.likelihood.features)
    chosen = tf.constant(pdf[..., inputs.tables.basis.flavours])
    data, _ = predictions(shape, arrays.theory, chosen)
    return arrays.likelihood.chi2_and_gradient(data), data


def test_chi2_of_a_step_is_the_exact_one(trial):
    pdf = pdfs(trial)
    (training, _, validation), _ = in_step(trial, pdf)
    data = trial.inputs.tables.predict(pdf)[:, : trial.inputs.problem.ndata]
    exact = trial.inputs.exact_chi2(trial.models, data)
    np.testing.assert_allclose(training, exact[0], rtol=1e-8)
    np.testing.assert_allclose(validation, exact[1], rtol=1e-8)


def test_gradient_is_that_of_the_training(trial):
    """Along a line between two predictions the chi2 is a parabola, whose slopes must fit."""
    arrays = arrays_of_step(trial)
    (_, _, _), first = in_step(trial, pdfs(trial))
    (_, _, _), last = in_step(trial, pdfs(trial, seed=1))
    begin, end = (arrays.likelihood.chi2_and_gradient(data) for data in (first, last))
    along = last - first
    slopes = [np.sum(chi2.gradient * along, axis=1) for chi2 in (begin, end)]
    np.testing.assert_allclose(end.training - begin.training, 0.5 * sum(slopes), rtol=1e-7)


@pytest.mark.parametrize("kept", [True, False])
def test_a_batch_may_have_any_models(trial, kept):
    """Of each fold as many, in any order, and some more than once."""
    models = np.array([5, 2, 0, 3, 2, 5])
    pdf = pdfs(trial)
    inputs = make_trial(trial.inputs.problem).inputs
    if kept:
        assert inputs.model_arrays
    assert inputs.keeps_arrays == kept
    part = make_trial(inputs.problem).part(models)
    (training, gradient, validation), _ = in_step(trial, pdf)
    found, _ = in_step(part, pdf[models])
    for of_part, of_all in zip(found, (training, gradient, validation), strict=True):
        np.testing.assert_allclose(of_part, of_all.numpy()[models], rtol=1e-9, atol=1e-9)
    data = inputs.tables.predict(pdf)[:, : inputs.problem.ndata]
    exact = inputs.exact_chi2(models, data[models])
    np.testing.assert_allclose(exact[0], training.numpy()[models], rtol=1e-8)
