"""The chi2 as a quadratic form of features, of each model and mask; made once, in float64.

Let K = m - m S A^-1 S^T m (see `n3hyper.fitting.loss.points`), so that chi2 = r K r. Features y
give the residuals of linear points; those of attached points z, whose systematics are L R with few
columns of L, enter by w = L^T (m r_z) and their own sum of squares. Around features y0 near the
data, with residuals rho there (zero for attached points) and e = y - y0,

    chi2 = c + 2 g (e, w) + (e, w) H (e, w) + sum m r_z^2,

where c = rho K rho, g = E K rho and H = E K E^T; E is U^T on linear points and L^T on attached ones
(less what the last sum has of them).

H is positive on features, and negative on w once features are as good as they can be, so that

    chi2 = c' + |p + P (e, w)|^2 - |n + N w|^2 + sum m r_z^2

with P upper triangular over (e, w), and N over w alone.

It is squares that are added in float32. With (e, w) H (e, w) itself, data that are left out and far
away would blur the chi2 of the others by 1e-7 of their own. P and N are all that a step reads of a
model's covariance, in panels (`n3hyper.fitting.loss.panels`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.fitting.loss.features import Features
from n3hyper.fitting.loss.panels import FormArrays, panels
from n3hyper.physics.arrays import Array, Mask

ROUNDING: Final = 1e-16
"""Eigenvalues below this part of the largest one are rounding."""


@dataclass(frozen=True, eq=False)
class Form:
    """The chi2 of a mask."""

    offset: float
    """c'"""
    start: Array
    """p and n, (r + k,)."""
    panels: tuple[Array, ...]
    """The panels of P and N, see `panels`."""


def arrays_of_forms(training: Sequence[Form], validation: Sequence[Form]) -> FormArrays:
    """Return the forms of the trainings of models, and of their validations, put together."""

    def stacked(forms: Sequence[Form]) -> tuple[Array, ...]:
        return tuple(map(np.stack, zip(*(form.panels for form in forms), strict=True)))

    both = [*training, *validation]
    return FormArrays(
        offset=np.array([form.offset for form in both]),
        start=np.stack([form.start for form in both]),
        training=stacked(training),
        validation=stacked(validation),
    )


@dataclass(frozen=True, eq=False)
class _Expansion:
    """The chi2 of a mask around features near the data: c, g and H."""

    offset: float
    slope: Array
    curvature: Array


def form_of_features(features: Features, mask: Mask, residuals: Array) -> Form:
    """Return the form of a mask (n,), with the residuals (n,) at features near the data."""
    r, k = features.size, features.attachments
    expansion = _expansion(features, mask, residuals)
    slope, curvature = expansion.slope, expansion.curvature
    # the rows of P over features alone, from which all else follows
    root, inverse = _root(curvature[:r, :r])
    triangle, rows = _rotated(
        root, np.column_stack([inverse @ curvature[:r, r:], inverse @ slope[:r]])
    )
    by_attachments, start = rows[:, :k], rows[:, k]
    root, inverse = _root(by_attachments.T @ by_attachments - curvature[r:, r:])
    negative = inverse @ (by_attachments.T @ start - slope[r:])
    positive = np.concatenate([triangle, by_attachments], axis=1)
    made = [
        positive[panel.rows, panel.first :] if panel.rows.start < r else root
        for panel in panels(r, k)
    ]
    offset = expansion.offset - start @ start + negative @ negative
    return Form(float(offset), np.concatenate([start, negative]), tuple(made))


def _expansion(features: Features, mask: Mask, residuals: Array) -> _Expansion:
    r, size, start = features.size, features.size + features.attachments, 0
    chosen, left = features.loadings[mask], residuals[mask]
    offset, slope, curvature = left @ left, np.zeros(size), np.zeros((size, size))
    slope[:r], curvature[:r, :r] = chosen.T @ left, chosen.T @ chosen
    for block, factor in zip(features.covariance.blocks, features.attachment.factors, strict=True):
        where = slice(start, start := start + len(block.points))
        kept = mask[where]
        systematics = block.systematics[kept]
        inverse = np.linalg.inv(np.eye(systematics.shape[1]) + systematics.T @ systematics)
        of_features = np.concatenate([features.loadings[where][kept].T @ systematics, factor])
        of_residuals = residuals[where][kept] @ systematics
        offset -= of_residuals @ inverse @ of_residuals
        slope -= of_features @ (inverse @ of_residuals)
        curvature -= of_features @ inverse @ of_features.T
    return _Expansion(float(offset), slope, 0.5 * (curvature + curvature.T))


def _root(matrix: Array) -> tuple[Array, Array]:
    """Return B and B^-T, both (n, n), of B^T B = matrix, which is positive but for rounding."""
    values, vectors = np.linalg.eigh(matrix)
    # what is zero but for rounding gives no square
    sizes = np.where(values > ROUNDING * values.max(initial=0.0), values, 0.0)
    lengths = np.sqrt(sizes)
    inverses = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0.0)
    return lengths[:, None] * vectors.T, inverses[:, None] * vectors.T


def _rotated(root: Array, others: Array) -> tuple[Array, Array]:
    """Return R and Q^T others, where root is Q R with R upper triangular."""
    orthogonal, triangle = np.linalg.qr(root)
    return triangle, orthogonal.T @ others
