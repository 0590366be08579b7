"""Predictions as steps make them, and the check that they are as good as a fit needs."""

from __future__ import annotations

from typing import Final

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.fitting.loss.features import Features
from n3hyper.fitting.loss.table_making.compression import Precision
from n3hyper.fitting.loss.tables import evaluate_segment, rows_of, sum_groups
from n3hyper.physics.arrays import Array

WORST: Final = 5.0
"""How many times the accuracy the error may be with the worst of the PDFs that are checked."""


def seen_data(features: Features, pdfs: Array) -> Array:
    """Return the data that steps would see of PDFs on the x-grid, (m, nx, nb) -> (m, ndata)."""
    rows: list[Array] = []
    for product in features.products:
        rows.append(product.rows(pdfs, rows))
    segments = features.segments[: features.data_segments]
    made = np.concatenate(
        [evaluate_segment(each, rows_of(rows), sum_groups) for each in segments], axis=1
    )
    covariance, its = features.covariance, ~features.attached
    data = np.empty((len(pdfs), made.shape[1] - features.size + int(its.sum())))
    data[:, features.order] = made[:, features.size :]
    loadings = covariance.sigma[its, None] * features.loadings[its]
    data[:, covariance.points[its]] = made[:, : features.size] @ loadings.T
    return data


def check(
    features: Features, pdfs: Array, expected: Array, data: Array, precision: Precision
) -> None:
    """Refuse tables that were compressed too far for PDFs other than those they were made with.

    The error of a point counts in units of its uncertainty or, where it is larger, of the distance
    of the prediction from the data.

    Parameters
    ----------
    pdfs
        (m, nx, nb)
    expected
        What the tables as they are give of them, (m, ndata).
    data
        (ndata,)

    Raises
    ------
    TheoryError
        where the root mean square over points is larger than `WORST` times the accuracy.
    """
    units = np.hypot(precision.uncertainties, expected - data)
    errors = np.sqrt(np.mean(np.square((seen_data(features, pdfs) - expected) / units), axis=1))
    most = WORST * precision.accuracy
    if not errors.max() < most:
        raise TheoryError(
            f"compressed FK tables miss predictions by {errors.max():.1e} of their uncertainties,"
            f" more than {most:.1e}; double_precision: true fits with the tables as they are"
        )
