"""chi2 of all models against their data, with a mask and a factored covariance for each.

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

Where the eigenmodes of the correlation matrix are split, `n3hyper.fitting.loss.modes` has the chi2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem, fitted_points
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.loss import modes
from n3hyper.fitting.loss.covariance_blocks import Block, BlockCovariance
from n3hyper.fitting.loss.features import Features
from n3hyper.fitting.loss.forms import arrays_of_forms, form_of_features
from n3hyper.fitting.loss.panels import chi2_and_slope
from n3hyper.fitting.products import product

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]
Tensor = Any
Tensors = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ModelMasks:
    """Which points each model (fold, replica) trains on, validates on and is tested on.

    Models are numbered fold by fold; each mask is (models, ndata). Where the problem splits
    eigenmodes, training and validation are masks of these.
    """

    training: Mask
    validation: Mask
    """Where a model has no validation points, those of the training."""
    tested: Mask
    """Points left out in the fold; all points where none is."""
    validated: Mask
    """(models,): whether there are validation points."""

    def of_models(self, models: Index) -> ModelMasks:
        """The masks of some of the models."""
        return ModelMasks(
            *(
                mask[models]
                for mask in (self.training, self.validation, self.tested, self.validated)
            )
        )

    @classmethod
    def of(cls, problem: FitProblem) -> ModelMasks:
        """The masks of a problem; without folds there is one, which leaves nothing out."""
        kept = fitted_points(problem.folds, problem.ndata)
        everything = np.ones(problem.ndata, dtype=bool)
        tested = np.stack(
            [fold.mask if fold.mask.any() else everything for fold in problem.folds] or [everything]
        )
        shape = (-1, problem.ndata)
        if problem.mode_masks is None:
            training = (kept[:, None] & problem.training_masks).reshape(shape)
            validation = (kept[:, None] & problem.validation_masks).reshape(shape)
        else:
            training, validation = (each.reshape(shape) for each in problem.mode_masks)
        validated = np.asarray(validation.any(axis=1))
        return cls(
            training=training,
            validation=np.where(validated[:, None], validation, training),
            tested=np.repeat(tested, problem.replicas, axis=0),
            validated=validated,
        )


def shared_arrays(features: Features, ndata: int) -> Tensors:
    """Those numbers of `chi2_and_gradient` that all models share, in NumPy."""
    inverse = np.empty(ndata, dtype=np.int64)
    inverse[features.order] = np.arange(features.order.size)
    places, attached = inverse[features.points], features.covariance.sigma[features.attached]
    attachment = features.attachment.matrix
    return {
        **_systematics(features.rest),
        "inverse_sigma": 1.0 / np.concatenate([attached, features.rest.sigma]),
        "to_points": (features.size + places).astype(np.int32),
        "from_points": np.argsort(places).astype(np.int32),
        "attachment": attachment,
        "attachment_rows": attachment.T.copy(),
    }


def model_arrays(features: Features, masks: ModelMasks, data: Array) -> Tensors:
    """Those that each model has of its own; trainings come first, then validations.

    Parameters
    ----------
    data
        (m, ndata): what each of the models of `masks` is fitted to.
    """
    return {
        **_arrays_of_features(features, masks, data),
        # the layout decides in which order NumPy adds
        "data": np.ascontiguousarray(data[:, features.points]),
        "masks": _stacked(masks, features.points),
        "inverses": _inverses_of(features.rest, masks),
    }


def exact_shared_arrays(covariance: BlockCovariance) -> Tensors:
    """Those numbers of `chi2_numpy` that all models share."""
    return {
        "systematics": tuple(block.systematics for block in covariance.blocks),
        "inverse_sigma": 1.0 / covariance.sigma,
        "to_points": covariance.points,
    }


def exact_model_arrays(covariance: BlockCovariance, masks: ModelMasks, data: Array) -> Tensors:
    """Those that each model has of its own, see `model_arrays`."""
    return {
        "data": np.ascontiguousarray(data[:, covariance.points]),
        "masks": _stacked(masks, covariance.points),
        "inverses": _inverses_of(covariance, masks),
    }


def points(masks: Mask) -> Array:
    """How many points each mask (m, ndata) has, at least one: (m,)."""
    return np.asarray(np.maximum(masks.sum(axis=1), 1), dtype=np.float64)


def _stacked(masks: ModelMasks, at: Index) -> Array:
    """(2 m, points): training and validation at some points."""
    both = np.concatenate([masks.training, masks.validation])
    # the layout decides in which order NumPy adds
    return np.ascontiguousarray(both[:, at], dtype=np.float64)


def _systematics(covariance: BlockCovariance) -> Tensors:
    """S block by block, and transposed."""
    blocks = [block.systematics for block in covariance.blocks]
    return {"systematics": tuple(blocks), "projections": tuple(each.T.copy() for each in blocks)}


def _arrays_of_features(features: Features, masks: ModelMasks, data: Array) -> Tensors:
    """c' (2 m,), p and n (2 m, r + k), y0 (m, r), and panels (m, rows, columns)."""
    covariance, loadings = features.covariance, features.loadings
    scaled, center = features.near(data)
    residuals = [
        (loadings @ features_ - each) * ~features.attached
        for features_, each in zip(center, scaled, strict=True)
    ]
    training, validation = (
        [
            form_of_features(features, mask, each)
            for mask, each in zip(its[:, covariance.points], residuals, strict=True)
        ]
        for its in (masks.training, masks.validation)
    )
    return {"center": center, **arrays_of_forms(training, validation)}


def _inverses_of(covariance: BlockCovariance, masks: ModelMasks) -> tuple[Array, ...]:
    """A^-1 of each block, (2 m, k, k)."""
    return tuple(_inverses(block, _stacked(masks, block.points)) for block in covariance.blocks)


def _inverses(block: Block, masks: Array) -> Array:
    """A^-1 of a block for each of some masks of its points (a, n), (a, k, k)."""
    unit = np.eye(block.systematics.shape[1])
    return np.stack(
        [
            np.linalg.inv(unit + block.systematics.T @ (block.systematics * mask[:, None]))
            for mask in masks
        ]
    )


def chi2_numpy(arrays: Tensors, predictions: Array) -> tuple[Array, Array]:
    """Training and validation chi2 (m,) of predictions (m, ndata), in float64."""
    if "modes" in arrays:
        return modes.chi2_numpy(arrays, predictions)
    residuals = (predictions[:, arrays["to_points"]] - arrays["data"]) * arrays["inverse_sigma"]
    masked = np.concatenate([residuals, residuals]) * arrays["masks"]
    chi2, start = np.zeros(len(masked)), 0
    for systematics, inverses in zip(arrays["systematics"], arrays["inverses"], strict=True):
        where = slice(start, start := start + len(systematics))
        nuisance = np.einsum("akl,al->ak", inverses, masked[:, where] @ systematics)
        masked[:, where] -= arrays["masks"][:, where] * (nuisance @ systematics.T)
        chi2 += np.square(nuisance).sum(axis=1)
    chi2 += np.square(masked).sum(axis=1)
    return chi2[: len(predictions)], chi2[len(predictions) :]


def chi2_and_gradient(arrays: Tensors, data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Training chi2 (m,), its gradient (m, r + n), validation chi2 (m,).

    Parameters
    ----------
    data
        (m, r + n): features, and the predictions of all points that have none.
    """
    if "modes" in arrays:
        return modes.chi2_and_gradient(arrays, data)
    if "mode_scale" in arrays:
        return modes.chi2_of_features(arrays, data)
    tf = tensorflow()
    models, size = arrays["center"].shape
    attached = arrays["attachment"].shape[0]
    chi2, gradient = tf.zeros(2 * models, data.dtype), []
    masked = None
    if arrays["inverse_sigma"].shape[0]:
        ordered = tf.gather(data, arrays["to_points"], axis=1)
        residuals = (ordered - arrays["data"]) * arrays["inverse_sigma"]
        masked = tf.concat([residuals, residuals], axis=0) * arrays["masks"]
    by_points = []
    if size:
        of_attached = None if masked is None or not attached else masked[:, :attached]
        chi2, by_features, shifts = _chi2_of_features(arrays, data[:, :size], of_attached)
        gradient.append(2.0 * by_features)
        by_points += [] if shifts is None else [shifts]
    if masked is not None:
        of_rest, left = _chi2_of_points(arrays, masked[:, attached:], attached)
        chi2 += of_rest
        by_points += left
        left = tf.concat(by_points, axis=1) * (2.0 * arrays["inverse_sigma"])
        gradient.append(tf.gather(left, arrays["from_points"], axis=1))
    return chi2[:models], tf.concat(gradient, axis=1), chi2[models:]


def _chi2_of_features(
    arrays: Tensors, features: Tensor, masked: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Of points with features and of attached ones; of the latter the residuals are given.

    Returns
    -------
    chi2 (2 m,), and half of the gradient of that of the training, by features and by residuals.
    """
    tf = tensorflow()
    models, size = features.shape
    distance = features - arrays["center"]
    if masked is None:
        return *chi2_and_slope(arrays, distance, distance, size), None
    training, validation = (
        tf.concat([distance, part], axis=1)
        for part in tf.split(product(masked, arrays["attachment_rows"]), 2)
    )
    chi2, slope = chi2_and_slope(arrays, training, validation, size)
    shifts = product(slope[:, size:], arrays["attachment"])
    its_mask = arrays["masks"][:models, : masked.shape[1]]
    chi2 += tf.reduce_sum(masked * masked, axis=1)
    return chi2, slope[:, :size], masked[:models] + its_mask * shifts


def _chi2_of_points(arrays: Tensors, masked: Tensor, first: int) -> tuple[Tensor, list[Tensor]]:
    """chi2 (2 m,) of masked residuals (2 m, n), and u of the training in pieces.

    Parameters
    ----------
    first
        Number of points in `masks` before them.
    """
    tf = tensorflow()
    masks = arrays["masks"][:, first:]
    models = masked.shape[0] // 2
    chi2, rest, start = tf.zeros(2 * models, masked.dtype), [], 0
    for systematics, transposed, inverses in zip(
        arrays["systematics"], arrays["projections"], arrays["inverses"], strict=True
    ):
        where = slice(start, start := start + systematics.shape[0])
        # a training or validation of a model, n point, k systematic
        projected = product(masked[:, where], transposed)
        nuisance = tf.linalg.matvec(inverses, projected)
        shifts = product(nuisance, systematics)
        rest.append(masked[:, where] - masks[:, where] * shifts)
        chi2 += tf.reduce_sum(nuisance * nuisance, axis=1)
    rest.append(masked[:, start:])
    for left in rest:
        chi2 += tf.reduce_sum(left * left, axis=1)
    return chi2, [left[:models] for left in rest]
