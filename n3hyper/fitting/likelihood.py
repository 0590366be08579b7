"""chi2 of all models against their data, with a mask and a factored covariance for each.

With C = D + S S^T and a mask m of the points of a model, and with r = (prediction - data) / sqrt(D)
and S in the same units, the chi2 is found by fitting nuisance parameters
(see `n3hyper.physics.chi2`): lambda = A^-1 S^T (m r) with A = 1 + S^T m S, u = m (r - S lambda),

    chi2 = sum u^2 + sum lambda^2,        d chi2 / d prediction = 2 u / sqrt(D).

A rounding error of lambda changes the chi2 in second order only, which makes float32 good enough.
A^-1 is small and made once in float64; S is shared by all models. Training and validation are
stacked, so that S is read once for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem, Fold
from n3hyper.fitting.backend import tensorflow

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Tensor = Any
Tensors = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ModelMasks:
    """Which points each model (fold, replica) trains on, validates on and is tested on.

    Models are numbered fold by fold; each mask is (models, ndata).
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
        training = (kept[:, None] & problem.training_masks).reshape(shape)
        validation = (kept[:, None] & problem.validation_masks).reshape(shape)
        validated = np.asarray(validation.any(axis=1))
        return cls(
            training=training,
            validation=np.where(validated[:, None], validation, training),
            tested=np.repeat(tested, problem.replicas, axis=0),
            validated=validated,
        )


def likelihood_arrays(problem: FitProblem, masks: ModelMasks, order: NDArray[np.int64]) -> Tensors:
    """All numbers of `chi2_and_gradient`, in NumPy.

    Parameters
    ----------
    order
        (ndata,): the data point of each prediction.
    """
    sigma = np.sqrt(problem.fit_covariance.diag[order])
    systematics = problem.fit_covariance.sys[order] / sigma[:, None]
    models = len(masks.training)
    data = np.tile(problem.replica_data, (models // problem.replicas, 1))
    stacked = np.concatenate([masks.training, masks.validation])[:, order].astype(np.float64)
    return {
        "data": data[:, order],
        "inverse_sigma": 1.0 / sigma,
        "masks": stacked,
        "systematics": systematics,
        "inverse": np.stack([_inverse(systematics, mask) for mask in stacked]),
        "validation_points": np.maximum(masks.validation.sum(axis=1), 1).astype(np.float64),
        "training_points": np.maximum(masks.training.sum(axis=1), 1).astype(np.float64),
    }


def chi2_numpy(arrays: Tensors, predictions: Array) -> tuple[Array, Array]:
    """Training and validation chi2 (models,) of predictions (models, ndata), in float64."""
    residuals = (predictions - arrays["data"]) * arrays["inverse_sigma"]
    masked = np.concatenate([residuals, residuals]) * arrays["masks"]
    projected = masked @ arrays["systematics"]
    nuisance = np.einsum("akl,al->ak", arrays["inverse"], projected)
    rest = masked - arrays["masks"] * (nuisance @ arrays["systematics"].T)
    chi2 = np.square(rest).sum(axis=1) + np.square(nuisance).sum(axis=1)
    return chi2[: len(predictions)], chi2[len(predictions) :]


def _inverse(systematics: Array, mask: Array) -> Array:
    """A^-1, (k, k)."""
    inner = systematics.T @ (systematics * mask[:, None])
    inner[np.diag_indices_from(inner)] += 1.0
    return np.asarray(np.linalg.inv(inner))


def chi2_and_gradient(arrays: Tensors, predictions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Training chi2 (m,), its gradient by the predictions (m, ndata), validation chi2 (m,)."""
    tf = tensorflow()
    models = predictions.shape[0]
    residuals = (predictions - arrays["data"]) * arrays["inverse_sigma"]
    masked = tf.concat([residuals, residuals], axis=0) * arrays["masks"]
    # a training or validation of a model, n point, k systematic
    projected = tf.matmul(masked, arrays["systematics"])
    nuisance = tf.linalg.matvec(arrays["inverse"], projected)
    shifts = tf.matmul(nuisance, arrays["systematics"], transpose_b=True)
    rest = masked - arrays["masks"] * shifts
    chi2 = tf.reduce_sum(rest * rest, axis=1) + tf.reduce_sum(nuisance * nuisance, axis=1)
    gradient = 2.0 * rest[:models] * arrays["inverse_sigma"]
    return chi2[:models], gradient, chi2[models:]
