"""The likelihood of eigenmodes that are split between training and validation, read mode by mode.

The modes are those of the correlation matrix (``diagonal_basis: true``). The chi2 is a sum over
modes a, of the squares of v_a . (prediction - data) / sigma / sqrt(e_a); each fold has the
eigenvalues e_a and eigenvectors v_a of the points that it keeps.

All models of a fold read its modes, and a batch has as many models of each fold. Where enough
points are linear in the PDF, `n3hyper.fitting.loss.mode_features` is less to read.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from n3hyper.data.problem import FitProblem, fitted_points
from n3hyper.errors import FitError
from n3hyper.fitting.backend import Tensor, tensorflow
from n3hyper.fitting.loss.likelihood import Arrays, Chi2, Likelihood
from n3hyper.fitting.products import product
from n3hyper.physics.arrays import Array, Index


class SharedModes(NamedTuple):
    """The modes of k folds."""

    columns: Tensor
    """(k, ndata, ndata), in the order of what the theory gives."""
    rows: Tensor
    """The same, transposed for each fold."""


class ModesOfModels(NamedTuple):
    """Arrays that each of m models has of its own."""

    data: Tensor
    """(m, ndata), in the order of what the theory gives."""
    masks: Tensor
    """(2 m, ndata): which modes train, and then which validate."""


class FoldOrder(NamedTuple):
    """The order of the models of a batch fold by fold, and back."""

    by_fold: Tensor
    """(m,) int32"""
    by_model: Tensor
    """(m,) int32"""


class ExactModes(NamedTuple):
    """Arrays in float64 that each of m models has of its own."""

    data: Array
    """(m, ndata)"""
    masks: Array
    """(2 m, ndata)"""
    folds: Index
    """(m,)"""


class ModesInStep(NamedTuple):
    """The likelihood as a step reads it."""

    shared: SharedModes
    own: ModesOfModels
    order: FoldOrder

    def chi2_and_gradient(self, data: Tensor) -> Chi2:
        """Return the chi2 of predictions (m, ndata)."""
        tf = tensorflow()
        models, points = data.shape
        folds = self.shared.columns.shape[0]

        # m model, k fold, n point, a mode
        def by_fold(values: Tensor) -> Tensor:
            return tf.reshape(tf.gather(values, self.order.by_fold), (folds, -1, points))

        def by_model(values: Tensor) -> Tensor:
            return tf.gather(tf.reshape(values, (models, points)), self.order.by_model)

        amplitudes = by_model(product(by_fold(data - self.own.data), self.shared.rows))
        masked = tf.concat([amplitudes, amplitudes], axis=0) * self.own.masks
        chi2 = tf.reduce_sum(masked * masked, axis=1)
        gradient = 2.0 * by_model(product(by_fold(masked[:models]), self.shared.columns))
        return Chi2(chi2[:models], gradient, chi2[models:])


@dataclass(frozen=True, eq=False)
class Eigenmodes(Likelihood, ABC):
    """Base of the likelihoods of split eigenmodes."""

    @cached_property
    def modes(self) -> Array:
        """The modes of all folds (k, ndata, ndata), as columns."""
        return modes_of(self.problem)

    def exact(self, models: Index) -> ExactModes:
        """Return the arrays that each of some models has of its own in `exact_chi2`."""
        data, masks = np.ascontiguousarray(self.data_of(models)), self.masks.stacked(models)
        return ExactModes(data, masks, self.folds_of(models))

    def exact_chi2(self, own: Arrays, predictions: Array) -> tuple[Array, Array]:
        """Return training and validation chi2 (m,) of all predictions (m, ndata), in float64."""
        data, masks, folds = ExactModes(*own)
        residuals = predictions - data
        amplitudes = np.empty_like(residuals)
        for fold, modes in enumerate(self.modes):
            of_fold = folds == fold
            amplitudes[of_fold] = residuals[of_fold] @ modes
        masked = np.concatenate([amplitudes, amplitudes]) * masks
        chi2 = np.square(masked).sum(axis=1)
        return chi2[: len(predictions)], chi2[len(predictions) :]


@dataclass(frozen=True, eq=False)
class Modes(Eigenmodes):
    """The likelihood of eigenmodes, where features would be more to read than the modes."""

    by_fold: ClassVar[bool] = True

    @cached_property
    def shared(self) -> SharedModes:
        """Arrays that all models share in a step."""
        columns = self.modes[:, self.features.order]
        return SharedModes(columns, np.ascontiguousarray(columns.swapaxes(1, 2)))

    def of_models(self, models: Index) -> ModesOfModels:
        """Return the arrays that each of some models has of its own in a step."""
        return ModesOfModels(
            # the layout decides in which order NumPy adds
            data=np.ascontiguousarray(self.data_of(models)[:, self.features.order]),
            masks=self.masks.stacked(models),
        )

    def step(self, shared: Arrays, own: Arrays, models: Index) -> ModesInStep:
        """Return the likelihood of a batch of models."""
        by_fold = np.argsort(self.folds_of(models), kind="stable")
        order = FoldOrder(by_fold.astype(np.int32), np.argsort(by_fold).astype(np.int32))
        return ModesInStep(SharedModes(*shared), ModesOfModels(*own), order)

    @property
    def numbers_of_a_model(self) -> tuple[int, int]:
        """No large numbers of its own: they are shared."""
        return 0, 0


def modes_of(problem: FitProblem) -> Array:
    """Return the modes (k, ndata, ndata) of all folds, as columns.

    A mode is v_a / (sigma sqrt(e_a)) of a fold, zero at points left out.

    Raises
    ------
    FitError
        where an eigenvalue is not positive.
    """
    kept_by_fold = fitted_points(problem.folds, problem.ndata)
    modes = np.zeros((len(kept_by_fold), problem.ndata, problem.ndata))
    for mask, columns in zip(kept_by_fold, modes, strict=True):
        kept = np.flatnonzero(mask)
        covariance = problem.fit_covariance.masked(kept).dense()
        sigma = np.sqrt(np.diag(covariance))
        values, vectors = np.linalg.eigh(covariance / np.outer(sigma, sigma))
        if values[0] <= 0:
            raise FitError("diagonal_basis: the correlation matrix has an eigenvalue of zero")
        columns[kept, : len(kept)] = vectors / np.outer(sigma, np.sqrt(values))
    return modes
