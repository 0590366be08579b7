"""The likelihood of eigenmodes that are split between training and validation, by features.

Features (`n3hyper.fitting.loss.features`) stand for all points that are linear in the PDF. The chi2
of a model is a quadratic form of them and of the other predictions, in panels of rows: with x the
distances of features, and of other predictions in units of their uncertainty, from a place near the
data, the amplitudes of modes are A x + rho. A rotation of the rows that are chosen makes A
triangular: chi2 = c' + |p + P x|^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from n3hyper.fitting.backend import Tensor
from n3hyper.fitting.loss.forms import Form, arrays_of_forms
from n3hyper.fitting.loss.likelihood import Arrays, Chi2
from n3hyper.fitting.loss.modes import Eigenmodes
from n3hyper.fitting.loss.panels import FormArrays, chi2_and_slope, panel_numbers, panels
from n3hyper.physics.arrays import Array, Index


class SharedScale(NamedTuple):
    """Arrays that all models share."""

    scale: Tensor
    """(r + q,): 1 for features, 1 / sigma for other predictions."""


class FormsOfModels(NamedTuple):
    """Arrays that each of m models has of its own."""

    center: Tensor
    """(m, r + q): features and other predictions near the data, around which `forms` are."""
    forms: FormArrays


class ModeFeaturesInStep(NamedTuple):
    """The likelihood as a step reads it."""

    shared: SharedScale
    own: FormsOfModels

    def chi2_and_gradient(self, data: Tensor) -> Chi2:
        """Return the chi2 of features and other predictions (m, r + q)."""
        models, size = data.shape
        distance = (data - self.own.center) * self.shared.scale
        chi2, slope = chi2_and_slope(self.own.forms, distance, distance, size)
        return Chi2(chi2[:models], 2.0 * slope * self.shared.scale, chi2[models:])


@dataclass(frozen=True, eq=False)
class ModeFeatures(Eigenmodes):
    """The likelihood of eigenmodes as forms of features."""

    @cached_property
    def shared(self) -> SharedScale:
        """Arrays that all models share in a step."""
        sigma = self.features.rest.sigma
        return SharedScale(np.concatenate([np.ones(self.features.size), 1.0 / sigma]))

    def of_models(self, models: Index) -> FormsOfModels:
        """Return the arrays that each of some models has of its own in a step."""
        features, folds, data = self.features, self.folds_of(models), self.data_of(models)
        points, rest = features.covariance.points, features.order
        loaded = features.loadings * features.covariance.sigma[:, None]
        rows_of_fold = {fold: self._rows(fold, loaded) for fold in np.unique(folds)}
        _, center = features.near(data)
        training: list[Form] = []
        validation: list[Form] = []
        for place, (model, fold) in enumerate(zip(models, folds, strict=True)):
            residuals = loaded @ center[place] - data[place, points]
            amplitudes = self.modes[fold][points].T @ residuals
            rows = np.column_stack([rows_of_fold[fold], amplitudes])
            training.append(_form(rows[self.masks.training[model]]))
            validation.append(_form(rows[self.masks.validation[model]]))
        return FormsOfModels(
            np.concatenate([center, data[:, rest]], axis=1), arrays_of_forms(training, validation)
        )

    def step(self, shared: Arrays, own: Arrays, models: Index) -> ModeFeaturesInStep:
        """Return the likelihood of a batch of models."""
        return ModeFeaturesInStep(SharedScale(*shared), FormsOfModels(*own))

    @property
    def numbers_of_a_model(self) -> tuple[int, int]:
        """Count of the numbers of a model's forms; in float64 it has nothing of its own."""
        return 2 * panel_numbers(self.features.size + self.features.order.size, 0), 0

    def _rows(self, fold: int, loaded: Array) -> Array:
        """Return A of all modes of a fold, (ndata, r + q)."""
        points, rest = self.features.covariance.points, self.features.order
        modes, sigma = self.modes[fold], self.features.rest.sigma
        return np.concatenate([modes[points].T @ loaded, modes[rest].T * sigma], axis=1)


def _form(rows: Array) -> Form:
    """Return the form of the sum of squares of rows (a, n + 1) @ (x, 1)."""
    size = rows.shape[1] - 1
    triangle = np.zeros((size + 1, size + 1))
    found = np.linalg.qr(rows, mode="r")
    triangle[: len(found)] = found
    positive = triangle[:size, :size]
    return Form(
        float(triangle[size, size] ** 2),
        triangle[:size, size],
        tuple(positive[panel.rows, panel.first :] for panel in panels(size, 0)),
    )
