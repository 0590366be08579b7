"""The likelihood of data points that are split between training and validation.

Points have C = D + S S^T, blocks of them share systematics, and r = (prediction - data) / sqrt(D),
with S in the same units. With a mask m of the points of a model the chi2 is found by fitting
nuisance parameters (see `n3hyper.physics.chi2`): lambda = A^-1 S^T (m r) with A = 1 + S^T m S,
u = m (r - S lambda),

    chi2 = sum u^2 + sum lambda^2,        d chi2 / d prediction = 2 u / sqrt(D).

A rounding error of lambda changes the chi2 in second order only, which makes float32 good enough.
A^-1 is small and made once in float64; S is shared by all models. Training and validation are
stacked, so that S is read once for both.

Where features stand for points (`n3hyper.fitting.loss.features`: predictions / sqrt(D) = U y), all
of this is a quadratic form of them (`n3hyper.fitting.loss.forms`), a sum and difference of squares,
in panels of rows; attached points enter by few combinations of them. The panels of the training are
read twice in a step, those of the validation once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from n3hyper.fitting.backend import Tensor, tensorflow
from n3hyper.fitting.loss.covariance_blocks import Block, BlockCovariance
from n3hyper.fitting.loss.forms import Form, arrays_of_forms, form_of_features
from n3hyper.fitting.loss.likelihood import Arrays, Chi2, Likelihood
from n3hyper.fitting.loss.panels import FormArrays, chi2_and_slope, panel_numbers
from n3hyper.fitting.products import product
from n3hyper.physics.arrays import Array, Index, Mask
from n3hyper.system.cores import on_all_cores


class SharedPoints(NamedTuple):
    """Arrays that all models share, of n points: a of them are attached ones, and come first."""

    systematics: tuple[Tensor, ...]
    """S of each block of the rest, (points, k)."""
    projections: tuple[Tensor, ...]
    """The same transposed."""
    inverse_sigma: Tensor
    """1 / sqrt(D), (n,)."""
    to_points: Tensor
    """(n,) int32: the place of each point in what the theory gives."""
    from_points: Tensor
    """(n,) int32: the inverse of it, without the features."""
    attachment: Tensor
    """L (a, k)"""
    attachment_rows: Tensor
    """The same transposed."""


class PointsOfModels(NamedTuple):
    """Arrays that each of m models has of its own; trainings come before validations."""

    center: Tensor
    """(m, r): features near the data, around which `forms` are."""
    forms: FormArrays
    data: Tensor
    """(m, n)"""
    masks: Tensor
    """(2 m, n)"""
    inverses: tuple[Tensor, ...]
    """A^-1 of each block of the rest, (2 m, k, k)."""


class ExactPoints(NamedTuple):
    """Arrays in float64 that each of m models has of its own, of all points."""

    data: Array
    """(m, ndata), in the order of the covariance."""
    masks: Array
    """(2 m, ndata)"""
    inverses: tuple[Array, ...]


class PointsInStep(NamedTuple):
    """The likelihood as a step reads it."""

    shared: SharedPoints
    own: PointsOfModels

    def chi2_and_gradient(self, data: Tensor) -> Chi2:
        """Return the chi2 of features and of the predictions behind them, (m, r + n)."""
        tf = tensorflow()
        models, size = self.own.center.shape
        attached = self.shared.attachment.shape[0]
        chi2, gradient = tf.zeros(2 * models, data.dtype), []
        masked = None
        if self.shared.inverse_sigma.shape[0]:
            ordered = tf.gather(data, self.shared.to_points, axis=1)
            residuals = (ordered - self.own.data) * self.shared.inverse_sigma
            masked = tf.concat([residuals, residuals], axis=0) * self.own.masks
        by_points = []
        if size:
            of_attached = None if masked is None or not attached else masked[:, :attached]
            chi2, by_features, by_attached = self._features(data[:, :size], of_attached)
            gradient.append(2.0 * by_features)
            by_points += [] if by_attached is None else [by_attached]
        if masked is not None:
            of_rest, by_rest = self._rest(masked[:, attached:], attached)
            chi2 += of_rest
            by_points += by_rest
            by_data = tf.concat(by_points, axis=1) * (2.0 * self.shared.inverse_sigma)
            gradient.append(tf.gather(by_data, self.shared.from_points, axis=1))
        return Chi2(chi2[:models], tf.concat(gradient, axis=1), chi2[models:])

    def _features(
        self, features: Tensor, masked: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the chi2 of points with features and of attached ones, whose residuals are given.

        Returns
        -------
        chi2 (2 m,), and half of the gradient of that of the training, by features and by residuals.
        """
        tf = tensorflow()
        models, size = features.shape
        distance = features - self.own.center
        if masked is None:
            return *chi2_and_slope(self.own.forms, distance, distance, size), None
        training, validation = (
            tf.concat([distance, combinations], axis=1)
            for combinations in tf.split(product(masked, self.shared.attachment_rows), 2)
        )
        chi2, slope = chi2_and_slope(self.own.forms, training, validation, size)
        shifts = product(slope[:, size:], self.shared.attachment)
        mask = self.own.masks[:models, : masked.shape[1]]
        chi2 += tf.reduce_sum(masked * masked, axis=1)
        return chi2, slope[:, :size], masked[:models] + mask * shifts

    def _rest(self, masked: Tensor, first: int) -> tuple[Tensor, list[Tensor]]:
        """Return chi2 (2 m,) of masked residuals (2 m, n), and u of the training in pieces.

        Parameters
        ----------
        first
            Number of points before them.
        """
        tf = tensorflow()
        masks = self.own.masks[:, first:]
        models = masked.shape[0] // 2
        chi2, remainders, start = tf.zeros(2 * models, masked.dtype), [], 0
        for systematics, transposed, inverses in zip(
            self.shared.systematics, self.shared.projections, self.own.inverses, strict=True
        ):
            where = slice(start, start := start + systematics.shape[0])
            # a training or validation of a model, n point, k systematic
            projected = product(masked[:, where], transposed)
            nuisance = tf.linalg.matvec(inverses, projected)
            shifts = product(nuisance, systematics)
            remainders.append(masked[:, where] - masks[:, where] * shifts)
            chi2 += tf.reduce_sum(nuisance * nuisance, axis=1)
        remainders.append(masked[:, start:])
        for remainder in remainders:
            chi2 += tf.reduce_sum(remainder * remainder, axis=1)
        return chi2, [remainder[:models] for remainder in remainders]


@dataclass(frozen=True, eq=False)
class Points(Likelihood):
    """The likelihood of points, some of which features may stand for."""

    @cached_property
    def shared(self) -> SharedPoints:
        """Arrays that all models share in a step."""
        features, rest = self.features, self.features.rest
        inverse = np.empty(self.problem.ndata, dtype=np.int64)
        inverse[features.order] = np.arange(features.order.size)
        places, attached = inverse[features.points], features.covariance.sigma[features.attached]
        blocks = [block.systematics for block in rest.blocks]
        attachment = features.attachment.matrix
        return SharedPoints(
            systematics=tuple(blocks),
            projections=tuple(systematics.T.copy() for systematics in blocks),
            inverse_sigma=1.0 / np.concatenate([attached, rest.sigma]),
            to_points=(features.size + places).astype(np.int32),
            from_points=np.argsort(places).astype(np.int32),
            attachment=attachment,
            attachment_rows=attachment.T.copy(),
        )

    def of_models(self, models: Index) -> PointsOfModels:
        """Return the arrays that each of some models has of its own in a step."""
        data, points = self.data_of(models), self.features.points
        center, forms = self._forms(models, data)
        return PointsOfModels(
            center=center,
            forms=forms,
            # the layout decides in which order NumPy adds
            data=np.ascontiguousarray(data[:, points]),
            masks=self.masks.stacked(models, points),
            inverses=self._inverses(self.features.rest, models),
        )

    def step(self, shared: Arrays, own: Arrays, models: Index) -> PointsInStep:
        """Return the likelihood of a batch of models."""
        return PointsInStep(SharedPoints(*shared), PointsOfModels(*own))

    def exact(self, models: Index) -> ExactPoints:
        """Return the arrays that each of some models has of its own in `exact_chi2`."""
        covariance = self.features.all_points
        return ExactPoints(
            data=np.ascontiguousarray(self.data_of(models)[:, covariance.points]),
            masks=self.masks.stacked(models, covariance.points),
            inverses=self._inverses(covariance, models),
        )

    def exact_chi2(self, own: Arrays, predictions: Array) -> tuple[Array, Array]:
        """Return training and validation chi2 (m,) of all predictions (m, ndata), in float64."""
        covariance, (data, masks, inverses_of_blocks) = self.features.all_points, ExactPoints(*own)
        residuals = (predictions[:, covariance.points] - data) * (1.0 / covariance.sigma)
        masked = np.concatenate([residuals, residuals]) * masks
        chi2, start = np.zeros(len(masked)), 0
        for block, inverses in zip(covariance.blocks, inverses_of_blocks, strict=True):
            where = slice(start, start := start + len(block.systematics))
            nuisance = np.einsum("akl,al->ak", inverses, masked[:, where] @ block.systematics)
            masked[:, where] -= masks[:, where] * (nuisance @ block.systematics.T)
            chi2 += np.square(nuisance).sum(axis=1)
        chi2 += np.square(masked).sum(axis=1)
        return chi2[: len(predictions)], chi2[len(predictions) :]

    @property
    def numbers_of_a_model(self) -> tuple[int, int]:
        """Count of the numbers of a model's covariances: in a step, in `exact_chi2`."""
        features = self.features
        forms = panel_numbers(features.size, features.attachments)
        return 2 * (_squares(features.rest) + forms), 2 * _squares(features.all_points)

    def _forms(self, models: Index, data: Array) -> tuple[Array, FormArrays]:
        """Return features near the data (m, r), and the forms around them."""
        features, covariance = self.features, self.features.covariance
        scaled, center = features.near(data)
        residuals = [
            (features.loadings @ near - values) * ~features.attached
            for near, values in zip(center, scaled, strict=True)
        ]

        def form(mask_and_residuals: tuple[Mask, Array]) -> Form:
            return form_of_features(features, *mask_and_residuals)

        training, validation = (
            on_all_cores(form, zip(masks[models][:, covariance.points], residuals, strict=True))
            for masks in (self.masks.training, self.masks.validation)
        )
        return center, arrays_of_forms(training, validation)

    def _inverses(self, covariance: BlockCovariance, models: Index) -> tuple[Array, ...]:
        """Return A^-1 of each block, (2 m, k, k)."""
        return tuple(
            _inverses_of(block, self.masks.stacked(models, block.points))
            for block in covariance.blocks
        )


def _inverses_of(block: Block, masks: Array) -> Array:
    """Return A^-1 of a block for each of some masks of its points (a, n), (a, k, k)."""
    unit = np.eye(block.systematics.shape[1])

    def inverse(mask: Array) -> Array:
        squares = block.systematics.T @ (block.systematics * mask[:, None])
        return np.asarray(np.linalg.inv(unit + squares), np.float64)

    return np.stack(on_all_cores(inverse, masks))


def _squares(covariance: BlockCovariance) -> int:
    """Return how many numbers A^-1 of all blocks has."""
    widths = [int(block.systematics.shape[1]) for block in covariance.blocks]
    return sum(width * width for width in widths)
