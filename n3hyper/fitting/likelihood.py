"""chi2 of all models against their data, with a mask and a factored covariance for each.

With C = D + S S^T and a mask m of the points of a model, and with r = (prediction - data) / sqrt(D)
and S in the same units, the chi2 is found by fitting nuisance parameters
(see `n3hyper.physics.chi2`): lambda = A^-1 S^T (m r) with A = 1 + S^T m S, u = m (r - S lambda),

    chi2 = sum u^2 + sum lambda^2,        d chi2 / d prediction = 2 u / sqrt(D).

A rounding error of lambda changes the chi2 in second order only, which makes float32 good enough.
A^-1 is small and made once in float64; S is shared by all models, and comes in blocks. Training
and validation are stacked, so that S is read once for both.

Where the eigenmodes of the correlation matrix are split (``diagonal_basis: true``) the chi2 is a
sum over modes, of the squares of v_a . (prediction - data) / sigma / sqrt(e_a); each fold has the
eigenvalues e_a and eigenvectors v_a of the points that it keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem, Fold
from n3hyper.errors import FitError
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.covariance_blocks import Block, block_covariance

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


def likelihood_arrays(problem: FitProblem, masks: ModelMasks, order: Index) -> Tensors:
    """All numbers of `chi2_and_gradient`, in NumPy; points are in the order of the blocks.

    Parameters
    ----------
    order
        (ndata,): the data point of each prediction.
    """
    points = {
        "validation_points": np.maximum(masks.validation.sum(axis=1), 1).astype(np.float64),
        "training_points": np.maximum(masks.training.sum(axis=1), 1).astype(np.float64),
    }
    if problem.mode_masks is not None:
        return {**_mode_arrays(problem, masks, order), **points}
    covariance = block_covariance(problem.fit_covariance)
    models = len(masks.training)
    data = np.tile(problem.replica_data, (models // problem.replicas, 1))
    stacked = np.concatenate([masks.training, masks.validation]).astype(np.float64)
    to_blocks = np.argsort(order)[covariance.points]
    return {
        "to_blocks": to_blocks.astype(np.int32),
        "from_blocks": np.argsort(to_blocks).astype(np.int32),
        "data": data[:, covariance.points],
        "inverse_sigma": 1.0 / covariance.sigma,
        "masks": stacked[:, covariance.points],
        "systematics": tuple(block.systematics for block in covariance.blocks),
        "inverses": tuple(_inverses(block, stacked) for block in covariance.blocks),
        **points,
    }


def _mode_arrays(problem: FitProblem, masks: ModelMasks, order: Index) -> Tensors:
    """Data (m, ndata), masks of modes (2 m, ndata), and modes (k, ndata, ndata).

    A column of the modes is v_a / (sigma sqrt(e_a)) of a fold, zero at points left out.
    """
    models = len(masks.training)
    nothing = np.zeros(problem.ndata, dtype=bool)
    folds = problem.folds or (Fold((), nothing),)
    modes = np.zeros((len(folds), problem.ndata, problem.ndata))
    for fold, columns in zip(folds, modes, strict=True):
        kept = np.flatnonzero(~(nothing if fold.overfit else fold.mask))
        covariance = problem.fit_covariance.masked(kept).dense()
        sigma = np.sqrt(np.diag(covariance))
        values, vectors = np.linalg.eigh(covariance / np.outer(sigma, sigma))
        if values[0] <= 0:
            raise FitError("diagonal_basis: the correlation matrix has an eigenvalue of zero")
        columns[kept, : len(kept)] = vectors / np.outer(sigma, np.sqrt(values))
    data = np.tile(problem.replica_data, (models // problem.replicas, 1))
    return {
        "data": data[:, order],
        "masks": np.concatenate([masks.training, masks.validation]).astype(np.float64),
        "modes": modes[:, order],
    }


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
        modes = arrays["modes"]
        shifts = (predictions - arrays["data"]).reshape(len(modes), -1, predictions.shape[1])
        amplitudes = (shifts @ modes).reshape(predictions.shape)
        masked = np.concatenate([amplitudes, amplitudes]) * arrays["masks"]
        chi2 = np.square(masked).sum(axis=1)
        return chi2[: len(predictions)], chi2[len(predictions) :]
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
        return _chi2_of_modes(arrays, predictions)
    tf = tensorflow()
    models = predictions.shape[0]
    ordered = tf.gather(predictions, arrays["to_blocks"], axis=1)
    residuals = (ordered - arrays["data"]) * arrays["inverse_sigma"]
    masked = tf.concat([residuals, residuals], axis=0) * arrays["masks"]
    chi2, rest, start = tf.zeros(2 * models, predictions.dtype), [], 0
    for systematics, inverses in zip(arrays["systematics"], arrays["inverses"], strict=True):
        where = slice(start, start := start + systematics.shape[0])
        # a training or validation of a model, n point, k systematic
        projected = tf.matmul(masked[:, where], systematics)
        nuisance = tf.linalg.matvec(inverses, projected)
        shifts = tf.matmul(nuisance, systematics, transpose_b=True)
        rest.append(masked[:, where] - arrays["masks"][:, where] * shifts)
        chi2 += tf.reduce_sum(nuisance * nuisance, axis=1)
    left = tf.concat([*rest, masked[:, start:]], axis=1)
    chi2 += tf.reduce_sum(left * left, axis=1)
    gradient = 2.0 * left[:models] * arrays["inverse_sigma"]
    return chi2[:models], tf.gather(gradient, arrays["from_blocks"], axis=1), chi2[models:]


def _chi2_of_modes(arrays: Tensors, predictions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`chi2_and_gradient` where eigenmodes are split."""
    tf = tensorflow()
    modes, (models, points) = arrays["modes"], predictions.shape
    folds = modes.shape[0]
    # k fold, r replica, n point, a mode
    residuals = tf.reshape(predictions - arrays["data"], (folds, -1, points))
    amplitudes = tf.reshape(tf.matmul(residuals, modes), (models, points))
    masked = tf.concat([amplitudes, amplitudes], axis=0) * arrays["masks"]
    chi2 = tf.reduce_sum(masked * masked, axis=1)
    trained = tf.reshape(masked[:models], (folds, -1, points))
    gradient = 2.0 * tf.reshape(tf.matmul(trained, modes, transpose_b=True), (models, points))
    return chi2[:models], gradient, chi2[models:]
