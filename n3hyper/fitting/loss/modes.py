"""chi2 of all models where the eigenmodes of the correlation matrix are split between training and
validation (``diagonal_basis: true``).

It is a sum over modes a, of the squares of v_a . (prediction - data) / sigma / sqrt(e_a); each fold
has the eigenvalues e_a and eigenvectors v_a of the points that it keeps.

Features (`n3hyper.fitting.loss.features`) stand for all points that are linear in the PDF, and the
chi2 of a model is a quadratic form of them and of the others. Where the others are so many
that this would be more to read than the modes, all models of a fold read its modes, and a batch has
as many models of each fold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem, fitted_points
from n3hyper.errors import FitError
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.loss.features import Features
from n3hyper.fitting.loss.forms import Form, arrays_of_forms
from n3hyper.fitting.loss.panels import chi2_and_slope, panels
from n3hyper.fitting.products import product

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
Tensor = Any
Tensors = dict[str, Any]


def modes_of(problem: FitProblem) -> Array:
    """The modes (k, ndata, ndata) of all folds, as columns.

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


def shared_arrays(modes: Array, order: Index) -> Tensors:
    """Modes (k, ndata, ndata) as `chi2_and_gradient` reads them, as columns and as rows.

    Parameters
    ----------
    order
        (ndata,): the data point of each prediction.
    """
    ordered = modes[:, order]
    return {"modes": ordered, "mode_rows": np.ascontiguousarray(ordered.swapaxes(1, 2))}


def exact_shared_arrays(modes: Array) -> Tensors:
    """Modes as `chi2_numpy` reads them."""
    return {"modes": modes}


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
    }


def scale(features: Features) -> Tensors:
    """What features and then other predictions are multiplied with in `chi2_of_features`."""
    return {"mode_scale": np.concatenate([np.ones(features.size), 1.0 / features.rest.sigma])}


def arrays_of_features(
    features: Features, modes: Array, folds: Index, masks: tuple[Mask, Mask], data: Array
) -> Tensors:
    """What each model has of its own where features stand for points.

    With x the distances of features, and of other predictions in units of their uncertainty, from a
    place near the data, the amplitudes of modes are A x + rho. A rotation of the chosen rows makes
    A triangular: chi2 = c' + |p + P x|^2.

    Parameters
    ----------
    modes
        (k, ndata, ndata), see `modes_of`.
    folds
        The fold of each model, (m,).
    masks
        Training and validation, each (m, ndata), of modes.
    data
        (m, ndata)
    """
    points, rest = features.covariance.points, features.order
    loaded = features.loadings * features.covariance.sigma[:, None]
    by_fold = {
        fold: np.concatenate(
            [modes[fold][points].T @ loaded, modes[fold][rest].T * features.rest.sigma], axis=1
        )
        for fold in np.unique(folds)
    }
    _, center = features.near(data)
    training: list[Form] = []
    validation: list[Form] = []
    for model, fold in enumerate(folds):
        residuals = loaded @ center[model] - data[model, points]
        amplitudes = modes[fold][points].T @ residuals
        rows = np.column_stack([by_fold[fold], amplitudes])
        for forms, mask in zip((training, validation), masks, strict=True):
            forms.append(_form(rows[mask[model]]))
    return {
        "center": np.concatenate([center, data[:, rest]], axis=1),
        **arrays_of_forms(training, validation),
    }


def _form(rows: Array) -> Form:
    """The form of the sum of squares of rows (a, n + 1) @ (x, 1)."""
    size = rows.shape[1] - 1
    triangle = np.zeros((size + 1, size + 1))
    found = np.linalg.qr(rows, mode="r")
    triangle[: len(found)] = found
    positive = triangle[:size, :size]
    return Form(
        float(triangle[size, size] ** 2),
        triangle[:size, size],
        tuple(positive[each.rows, each.first :] for each in panels(size, 0)),
    )


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
    residuals = predictions - arrays["data"]
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


def chi2_of_features(arrays: Tensors, data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same of features and other predictions (m, r + q), see `arrays_of_features`."""
    models, size = data.shape
    distance = (data - arrays["center"]) * arrays["mode_scale"]
    chi2, slope = chi2_and_slope(arrays, distance, distance, size)
    return chi2[:models], 2.0 * slope * arrays["mode_scale"], chi2[models:]
