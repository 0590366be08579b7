"""Positivity and integrability as losses with growing multipliers, as n3fit defines them.

With a multiplier lambda a positivity set adds sum elu(-lambda O), elu(y) = y above zero and
1e-7 (exp(y) - 1) below, and an integrability set adds sum (lambda O)^2. After each hundred epochs
lambda is multiplied with a factor.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.products import product
from n3hyper.fitting.settings import PUSH_EACH, FitSettings

Tensor = Any
Tensors = dict[str, Any]

ELU_SLOPE: Final = 1e-7


def lagrange_arrays(
    problem: FitProblem, settings: FitSettings, order: NDArray[np.int64]
) -> Tensors:
    """All numbers of the constraints' losses, in NumPy.

    Parameters
    ----------
    order
        (nlagrange,): the place in the problem's predictions of each constraint's prediction.
    """
    start, growth = np.zeros(problem.theory.npredictions), np.ones(problem.theory.npredictions)
    members = np.zeros((problem.theory.npredictions, len(problem.positivity)))
    integrability = np.zeros(problem.theory.npredictions)
    for number, each in enumerate(problem.positivity):
        start[each.slice], growth[each.slice] = settings.positivity.start_and_growth(
            each.maxlambda, settings.epochs
        )
        members[each.slice, number] = 1.0
    for each in problem.integrability:
        start[each.slice], growth[each.slice] = settings.integrability.start_and_growth(
            each.maxlambda, settings.epochs
        )
        integrability[each.slice] = 1.0
    return {
        "start": start[order],
        "growth": growth[order],
        "positivity_sets": members[order].T.copy(),
        "positivity": members[order].sum(axis=1),
        "integrability": integrability[order],
        "positivity_threshold": np.array(settings.positivity.threshold),
    }


def multipliers(arrays: Tensors, epoch: Tensor) -> Tensor:
    """(nlagrange,): lambda of each prediction in an epoch."""
    tf = tensorflow()
    pushes = tf.cast(tf.maximum(epoch, 0) // PUSH_EACH, arrays["growth"].dtype)
    return arrays["start"] * tf.pow(arrays["growth"], pushes)


def losses(arrays: Tensors, predictions: Tensor, epoch: Tensor) -> tuple[Tensor, Tensor]:
    """Positivity loss of each set (m, sets) and integrability loss (m,) in an epoch."""
    tf = tensorflow()
    scaled = multipliers(arrays, epoch) * predictions
    negative = tf.where(scaled < 0.0, -scaled, ELU_SLOPE * tf.math.expm1(-tf.maximum(scaled, 0.0)))
    positivity = product(negative * arrays["positivity"], arrays["positivity_sets"])
    squares = tf.reduce_sum(scaled * scaled * arrays["integrability"], axis=1)
    return positivity, squares


def gradient(arrays: Tensors, predictions: Tensor, epoch: Tensor) -> Tensor:
    """The derivative of all losses by the predictions in an epoch, (m, nlagrange)."""
    tf = tensorflow()
    multiplier = multipliers(arrays, epoch)
    scaled = multiplier * predictions
    slope = tf.where(scaled < 0.0, tf.ones_like(scaled), ELU_SLOPE * tf.exp(-tf.abs(scaled)))
    return multiplier * (2.0 * scaled * arrays["integrability"] - slope * arrays["positivity"])
