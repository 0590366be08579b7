"""Predictions of the PDFs of a batch, in TensorFlow: features, points, and constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from n3hyper.fitting.backend import Tensor, tensorflow
from n3hyper.fitting.loss.features import Features
from n3hyper.fitting.loss.tables import FACTORS, FORMS, Segment, evaluate_segment, ranges
from n3hyper.fitting.products import differentiable_product, product


@dataclass(frozen=True)
class TheoryShape:
    """Shape of the theory, as far as a program depends on it."""

    products: tuple[tuple[int, str, tuple[int, int] | None], ...]
    """First node of the x-grid, kind, and rows of the first product that are read, of each."""
    segments: tuple[Segment, ...]
    """Segments of the data, then those of the constraints."""
    data_segments: int

    @classmethod
    def of(cls, theory: Features) -> TheoryShape:
        """Return the shape of a theory as steps read it."""
        products = tuple((product.start, product.kind, product.on) for product in theory.products)
        return cls(products, theory.segments, theory.data_segments)


class ProductArrays(NamedTuple):
    """A `n3hyper.fitting.loss.tables.Product` as steps read it."""

    matrix: Tensor
    """(rows, k): k nodes of the x-grid and flavours; of forms (nu, k)."""
    transposed: Tensor
    """The same transposed."""
    signs: Tensor
    """(rows,), of factors; else empty."""
    forms: Tensor
    """(rows, nu, nu), of forms; else empty."""


def product_arrays(theory: Features) -> tuple[ProductArrays, ...]:
    """Return all products of a theory, in NumPy."""
    return tuple(
        ProductArrays(product.matrix, product.matrix.T.copy(), product.signs, product.forms)
        for product in theory.products
    )


def predictions(
    shape: TheoryShape, products: tuple[ProductArrays, ...], pdf: Tensor
) -> tuple[Tensor, Tensor]:
    """Return data (m, r + n: features and points) and constraints (m, nlagrange) of PDFs.

    Parameters
    ----------
    pdf
        x f of the flavours of the basis, (m, nx, nb).
    """
    tf = tensorflow()
    models = pdf.shape[0]
    pieces: dict[tuple[int, tuple[int, int]], Tensor] = {}
    for number, (start, kind, on) in enumerate(shape.products):
        matrix, transposed, signs, forms = products[number]
        read = tf.reshape(pdf[:, start:], (models, -1)) if on is None else pieces[0, on]
        # m model, r row of the tables, v node of the x-grid and flavour, or coordinate
        values = differentiable_product(read, matrix, transposed)
        if kind == FACTORS:
            values = signs * values * values
        elif kind == FORMS:
            values = quadratic_forms(forms, values)
        # not slices: the gradient of these is a sum of as many vectors filled up with zeros
        cuts = ranges(shape.products, shape.segments, number)
        parts = tf.split(values, [stop - first for first, stop in cuts], axis=1)
        pieces |= {(number, where): part for where, part in zip(cuts, parts, strict=True)}

    def sum_groups(values: Tensor, size: int, rank: int) -> Tensor:
        return tf.reduce_sum(tf.reshape(values, (models, size, rank)), axis=2)

    def rows_of(number: int, where: tuple[int, int]) -> Tensor:
        return pieces[number, where]

    made = [evaluate_segment(segment, rows_of, sum_groups) for segment in shape.segments]
    constraints = made[shape.data_segments :] or [tf.zeros((models, 0), pdf.dtype)]
    return tf.concat(made[: shape.data_segments], axis=1), tf.concat(constraints, axis=1)


def quadratic_forms(forms: Tensor, vectors: Tensor) -> Tensor:
    """Return u G u for all G (n, d, d) and u (m, d), (m, n).

    The derivative 2 G u needs no further product.
    """
    tf = tensorflow()
    size, width = forms.shape[:2]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def values(u: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        # m model, n form, d combination of PDFs
        moved = product(u, tf.reshape(forms, (size * width, width)))
        moved = tf.reshape(moved, (u.shape[0], size, width))

        def derivative(upstream: Tensor) -> Tensor:
            return 2.0 * tf.reduce_sum(upstream[:, :, None] * moved, axis=1)

        return tf.reduce_sum(moved * u[:, None, :], axis=2), derivative

    return values(vectors)
