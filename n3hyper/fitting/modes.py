"""chi2 of all models where the eigenmodes of the correlation matrix are split between training and
validation (``diagonal_basis: true``).

It is a sum over modes a, of the squares of v_a . (prediction - data) / sigma / sqrt(e_a); each fold
has the eigenvalues e_a and eigenvectors v_a of the points that it keeps. A batch has as many models
of each fold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem, Fold
from n3hyper.errors import FitError
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.products import product

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
Tensor = Any
Tensors = dict[str, Any]


def shared_arrays(problem: FitProblem, order: Index) -> Tensors:
    """The modes (k, ndata, ndata) of all folds, as columns and as rows.

    A mode is v_a / (sigma sqrt(e_a)) of a fold, zero at points left out.

    Parameters
    ----------
    order
        (ndata,): the data point of each prediction.

    Raises
    ------
    FitError
        where an eigenvalue is not positive.
    """
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
    ordered = modes[:, order]
    return {
        "modes": ordered,
        "mode_rows": np.ascontiguousarray(ordered.swapaxes(1, 2)),
        "order": order,
    }


def model_arrays(training: Mask, validation: Mask, data: Array, order: Index) -> Tensors:
    """What each model has of its own.

    Parameters
    ----------
    training, validation
        (m, ndata) masks of modes.
    data
        (m, ndata)
    """
    return {
        # the layout decides in which order NumPy adds
        "data": np.ascontiguousarray(data[:, order]),
        "masks": np.concatenate([training, validation]).astype(np.float64),
        "inverses": (),
    }


def fold_arrays(folds: Index) -> Tensors:
    """The fold of each model of a batch (m,), and the order of models fold by fold."""
    by_fold = np.argsort(folds, kind="stable")
    return {
        "folds": folds,
        "by_fold": by_fold.astype(np.int32),
        "by_model": np.argsort(by_fold).astype(np.int32),
    }


def chi2_numpy(arrays: Tensors, predictions: Array) -> tuple[Array, Array]:
    """Training and validation chi2 (m,) of predictions (m, ndata), in float64, of any models."""
    residuals = predictions[:, arrays["order"]] - arrays["data"]
    amplitudes = np.empty_like(residuals)
    for fold, modes in enumerate(arrays["modes"]):
        its = arrays["folds"] == fold
        amplitudes[its] = residuals[its] @ modes
    masked = np.concatenate([amplitudes, amplitudes]) * arrays["masks"]
    chi2 = np.square(masked).sum(axis=1)
    return chi2[: len(predictions)], chi2[len(predictions) :]


def chi2_and_gradient(arrays: Tensors, predictions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Training chi2 (m,), its gradient by the predictions (m, ndata), validation chi2 (m,)."""
    tf = tensorflow()
    models, points = predictions.shape
    folds = arrays["modes"].shape[0]

    # m model, k fold, n point, a mode
    def by_fold(values: Tensor) -> Tensor:
        return tf.reshape(tf.gather(values, arrays["by_fold"]), (folds, -1, points))

    def by_model(values: Tensor) -> Tensor:
        return tf.gather(tf.reshape(values, (models, points)), arrays["by_model"])

    amplitudes = by_model(product(by_fold(predictions - arrays["data"]), arrays["mode_rows"]))
    masked = tf.concat([amplitudes, amplitudes], axis=0) * arrays["masks"]
    chi2 = tf.reduce_sum(masked * masked, axis=1)
    gradient = 2.0 * by_model(product(by_fold(masked[:models]), arrays["modes"]))
    return chi2[:models], gradient, chi2[models:]
