"""The factors P and N of the chi2 (see `n3hyper.fitting.loss.forms`), cut into panels of rows.

P is upper triangular: the first rows of a panel have zeros in front, and the panel has none of the
columns before its first row. With four panels that is 60 % of the square.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

from n3hyper.fitting.backend import Tensor, tensorflow

PANEL: Final = 70
"""Rows of a panel: fewer save reading, more save calls."""


class Panel(NamedTuple):
    """Rows of P, or all of N, from a column on."""

    rows: slice
    """Among those of P and then N."""
    first: int
    """The first of their columns among features and then w."""

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.rows.stop - self.rows.start)


class FormArrays(NamedTuple):
    """The chi2 of m models as forms of features, see `n3hyper.fitting.loss.forms`.

    Trainings of all models come first, then their validations.
    """

    offset: Tensor
    """c' (2 m,)"""
    start: Tensor
    """p and n, (2 m, r + k)."""
    training: tuple[Tensor, ...]
    """The panels of P and N of the trainings, each (m, rows, columns)."""
    validation: tuple[Tensor, ...]


def panels(features: int, attachments: int) -> tuple[Panel, ...]:
    """Return how P and N are cut, with so many features and columns of L.

    >>> panels(140, 9)
    (Panel(rows=slice(0, 70, None), first=0), Panel(rows=slice(70, 140, None), first=70), \
Panel(rows=slice(140, 149, None), first=140))
    """
    number = max(round(features / PANEL), 1)
    ends = [features * end // number for end in range(number + 1)]
    made = [Panel(slice(first, stop), first) for first, stop in pairwise(ends)]
    if attachments:
        made.append(Panel(slice(features, features + attachments), features))
    return tuple(made)


def panel_numbers(features: int, attachments: int) -> int:
    """Return how many numbers the panels of a mask have."""
    size = features + attachments
    return sum(panel.height * (size - panel.first) for panel in panels(features, attachments))


def chi2_and_slope(
    forms: FormArrays, training: Tensor, validation: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """Return chi2 = c' + |p + P x|^2 - |n + N w|^2, and half of its slope by x of the training.

    Parameters
    ----------
    training, validation
        x, (m, s): what P is over, of which w is what is behind the first `size`.

    Returns
    -------
    chi2 (2 m,) of the trainings and then the validations, slope (m, s)
    """
    tf = tensorflow()
    models, width = training.shape
    cut = panels(size, width - size)

    def products(matrices: tuple[Tensor, ...], point: Tensor) -> Tensor:
        return tf.concat(
            [
                tf.linalg.matvec(matrix, point[:, panel.first :])
                for panel, matrix in zip(cut, matrices, strict=True)
            ],
            axis=1,
        )

    amplitudes = forms.start + tf.concat(
        [products(forms.training, training), products(forms.validation, validation)], axis=0
    )
    signs = tf.constant([1.0] * size + [-1.0] * (width - size), training.dtype)
    signed = signs * amplitudes
    chi2 = forms.offset + tf.reduce_sum(signed * amplitudes, axis=1)
    slope = tf.zeros((models, width), training.dtype)
    for panel, matrix in zip(cut, forms.training, strict=True):
        part = tf.linalg.matvec(matrix, signed[:models, panel.rows], transpose_a=True)
        slope += tf.pad(part, [[0, 0], [panel.first, 0]])
    return chi2, slope
