"""The factors P and N of the chi2 (see `n3hyper.fitting.loss.forms`), cut into panels of rows.

P is upper triangular: the first rows of a panel have zeros in front, and the panel has none of the
columns before its first row. With four panels that is 60 % of the square.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, NamedTuple

from n3hyper.fitting.backend import tensorflow

Tensor = Any
Tensors = dict[str, Any]

PANEL: Final = 70
"""Rows of a panel: fewer save reading, more save calls."""


class Panel(NamedTuple):
    """Rows of P, or all of N, from a column on."""

    rows: slice
    """Among those of P and then N."""
    first: int
    """Of their columns among features and then w."""


def panels(features: int, attachments: int) -> tuple[Panel, ...]:
    """How P and N are cut, with so many features and columns of L.

    >>> panels(140, 9)
    (Panel(rows=slice(0, 70, None), first=0), Panel(rows=slice(70, 140, None), first=70), \
Panel(rows=slice(140, 149, None), first=140))
    """
    number = max(round(features / PANEL), 1)
    ends = [features * each // number for each in range(number + 1)]
    made = [Panel(slice(*each), each[0]) for each in pairwise(ends)]
    if attachments:
        made.append(Panel(slice(features, features + attachments), features))
    return tuple(made)


def panel_numbers(features: int, attachments: int) -> int:
    """How many numbers the panels of a mask have."""
    size = features + attachments
    return sum(
        (each.rows.stop - each.rows.start) * (size - each.first)
        for each in panels(features, attachments)
    )


def chi2_and_slope(
    arrays: Tensors, training: Tensor, validation: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """c' + |p + P x|^2 - |n + N w|^2 of trainings and then validations (2 m,), and half of its
    slope by x of the training (m, s).

    Parameters
    ----------
    arrays
        chi2_offset (2 m,), chi2_start (2 m, s), and the panels of both.
    training, validation
        x, (m, s): what P is over, of which w is what is behind the first `size`.
    """
    tf = tensorflow()
    models, whole = training.shape
    cut = panels(size, whole - size)

    def products(name: str, point: Tensor) -> Tensor:
        return tf.concat(
            [
                tf.linalg.matvec(matrix, point[:, each.first :])
                for each, matrix in zip(cut, arrays[name], strict=True)
            ],
            axis=1,
        )

    amplitudes = arrays["chi2_start"] + tf.concat(
        [products("training_panels", training), products("validation_panels", validation)], axis=0
    )
    signs = tf.constant([1.0] * size + [-1.0] * (whole - size), training.dtype)
    signed = signs * amplitudes
    chi2 = arrays["chi2_offset"] + tf.reduce_sum(signed * amplitudes, axis=1)
    slope = tf.zeros((models, whole), training.dtype)
    for each, matrix in zip(cut, arrays["training_panels"], strict=True):
        its = tf.linalg.matvec(matrix, signed[:models, each.rows], transpose_a=True)
        slope += tf.pad(its, [[0, 0], [each.first, 0]])
    return chi2, slope
