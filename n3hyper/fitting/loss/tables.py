"""The theory of a fit as few matrices, made once: a step has one product with each of them.

The tables are rewritten in ways that change nothing but rounding:

- **Flavours.** Of the 14 evolution flavours only some are different from one another (without
  charm asymmetry V15 = V24 = V35 = V, T24 = T35 = Sigma): eight in NNPDF's bases. Table columns
  of flavours that are combinations of others are added to the others' columns.
- **Hadronic rows**, bilinear in the PDF v (all x and flavours, flattened), are quadratic forms of
  few combinations of flavours, or sums of squares
  (`n3hyper.fitting.loss.table_making.bilinear`).

An observable is a row, or a quotient of two rows, or a row less the magnitude of another one;
sums of tables are done before (`n3hyper.fitting.loss.table_making.table_maker`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from n3hyper.physics.arrays import Array, Index
from n3hyper.physics.sum_rules import SumRules

PLAIN, QUOTIENT, LESS_MAGNITUDE = "plain", "quotient", "less magnitude"
MINUS_MAGNITUDE = "minus magnitude"
"""What is left of `LESS_MAGNITUDE` where the first row is a number."""


@dataclass(frozen=True, eq=False)
class FlavourBasis:
    """The evolution flavours of which all others are combinations."""

    flavours: Index
    """(nb,)"""
    expansion: Array
    """(14, nb): flavour = expansion @ (flavours of the basis)."""


def flavour_basis(rotation: Array, rules: SumRules | None) -> FlavourBasis:
    """Return the smallest set of evolution flavours of fits with such a rotation and sum rules.

    Flavours mix only if they are multiplied with the same normalisation.
    """
    chosen: list[int] = []
    groups: dict[object, list[int]] = {}
    expansion = np.zeros((rotation.shape[1], rotation.shape[1]))
    for flavour in range(rotation.shape[1]):
        group = groups.setdefault(_normalisation_key(flavour, rotation, rules), [])
        basis = rotation[:, group]
        column = rotation[:, flavour]
        coefficients = np.linalg.lstsq(basis, column, rcond=None)[0] if group else np.zeros(0)
        if np.abs(basis @ coefficients - column).max() > 1e-9:
            group.append(flavour)
            chosen.append(flavour)
            expansion[flavour, flavour] = 1.0
        else:
            expansion[flavour, group] = np.round(coefficients, 12)
    return FlavourBasis(np.array(chosen), expansion[:, chosen])


def _normalisation_key(flavour: int, rotation: Array, rules: SumRules | None) -> object:
    """Return a key that flavours share which are multiplied with the same factor in all fits."""
    if rules is None or flavour not in rules.components():
        return None
    rule = rules.rules[rules.components().index(flavour)]
    divisor = rules.divisors()[flavour]
    divided = divisor in rules.divided
    drawn = rules.constants([0])[0, flavour] != rules.constants([1])[0, flavour]
    own_constant = flavour if drawn else None
    integral = (divided, rotation[:, divisor].tobytes())
    return integral, rule.constant, rule.other, rule.slope, own_constant


@dataclass(frozen=True)
class Segment:
    """Consecutive predictions that are made in the same way."""

    form: str
    product: int
    """The number of the product that holds their rows."""
    first: tuple[int, int]
    """Start and stop of the rows."""
    second: tuple[int, int] | None
    size: int
    """Number of predictions."""
    rank: int
    """Rows of each prediction (padded) if they are quadratic forms; 0 for linear ones."""
    offset: tuple[float, ...] = ()
    """Numbers that are added to the predictions, or none."""


LINEAR, FACTORS, FORMS = "linear", "factors", "forms"


@dataclass(frozen=True, eq=False)
class Product:
    """Matrix of the rows that need the x-grid from some node on.

    Its kind says what the rows are: u = `matrix` times v (linear), signs times the squares of that
    (factors of quadratic forms), or u G u (forms). Some rows of the first product are not for
    predictions, but coordinates of v, which factors of another product read in its place
    (`n3hyper.fitting.loss.table_making.compression`).
    """

    start: int
    """The first node."""
    matrix: Array
    """(rows, (nx - start) * nb); of forms (nu, (nx - start) * nb)."""
    signs: Array = field(default_factory=lambda: np.zeros(0))
    """(rows,): of factors 1 or -1, 0 for padding; else empty."""
    forms: Array = field(default_factory=lambda: np.zeros((0, 0, 0)))
    """(rows, nu, nu): symmetric G of forms; else empty."""
    on: tuple[int, int] | None = None
    """Which rows of the first product, start and stop, are read in place of v."""

    @property
    def kind(self) -> str:
        """`LINEAR`, `FACTORS` or `FORMS`."""
        if self.forms.size:
            return FORMS
        return FACTORS if self.signs.size else LINEAR

    def rows(self, pdf: Array, before: Sequence[Array] = ()) -> Array:
        """Return what the rows give of v on the x-grid, (..., nx, nb) -> (..., rows).

        Parameters
        ----------
        before
            What the products before it give.
        """
        if self.on is None:
            read = pdf[..., self.start :, :].reshape(*pdf.shape[:-2], -1)
        else:
            read = before[0][..., slice(*self.on)]
        values = read @ self.matrix.T
        if self.kind == FORMS:
            # n row, a and b combinations of PDFs
            moved = np.tensordot(values, self.forms, axes=(-1, 1))
            return np.asarray(np.einsum("...nb,...b->...n", moved, values))
        return self.signs * np.square(values) if self.kind == FACTORS else values


@dataclass(frozen=True, eq=False)
class Tables:
    """Theory of a fit as products and segments of predictions."""

    basis: FlavourBasis
    products: tuple[Product, ...]
    segments: tuple[Segment, ...]
    """Segments of the data, then those of the constraints."""
    data_segments: int
    order: Index
    """(npredictions,): the place in the problem's predictions of each prediction made here."""

    @property
    def ndata(self) -> int:
        """Number of predictions that are data; they come first."""
        return sum(segment.size for segment in self.segments[: self.data_segments])

    def predict(self, pdf: Array) -> Array:
        """Return predictions in the problem's order.

        Parameters
        ----------
        pdf
            x f on the x-grid in the evolution basis, (..., nx, 14).

        Returns
        -------
        array (..., npredictions)
        """
        chosen = pdf[..., self.basis.flavours]
        rows: list[Array] = []
        for product in self.products:
            rows.append(product.rows(chosen, rows))
        made = [evaluate_segment(segment, rows_of(rows), sum_groups) for segment in self.segments]
        joined = np.concatenate(made, axis=-1)
        predictions = np.empty_like(joined)
        predictions[..., self.order] = joined
        return predictions


def sum_groups(values: Array, size: int, rank: int) -> Array:
    """Return the sums of groups of `rank` values, (..., size * rank) -> (..., size)."""
    return np.asarray(values.reshape(*values.shape[:-1], size, rank).sum(axis=-1))


def evaluate_segment(segment: Segment, rows_of: Any, sum_groups: Any) -> Any:
    """Return the predictions of a segment, of NumPy arrays or of tensors.

    Parameters
    ----------
    rows_of
        From the number of a product and a range of its rows to what it gives of them: the matrix
        times v, or signs times its square.
    sum_groups
        `sum_groups`, or the same for tensors.
    """

    def operand(where: tuple[int, int]) -> Any:
        values, rank = rows_of(segment.product, where), segment.rank
        # a denominator that all share is there once
        return sum_groups(values, (where[1] - where[0]) // rank, rank) if rank else values

    first = operand(segment.first)
    if segment.form == MINUS_MAGNITUDE:
        first = -abs(first)
    if segment.offset:
        # a list, which becomes what it is added to: an array or a tensor
        first = first + list(segment.offset)
    if segment.second is None:
        return first
    second = operand(segment.second)
    return first / second if segment.form == QUOTIENT else first - abs(second)


def rows_of(rows: Sequence[Array]) -> Callable[[int, tuple[int, int]], Array]:
    """Return ranges of what products give, as `evaluate_segment` asks for them."""
    return lambda product, where: rows[product][..., slice(*where)]


def ranges(
    products: Sequence[tuple[int, str, tuple[int, int] | None]],
    segments: Sequence[Segment],
    number: int,
) -> list[tuple[int, int]]:
    """Return the ranges of a product's rows that are read, one behind the other.

    Parameters
    ----------
    products
        First node of the x-grid, kind, and `Product.on`.
    number
        Which product.
    """
    found = [
        where
        for segment in segments
        if segment.product == number
        for where in (segment.first, segment.second)
        if where is not None
    ]
    if number == 0:
        found.extend(on for _, _, on in products if on is not None)
    return sorted(found)
