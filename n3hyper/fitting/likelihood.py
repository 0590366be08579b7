"""chi2 of all models against their data, with a mask and a factored covariance for each.

With C = D + S S^T and a mask m of the points of a model, and with r = (prediction - data) / sqrt(D)
and S in the same units, the chi2 is found by fitting nuisance parameters
(see `n3hyper.physics.chi2`): lambda = A^-1 S^T (m r) with A = 1 + S^T m S, u = m (r - S lambda),

    chi2 = sum u^2 + sum lambda^2,        d chi2 / d prediction = 2 u / sqrt(D).

A rounding error of lambda changes the chi2 in second order only, which makes float32 good enough.
A^-1 is small and made once in float64; S is shared by all models, and comes in blocks. Training
and validation are stacked, so that S is read once for both.

Where the eigenmodes of the correlation matrix are split, `n3hyper.fitting.modes` has the chi2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem, Fold
from n3hyper.fitting import modes
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.covariance_blocks import Block, BlockCovariance
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
        nothing = np.zeros(problem.ndata, dtype=bool)
        folds = problem.folds or (Fold((), nothing),)
        kept = np.stack([~(nothing if fold.overfit else fold.mask) for fold in folds])
        tested = np.stack([fold.mask if fold.mask.any() else ~nothing for fold in folds])
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


def covariance_arrays(covariance: BlockCovariance, order: Index) -> Tensors:
    """Those numbers of `chi2_and_gradient` that all models share, in NumPy.

    Points are in the order of the blocks.

    Parameters
    ----------
    order
        (ndata,): the data point of each prediction.
    """
    to_blocks = np.argsort(order)[covariance.points]
    return {
        "to_blocks": to_blocks.astype(np.int32),
        "from_blocks": np.argsort(to_blocks).astype(np.int32),
        "inverse_sigma": 1.0 / covariance.sigma,
        "systematics": tuple(block.systematics for block in covariance.blocks),
        "projections": tuple(block.systematics.T.copy() for block in covariance.blocks),
    }


def model_arrays(covariance: BlockCovariance, masks: ModelMasks, data: Array) -> Tensors:
    """Those that each model has of its own.

    Parameters
    ----------
    data
        (m, ndata): what each of the models of `masks` is fitted to.
    """
    stacked = np.concatenate([masks.training, masks.validation]).astype(np.float64)
    return {
        # the layout decides in which order NumPy adds
        "data": np.ascontiguousarray(data[:, covariance.points]),
        "masks": np.ascontiguousarray(stacked[:, covariance.points]),
        "inverses": tuple(_inverses(block, stacked) for block in covariance.blocks),
    }


def points(masks: Mask) -> Array:
    """How many points each mask (m, ndata) has, at least one: (m,)."""
    return np.asarray(np.maximum(masks.sum(axis=1), 1), dtype=np.float64)


def _inverses(block: Block, masks: Array) -> Array:
    """A^-1 of a block for each of some masks (a, n), (a, k, k)."""
    unit = np.eye(block.systematics.shape[1])
    return np.stack(
        [
            np.linalg.inv(unit + block.systematics.T @ (block.systematics * mask[:, None]))
            for mask in masks[:, block.points]
        ]
    )


def chi2_numpy(arrays: Tensors, predictions: Array) -> tuple[Array, Array]:
    """Training and validation chi2 (m,) of predictions (m, ndata), in float64."""
    if "modes" in arrays:
        return modes.chi2_numpy(arrays, predictions)
    residuals = (predictions[:, arrays["to_blocks"]] - arrays["data"]) * arrays["inverse_sigma"]
    masked = np.concatenate([residuals, residuals]) * arrays["masks"]
    chi2, start = np.zeros(len(masked)), 0
    for systematics, inverses in zip(arrays["systematics"], arrays["inverses"], strict=True):
        where = slice(start, start := start + len(systematics))
        nuisance = np.einsum("akl,al->ak", inverses, masked[:, where] @ systematics)
        masked[:, where] -= arrays["masks"][:, where] * (nuisance @ systematics.T)
        chi2 += np.square(nuisance).sum(axis=1)
    chi2 += np.square(masked).sum(axis=1)
    return chi2[: len(predictions)], chi2[len(predictions) :]


def chi2_and_gradient(arrays: Tensors, predictions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Training chi2 (m,), its gradient by the predictions (m, ndata), validation chi2 (m,)."""
    if "modes" in arrays:
        return modes.chi2_and_gradient(arrays, predictions)
    tf = tensorflow()
    models = predictions.shape[0]
    ordered = tf.gather(predictions, arrays["to_blocks"], axis=1)
    residuals = (ordered - arrays["data"]) * arrays["inverse_sigma"]
    masked = tf.concat([residuals, residuals], axis=0) * arrays["masks"]
    chi2, rest, start = tf.zeros(2 * models, predictions.dtype), [], 0
    for systematics, transposed, inverses in zip(
        arrays["systematics"], arrays["projections"], arrays["inverses"], strict=True
    ):
        where = slice(start, start := start + systematics.shape[0])
        # a training or validation of a model, n point, k systematic
        projected = product(masked[:, where], transposed)
        nuisance = tf.linalg.matvec(inverses, projected)
        shifts = product(nuisance, systematics)
        rest.append(masked[:, where] - arrays["masks"][:, where] * shifts)
        chi2 += tf.reduce_sum(nuisance * nuisance, axis=1)
    left = tf.concat([*rest, masked[:, start:]], axis=1)
    chi2 += tf.reduce_sum(left * left, axis=1)
    gradient = 2.0 * left[:models] * arrays["inverse_sigma"]
    return chi2[:models], tf.gather(gradient, arrays["from_blocks"], axis=1), chi2[models:]
