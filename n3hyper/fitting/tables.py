"""All theory of a fit as a few matrices, made once: one product with each a step.

The tables are rewritten in ways that change nothing but rounding:

- **Flavours.** Of the 14 evolution flavours only some are different from one another (without
  charm asymmetry V15 = V24 = V35 = V, T24 = T35 = Sigma): eight in NNPDF's bases. Table columns
  of flavours that are combinations of others are added to the others' columns.
- **Hadronic rows**, bilinear in the PDF v (all x and flavours, flattened), are quadratic forms of
  few combinations of flavours, or sums of squares; see `n3hyper.fitting.bilinear`.

An observable is a row, or a quotient of two rows, or a row less the magnitude of another one;
sums of tables are done here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import Observable, TheoryStack
from n3hyper.errors import TheoryError
from n3hyper.fitting.bilinear import BilinearTables, Combination, Family, padded_rank
from n3hyper.physics.sum_rules import SumRules

Array = NDArray[np.float64]
Index = NDArray[np.int64]

PLAIN, QUOTIENT, LESS_MAGNITUDE = "plain", "quotient", "less magnitude"
NEGLIGIBLE: Final = 1e-13
"""Table entries below this part of the largest one of their row count as zero."""
PRODUCT_COST: Final = 8_000
"""What one more product costs, in rows times nodes: below it the time goes into starting it."""

_HALF: Final = {"SMN": 2, "COM": 10}


def _sum_of(*operands: int) -> Combination:
    return tuple((operand, 1.0) for operand in operands)


def _form(operation: str, operands: int) -> tuple[str, Combination, Combination]:
    """How an operation is made of two sums of operands."""
    everything = _sum_of(*range(operands))
    if operation in ("NULL", "ADD", "SMT"):
        return PLAIN, everything, ()
    if operation == "RATIO":
        return QUOTIENT, _sum_of(0), _sum_of(1)
    if operation == "ASY":
        return QUOTIENT, ((0, 1.0), (1, -1.0)), _sum_of(0, 1)
    if operation in _HALF:
        half = operands // 2
        return QUOTIENT, everything[:half], everything[half:]
    if operation in ("SUBTRACT_ABS", "SUBTRACT_ABSPAIR"):
        half = operands // 2
        return LESS_MAGNITUDE, everything[:half], everything[half:]
    raise TheoryError(f"operation {operation}: the fit has no form for it")


@dataclass(frozen=True, eq=False)
class FlavourBasis:
    """The evolution flavours of which all others are combinations."""

    flavours: Index
    """(nb,)"""
    expansion: Array
    """(14, nb): flavour = expansion @ (flavours of the basis)."""


def flavour_basis(rotation: Array, rules: SumRules | None) -> FlavourBasis:
    """The smallest set of evolution flavours of fits with such a rotation and sum rules.

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
    """Equal for flavours that are multiplied with the same factor in all fits."""
    if rules is None or flavour not in rules.components():
        return None
    rule = rules.rules[rules.components().index(flavour)]
    divisor = rules.divisors()[flavour]
    divided = divisor in rules.divided
    drawn = rules.constants([0])[0, flavour] != rules.constants([1])[0, flavour]
    own = flavour if drawn else None
    integral = (divided, rotation[:, divisor].tobytes())
    return integral, rule.constant, rule.other, rule.slope, own


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


LINEAR, FACTORS, FORMS = "linear", "factors", "forms"


@dataclass(frozen=True, eq=False)
class Product:
    """Rows that need the x-grid from some node on: one matrix.

    Its kind says what the rows are: u = `matrix` times v (linear), signs times the squares of that
    (factors of quadratic forms), or u G u (forms).
    """

    start: int
    """The first node."""
    matrix: Array
    """(rows, (nx - start) * nb); of forms (nu, (nx - start) * nb)."""
    signs: Array = field(default_factory=lambda: np.zeros(0))
    """(rows,): of factors 1 or -1, 0 for padding; else empty."""
    forms: Array = field(default_factory=lambda: np.zeros((0, 0, 0)))
    """(rows, nu, nu): symmetric G of forms; else empty."""

    @property
    def kind(self) -> str:
        """`LINEAR`, `FACTORS` or `FORMS`."""
        if self.forms.size:
            return FORMS
        return FACTORS if self.signs.size else LINEAR

    def rows(self, pdf: Array) -> Array:
        """What it gives of v on the x-grid, (..., nx, nb) -> (..., rows)."""
        values = pdf[..., self.start :, :].reshape(*pdf.shape[:-2], -1) @ self.matrix.T
        if self.kind == FORMS:
            # n row, a and b combinations of PDFs
            moved = np.tensordot(values, self.forms, axes=(-1, 1))
            return np.asarray(np.einsum("...nb,...b->...n", moved, values))
        return self.signs * np.square(values) if self.kind == FACTORS else values


@dataclass(frozen=True, eq=False)
class Tables:
    """The theory of a fit; `v` is the PDF at (x, flavour of the basis), flattened."""

    basis: FlavourBasis
    products: tuple[Product, ...]
    segments: tuple[Segment, ...]
    """Those of the data first."""
    data_segments: int
    order: Index
    """(npredictions,): the place in the problem's predictions of each prediction made here."""

    @property
    def ndata(self) -> int:
        """Number of predictions that are data; they come first."""
        return sum(segment.size for segment in self.segments[: self.data_segments])

    def predict(self, pdf: Array) -> Array:
        """Predictions in the problem's order.

        Parameters
        ----------
        pdf
            x f on the x-grid in the evolution basis, (..., nx, 14).

        Returns
        -------
        array (..., npredictions)
        """
        chosen = pdf[..., self.basis.flavours]
        rows = [product.rows(chosen) for product in self.products]
        made = [evaluate_segment(segment, rows, sum_groups) for segment in self.segments]
        joined = np.concatenate(made, axis=-1)
        predictions = np.empty_like(joined)
        predictions[..., self.order] = joined
        return predictions


def sum_groups(values: Array, size: int, rank: int) -> Array:
    """(..., size * rank) -> (..., size)"""
    return np.asarray(values.reshape(*values.shape[:-1], size, rank).sum(axis=-1))


def evaluate_segment(segment: Segment, rows: Any, sum_groups: Any) -> Any:
    """The predictions of a segment, of NumPy arrays or of tensors.

    Parameters
    ----------
    rows
        What each product gives, (..., rows): the matrix times v, or signs times its square.
    sum_groups
        `sum_groups`, or the same for tensors.
    """

    def operand(where: tuple[int, int]) -> Any:
        values = rows[segment.product][..., slice(*where)]
        return sum_groups(values, segment.size, segment.rank) if segment.rank else values

    first = operand(segment.first)
    if segment.second is None:
        return first
    second = operand(segment.second)
    return first / second if segment.form == QUOTIENT else first - abs(second)


@dataclass(frozen=True)
class _Prediction:
    """One prediction as sums of raw rows."""

    observable: int
    """Its number."""
    place: int
    form: str
    first: Combination
    second: Combination

    @property
    def operands(self) -> tuple[Combination, ...]:
        return (self.first, self.second) if self.second else (self.first,)


def _predictions(observables: tuple[Observable, ...]) -> Iterator[_Prediction]:
    """All predictions, with combinations of rows of the raw vector."""
    for number, observable in enumerate(observables):
        form, first, second = _form(observable.operation, len(observable.operands))
        for point in range(observable.ndata):
            yield _Prediction(
                number,
                observable.slice.start + point,
                form,
                tuple((int(observable.operands[k][point]), factor) for k, factor in first),
                tuple((int(observable.operands[k][point]), factor) for k, factor in second),
            )


@dataclass(frozen=True, eq=False)
class _Rows:
    """A prediction with the rows of its operands."""

    prediction: _Prediction
    first: int
    """The first node of the x-grid that it needs."""
    rank: int
    """Padded; 0 when linear."""
    operands: tuple[tuple[Array, Array], ...]
    """(rows, nx - first, nb) and the rows' signs."""

    def padded(self, number: int, start: int) -> tuple[Array, Array]:
        """The rows of an operand, (rank or 1, nx - start, nb), and their signs."""
        rows, signs = self.operands[number]
        missing = max(self.rank, 1) - len(rows)
        return (
            np.pad(rows, ((0, missing), (self.first - start, 0), (0, 0))),
            np.pad(signs, (0, missing)),
        )


class _Maker:
    """Makes rows of tables."""

    def __init__(self, theory: TheoryStack, basis: FlavourBasis) -> None:
        self.nx = theory.xgrid.size
        self.dis_rows = theory.dis.rows if theory.dis else 0
        self.dis = np.zeros((0, self.nx, basis.flavours.size))
        if theory.dis is not None:
            self.dis = theory.dis.table @ basis.expansion[theory.dis.flavours]
        self.bilinear = BilinearTables(theory, self.dis_rows, basis.expansion)

    def is_linear(self, prediction: _Prediction) -> bool:
        """Whether a prediction is made of DIS tables."""
        kinds = {row < self.dis_rows for part in prediction.operands for row, _ in part}
        if len(kinds) > 1:
            raise TheoryError("a data set mixes linear and bilinear FK tables; none may")
        return kinds.pop()

    def linear(self, prediction: _Prediction) -> _Rows:
        """The rows of a prediction of DIS tables."""
        sums = []
        for operand in prediction.operands:
            factors = np.array([factor for _, factor in operand])
            sums.append(np.tensordot(factors, self.dis[[row for row, _ in operand]], axes=1))
        # a point of some x is made of PDFs at larger x only
        sizes = np.max([np.abs(each).max(axis=1) for each in sums], axis=0)
        first = int(np.argmax(sizes > NEGLIGIBLE * sizes.max(initial=0.0)))
        operands = tuple((each[None, first:], np.ones(1)) for each in sums)
        return _Rows(prediction, first, 0, operands)

    def quadratic(self, prediction: _Prediction, family: Family) -> _Rows:
        """The factors of a prediction of hadronic tables."""
        operands = tuple(self.bilinear.factors(part, family) for part in prediction.operands)
        rank = padded_rank(max(len(signs) for _, signs in operands))
        return _Rows(prediction, family.first, rank, operands)


def _best_starts(rows: list[_Rows], nx: int) -> tuple[int, ...]:
    """Where up to three matrices should start on the x-grid, so that least work is done."""
    if not rows:
        return ()
    firsts = np.array([each.first for each in rows])
    weights = [max(each.rank, 1) * len(each.operands) for each in rows]
    options = np.unique(firsts)
    work = np.array([np.sum(weights, where=firsts == option) for option in options])

    def cost(starts: tuple[int, ...]) -> float:
        chosen = np.array(starts)[np.searchsorted(starts, options, side="right") - 1]
        return float(work @ (nx - chosen)) + PRODUCT_COST * len(starts)

    inner = [int(option) for option in options[1:]]
    candidates = ((int(options[0]), *c) for k in (0, 1, 2) for c in combinations(inner, k))
    return min(candidates, key=cost)


class _RowsBuilder:
    """Puts linear rows, or factors, into products, segment by segment."""

    def __init__(self, rows: list[_Rows], nx: int, kind: str, first_product: int) -> None:
        self.given, self.kind, self.first_product = rows, kind, first_product
        self.starts = _best_starts(rows, nx)
        self.rows: list[list[Array]] = [[] for _ in self.starts]
        self.signs: list[list[Array]] = [[] for _ in self.starts]

    def segments(
        self, chosen: Callable[[_Prediction], bool]
    ) -> Iterator[tuple[Segment, list[int]]]:
        """Segments of chosen predictions of one form, and the places of the predictions."""
        rows = [each for each in self.given if chosen(each.prediction)]
        keys = [(bisect_right(self.starts, each.first) - 1, each.rank) for each in rows]
        for key in sorted(set(keys)):
            alike = [each for each, its in zip(rows, keys, strict=True) if its == key]
            where = [self._add(alike, key[0], k) for k in range(len(alike[0].operands))]
            second = where[1] if len(where) > 1 else None
            form, product = alike[0].prediction.form, self.first_product + key[0]
            segment = Segment(form, product, where[0], second, len(alike), key[1])
            yield segment, [each.prediction.place for each in alike]

    def _add(self, chosen: list[_Rows], product: int, operand: int) -> tuple[int, int]:
        start = sum(len(part) for part in self.signs[product])
        for each in chosen:
            rows, signs = each.padded(operand, self.starts[product])
            self.rows[product].append(rows.reshape(len(rows), -1))
            self.signs[product].append(signs)
        return start, sum(len(part) for part in self.signs[product])

    def products(self) -> list[Product]:
        """What was put together."""
        none = np.zeros(0)
        return [
            Product(
                start, np.concatenate(rows), np.concatenate(signs) if self.kind == FACTORS else none
            )
            for start, rows, signs in zip(self.starts, self.rows, self.signs, strict=True)
        ]


class _FormsBuilder:
    """Puts the forms of a family into one product."""

    def __init__(
        self,
        predictions: list[_Prediction],
        tables: BilinearTables,
        family: Family,
        first_product: int,
    ) -> None:
        self.given, self.tables, self.family = predictions, tables, family
        self.first_product = first_product
        self.parts: list[Combination] = []

    def segments(
        self, chosen: Callable[[_Prediction], bool]
    ) -> Iterator[tuple[Segment, list[int]]]:
        """The segment of chosen predictions of one form, and the places of the predictions."""
        alike = [each for each in self.given if chosen(each)]
        if alike:
            where = [self._add(alike, k) for k in range(len(alike[0].operands))]
            second = where[1] if len(where) > 1 else None
            segment = Segment(alike[0].form, self.first_product, where[0], second, len(alike), 0)
            yield segment, [each.place for each in alike]

    def _add(self, chosen: list[_Prediction], operand: int) -> tuple[int, int]:
        start = len(self.parts)
        self.parts.extend(each.operands[operand] for each in chosen)
        return start, len(self.parts)

    def products(self) -> list[Product]:
        """What was put together."""
        forms = np.stack([self.tables.form(part, self.family) for part in self.parts])
        return [Product(self.family.first, self.family.combinations, forms=forms)]


_Builders = list[_RowsBuilder | _FormsBuilder]


def _builders(predictions: list[_Prediction], maker: _Maker) -> _Builders:
    """Builders that share all predictions among them."""
    linear = [maker.linear(each) for each in predictions if maker.is_linear(each)]
    first = _RowsBuilder(linear, maker.nx, LINEAR, 0)
    factors: list[_Rows] = []
    as_forms: list[tuple[Family, list[_Prediction]]] = []
    bilinear = [each for each in predictions if not maker.is_linear(each)]
    for _, group in groupby(bilinear, lambda each: each.observable):
        its = list(group)
        parts = [part for each in its for part in each.operands]
        family = maker.bilinear.family(parts)
        if maker.bilinear.forms_are_smaller(family, parts):
            as_forms.append((family, its))
        else:
            factors.extend(maker.quadratic(each, family) for each in its)
    second = _RowsBuilder(factors, maker.nx, FACTORS, len(first.starts))
    builders: _Builders = [first, second]
    for number, (family, its) in enumerate(as_forms, len(first.starts) + len(second.starts)):
        builders.append(_FormsBuilder(its, maker.bilinear, family, number))
    return builders


def make_tables(theory: TheoryStack, ndata: int, rotation: Array, rules: SumRules | None) -> Tables:
    """The tables of a fit.

    Parameters
    ----------
    theory
        All tables; the first `ndata` predictions are data, the others constraints.
    rotation
        (nfit, 14), see `n3hyper.physics.bases.fitbasis_to_evolution`.
    rules
        The sum rules of the fit.
    """
    basis = flavour_basis(rotation, rules)
    builders = _builders(list(_predictions(theory.observables)), _Maker(theory, basis))
    segments: list[Segment] = []
    order: list[int] = []
    data_segments = 0
    for is_data in (True, False):
        for form in (PLAIN, QUOTIENT, LESS_MAGNITUDE):

            def chosen(each: _Prediction, form: str = form, is_data: bool = is_data) -> bool:
                return each.form == form and (each.place < ndata) == is_data

            for builder in builders:
                for segment, places in builder.segments(chosen):
                    segments.append(segment)
                    order.extend(places)
        data_segments = len(segments) if is_data else data_segments
    products = tuple(product for builder in builders for product in builder.products())
    return Tables(basis, products, tuple(segments), data_segments, np.array(order, np.int64))
