"""Positivity losses of a fit, in NumPy, are those that its steps have judged."""

from __future__ import annotations

import numpy as np
import pytest

from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.loss.lagrange import LagrangeArrays, lagrange_arrays, losses, positivity_losses
from n3hyper.fitting.settings import FitSettings
from tests.support.fitting_samples import parameters, small_problem

tf = tensorflow()


@pytest.mark.parametrize("epoch", [0, 99, 100, 731])
def test_positivity_losses_are_those_of_a_step(epoch: int) -> None:
    problem = small_problem()
    settings = FitSettings.from_params(parameters(epochs=800))
    assert problem.positivity
    count = problem.theory.npredictions
    predictions = np.random.default_rng(epoch).normal(size=(3, count))
    order = np.arange(count)
    arrays = LagrangeArrays(
        *(tf.constant(array, "float64") for array in lagrange_arrays(problem, settings, order))
    )
    expected, _ = losses(arrays, tf.constant(predictions), tf.constant(epoch))
    found = positivity_losses(problem, settings, predictions, np.full(3, epoch))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12)
    assert (found > settings.positivity.threshold).any()
