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
from n3hyper.fitting.loss.wide import WideArrays, wide_arrays, wide_inverses
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
    wide: Tensor
    """(n, k): systematics that link all data, see `n3hyper.fitting.loss.wide`."""
    wide_rows: Tensor
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
    wide: WideArrays


class ExactPoints(NamedTuple):
    """Arrays in float64 that each of m models has of its own, of all points."""

    data: Array
    """(m, ndata), in the order of the covariance."""
    masks: Array
    """(2 m, ndata)"""
    inverses: tuple[Array, ...]
    wide: Array
    """(2 m, k, k), see `WideArrays.inverses`."""


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
        masked, distance, combinations = None, data[:, :size] - self.own.center, None
        if self.shared.inverse_sigma.shape[0]:
            ordered = tf.gather(data, self.shared.to_points, axis=1)
            residuals = (ordered - self.own.data) * self.shared.inverse_sigma
            masked = tf.concat([residuals, residuals], axis=0) * self.own.masks
            if size and attached:
                combinations = product(masked[:, :attached], self.shared.attachment_rows)
        by_features, by_attached = None, None
        by_rest: list[Tensor] = []
        if size:
            of_attached = None if masked is None or not attached else masked[:, :attached]
            chi2, by_features, by_attached = self._features(distance, of_attached, combinations)
        if masked is not None:
            of_rest, by_rest = self._rest(masked[:, attached:], attached)
            chi2 += of_rest
        weighted = by_rest
        if masked is not None and by_attached is not None:
            weighted = [masked[:, :attached], *by_rest]
        if self.shared.wide.shape[1]:
            of_wide, tau = self._wide(distance, combinations, weighted)
            chi2 -= of_wide
            shifted = self._shifts(tau, size, attached)
            by_features = None if by_features is None else by_features - shifted[0]
            by_attached = None if by_attached is None else by_attached - shifted[1]
            by_rest = [
                part[:models] - shift for part, shift in zip(by_rest, shifted[2], strict=True)
            ]
        if by_features is not None:
            gradient.append(2.0 * by_features)
        if masked is not None:
            rest = [part[:models] for part in by_rest]
            by_points = rest if by_attached is None else [by_attached, *rest]
            by_data = tf.concat(by_points, axis=1) * (2.0 * self.shared.inverse_sigma)
            gradient.append(tf.gather(by_data, self.shared.from_points, axis=1))
        return Chi2(chi2[:models], tf.concat(gradient, axis=1), chi2[models:])

    def _features(
        self, distance: Tensor, masked: Tensor | None, combinations: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the chi2 of points with features and of attached ones, whose residuals are given.

        Parameters
        ----------
        distance
            (m, r): features less those near the data.
        combinations
            (2 m, k): of the residuals of attached points.

        Returns
        -------
        chi2 (2 m,), and half of the gradient of that of the training, by features and by residuals.
        """
        tf = tensorflow()
        models, size = distance.shape
        if masked is None:
            return *chi2_and_slope(self.own.forms, distance, distance, size), None
        training, validation = (
            tf.concat([distance, part], axis=1) for part in tf.split(combinations, 2)
        )
        chi2, slope = chi2_and_slope(self.own.forms, training, validation, size)
        shifts = product(slope[:, size:], self.shared.attachment)
        mask = self.own.masks[:models, : masked.shape[1]]
        chi2 += tf.reduce_sum(masked * masked, axis=1)
        return chi2, slope[:, :size], masked[:models] + mask * shifts

    def _rest(self, masked: Tensor, first: int) -> tuple[Tensor, list[Tensor]]:
        """Return chi2 (2 m,) of masked residuals (2 m, n), and u of all in pieces.

        Parameters
        ----------
        first
            Number of points before them.
        """
        tf = tensorflow()
        remainders, parameters = self._weighted(masked, first)
        chi2 = tf.zeros(masked.shape[0], masked.dtype)
        for nuisance in parameters:
            chi2 += tf.reduce_sum(nuisance * nuisance, axis=1)
        for remainder in remainders:
            chi2 += tf.reduce_sum(remainder * remainder, axis=1)
        return chi2, remainders

    def _weighted(self, masked: Tensor, first: int) -> tuple[list[Tensor], list[Tensor]]:
        """Return u in pieces, and the nuisance parameters of each block.

        Parameters
        ----------
        masked
            (a, n): of all trainings and validations, or of the first a of them.
        """
        tf = tensorflow()
        count, start = masked.shape[0], 0
        masks = self.own.masks[:count, first:]
        remainders, parameters = [], []
        for systematics, transposed, inverses in zip(
            self.shared.systematics, self.shared.projections, self.own.inverses, strict=True
        ):
            where = slice(start, start := start + systematics.shape[0])
            # a training or validation of a model, n point, k systematic
            projected = product(masked[:, where], transposed)
            nuisance = tf.linalg.matvec(inverses[:count], projected)
            shifts = product(nuisance, systematics)
            remainders.append(masked[:, where] - masks[:, where] * shifts)
            parameters.append(nuisance)
        remainders.append(masked[:, start:])
        return remainders, parameters

    def _wide(
        self, distance: Tensor, combinations: Tensor | None, weighted: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return p A^-1 p (2 m,) and A^-1 p (2 m, k) of the systematics that link all data.

        Parameters
        ----------
        weighted
            Masked residuals of attached points, and u of the others, (2 m, n) in pieces.
        """
        tf = tensorflow()
        size, forms = distance.shape[1], self.own.wide.forms
        known = forms[:, :, 0]
        if size:
            twice = tf.concat([distance, distance], axis=0)
            known += tf.linalg.matvec(forms[:, :, 1 : 1 + size], twice)
        if combinations is not None:
            known += tf.linalg.matvec(forms[:, :, 1 + size :], combinations)
        if weighted:
            known += product(tf.concat(weighted, axis=1), self.shared.wide_rows)
        tau = tf.linalg.matvec(self.own.wide.inverses, known)
        return tf.reduce_sum(known * tau, axis=1), tau

    def _shifts(self, tau: Tensor, size: int, attached: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return K T tau of the trainings: by features, by attached points, and by the rest."""
        tf = tensorflow()
        models = tau.shape[0] // 2
        tau, forms = tau[:models], self.own.wide.forms[:models]
        by_form = tf.linalg.matvec(forms[:, :, 1:], tau, transpose_a=True)
        masked = product(tau, self.shared.wide) * self.own.masks[:models]
        if not masked.shape[1]:
            return by_form[:, :size], masked, []
        by_attached = masked[:, :attached]
        if attached:
            mask = self.own.masks[:models, :attached]
            by_attached += mask * product(by_form[:, size:], self.shared.attachment)
        return by_form[:, :size], by_attached, self._weighted(masked[:, attached:], attached)[0]


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
        scale = 1.0 / np.concatenate([attached, rest.sigma])
        wide = features.wide[features.points] * scale[:, None]
        return SharedPoints(
            systematics=tuple(blocks),
            projections=tuple(systematics.T.copy() for systematics in blocks),
            inverse_sigma=scale,
            to_points=(features.size + places).astype(np.int32),
            from_points=np.argsort(places).astype(np.int32),
            attachment=attachment,
            attachment_rows=attachment.T.copy(),
            wide=wide,
            wide_rows=wide.T.copy(),
        )

    def of_models(self, models: Index) -> PointsOfModels:
        """Return the arrays that each of some models has of its own in a step."""
        data, points = self.data_of(models), self.features.points
        center, forms, residuals = self._forms(models, data)
        return PointsOfModels(
            center=center,
            forms=forms,
            # the layout decides in which order NumPy adds
            data=np.ascontiguousarray(data[:, points]),
            masks=self.masks.stacked(models, points),
            inverses=self._inverses(self.features.rest, models),
            wide=wide_arrays(self.features, self.masks.stacked(models), [*residuals, *residuals]),
        )

    def step(self, shared: Arrays, own: Arrays, models: Index) -> PointsInStep:
        """Return the likelihood of a batch of models."""
        known = PointsOfModels(*own)
        return PointsInStep(SharedPoints(*shared), known._replace(wide=WideArrays(*known.wide)))

    def exact(self, models: Index) -> ExactPoints:
        """Return the arrays that each of some models has of its own in `exact_chi2`."""
        covariance = self.features.all_points
        masks = self.masks.stacked(models, covariance.points)
        return ExactPoints(
            data=np.ascontiguousarray(self.data_of(models)[:, covariance.points]),
            masks=masks,
            inverses=self._inverses(covariance, models),
            wide=wide_inverses(self.features.wide, covariance, masks),
        )

    def exact_chi2(self, own: Arrays, predictions: Array) -> tuple[Array, Array]:
        """Return training and validation chi2 (m,) of all predictions (m, ndata), in float64."""
        covariance = self.features.all_points
        data, masks, inverses_of_blocks, inverses_of_wide = ExactPoints(*own)
        residuals = (predictions[:, covariance.points] - data) * (1.0 / covariance.sigma)
        masked = np.concatenate([residuals, residuals]) * masks
        chi2, start = np.zeros(len(masked)), 0
        for block, inverses in zip(covariance.blocks, inverses_of_blocks, strict=True):
            where = slice(start, start := start + len(block.systematics))
            nuisance = np.einsum("akl,al->ak", inverses, masked[:, where] @ block.systematics)
            masked[:, where] -= masks[:, where] * (nuisance @ block.systematics.T)
            chi2 += np.square(nuisance).sum(axis=1)
        chi2 += np.square(masked).sum(axis=1)
        projected = masked @ (self.features.wide[covariance.points] / covariance.sigma[:, None])
        chi2 -= np.einsum("ak,akl,al->a", projected, inverses_of_wide, projected)
        return chi2[: len(predictions)], chi2[len(predictions) :]

    @property
    def numbers_of_a_model(self) -> tuple[int, int]:
        """Count of the numbers of a model's covariances: in a step, in `exact_chi2`."""
        features = self.features
        forms, wide = panel_numbers(features.size, features.attachments), features.wide.shape[1]
        own = wide * (1 + features.size + features.attachments + wide)
        exact = _squares(features.all_points) + wide * wide
        return 2 * (_squares(features.rest) + forms + own), 2 * exact

    def _forms(self, models: Index, data: Array) -> tuple[Array, FormArrays, list[Array]]:
        """Return features near the data (m, r), the forms around them, and residuals there."""
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
        return center, arrays_of_forms(training, validation), residuals

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
