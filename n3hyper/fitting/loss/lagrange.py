"""Positivity and integrability as losses with growing multipliers, as n3fit defines them.

With a multiplier lambda a positivity set adds sum elu(-lambda O), elu(y) = y above zero and
1e-7 (exp(y) - 1) below, and an integrability set adds sum (lambda O)^2. After each hundred epochs
lambda is multiplied with a factor.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.fitting.backend import Tensor, tensorflow
from n3hyper.fitting.products import product
from n3hyper.fitting.settings import PUSH_EACH, FitSettings
from n3hyper.physics.arrays import Array, Index

ELU_SLOPE: Final = 1e-7


class LagrangeArrays(NamedTuple):
    """Numbers of the losses of n predictions that are no data."""

    start: Tensor
    """(n,): the first multipliers."""
    growth: Tensor
    """(n,): their factors."""
    sets: Tensor
    """(sets, n): 1 where a prediction belongs to a positivity set."""
    positivity: Tensor
    """(n,): 1 for positivity, 0 for integrability."""
    integrability: Tensor
    """(n,): the opposite."""
    threshold: Tensor
    """(): the largest loss of a positivity set that passes."""


def lagrange_arrays(problem: FitProblem, settings: FitSettings, order: Index) -> LagrangeArrays:
    """Return the numbers of the constraints' losses, in NumPy.

    Parameters
    ----------
    order
        (n,): the place in the problem's predictions of each constraint's prediction.
    """
    start, growth = np.zeros(problem.theory.npredictions), np.ones(problem.theory.npredictions)
    members = np.zeros((problem.theory.npredictions, len(problem.positivity)))
    integrability = np.zeros(problem.theory.npredictions)
    for number, constraint in enumerate(problem.positivity):
        start[constraint.slice], growth[constraint.slice] = settings.positivity.start_and_growth(
            constraint.maxlambda, settings.epochs
        )
        members[constraint.slice, number] = 1.0
    for constraint in problem.integrability:
        multipliers = settings.integrability.start_and_growth(constraint.maxlambda, settings.epochs)
        start[constraint.slice], growth[constraint.slice] = multipliers
        integrability[constraint.slice] = 1.0
    return LagrangeArrays(
        start=start[order],
        growth=growth[order],
        sets=members[order].T.copy(),
        positivity=members[order].sum(axis=1),
        integrability=integrability[order],
        threshold=np.array(settings.positivity.threshold),
    )


def multipliers(arrays: LagrangeArrays, epoch: Tensor) -> Tensor:
    """Return the multiplier lambda of each prediction in an epoch, (n,)."""
    tf = tensorflow()
    pushes = tf.cast(tf.maximum(epoch, 0) // PUSH_EACH, arrays.growth.dtype)
    return arrays.start * tf.pow(arrays.growth, pushes)


def losses(arrays: LagrangeArrays, predictions: Tensor, epoch: Tensor) -> tuple[Tensor, Tensor]:
    """Return positivity losses of the sets (m, sets) and integrability losses (m,) in an epoch."""
    tf = tensorflow()
    scaled = multipliers(arrays, epoch) * predictions
    negative = tf.where(scaled < 0.0, -scaled, ELU_SLOPE * tf.math.expm1(-tf.maximum(scaled, 0.0)))
    positivity = product(negative * arrays.positivity, arrays.sets)
    squares = tf.reduce_sum(scaled * scaled * arrays.integrability, axis=1)
    return positivity, squares


def positivity_losses(
    problem: FitProblem, settings: FitSettings, predictions: Array, epochs: Index
) -> Array:
    """Return the loss of each positivity set of a problem, (m, sets), in NumPy.

    Parameters
    ----------
    predictions
        (m, npredictions)
    epochs
        (m,): the epoch of each model, from 0, which says how far the multipliers have grown.
    """
    found = np.zeros((len(predictions), len(problem.positivity)))
    for number, constraint in enumerate(problem.positivity):
        start, growth = settings.positivity.start_and_growth(constraint.maxlambda, settings.epochs)
        multiplier = start * growth ** (epochs // PUSH_EACH)
        scaled = multiplier[:, None] * predictions[:, constraint.slice]
        negative = np.where(scaled < 0, -scaled, ELU_SLOPE * np.expm1(-np.maximum(scaled, 0)))
        found[:, number] = negative.sum(axis=1)
    return found


def gradient(arrays: LagrangeArrays, predictions: Tensor, epoch: Tensor) -> Tensor:
    """Return the derivative of all losses by the predictions in an epoch, (m, n)."""
    tf = tensorflow()
    multiplier = multipliers(arrays, epoch)
    scaled = multiplier * predictions
    slope = tf.where(scaled < 0.0, tf.ones_like(scaled), ELU_SLOPE * tf.exp(-tf.abs(scaled)))
    return multiplier * (2.0 * scaled * arrays.integrability - slope * arrays.positivity)
