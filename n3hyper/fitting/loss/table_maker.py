"""Maker of the few matrices of `n3hyper.fitting.loss.tables`, from FK tables and operations.

Each prediction becomes one or two sums of table rows. Predictions of one form whose rows have one
shape make a segment; the rows of linear ones, and the factors of quadratic forms, are put together
in up to three matrices each, by the node of the x-grid from which on they need PDFs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Final

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.fitting.loss.bilinear import BilinearTables, Combination, Family, padded_rank
from n3hyper.fitting.loss.constant_rows import without_constants
from n3hyper.fitting.loss.tables import (
    FACTORS,
    LESS_MAGNITUDE,
    LINEAR,
    MINUS_MAGNITUDE,
    PLAIN,
    QUOTIENT,
    FlavourBasis,
    Product,
    Segment,
    Tables,
    flavour_basis,
)
from n3hyper.physics.arrays import Array
from n3hyper.physics.sum_rules import SumRules
from n3hyper.theory.stack import TheoryStack

NEGLIGIBLE: Final = 1e-13
"""Table entries below this part of the largest one of their row count as zero."""
PRODUCT_COST: Final = 8_000
"""Cost of one more product, in rows times nodes: that of starting it."""

_HALF: Final = {"SMN": 2, "COM": 10}


def _sum_of(*operands: int) -> Combination:
    return tuple((operand, 1.0) for operand in operands)


def _form(operation: str, operands: int) -> tuple[str, Combination, Combination]:
    """Return how an operation is made of two sums of operands."""
    all_operands = _sum_of(*range(operands))
    if operation in ("NULL", "ADD", "SMT"):
        return PLAIN, all_operands, ()
    if operation == "RATIO":
        return QUOTIENT, _sum_of(0), _sum_of(1)
    if operation == "ASY":
        return QUOTIENT, ((0, 1.0), (1, -1.0)), _sum_of(0, 1)
    if operation in _HALF:
        half = operands // 2
        return QUOTIENT, all_operands[:half], all_operands[half:]
    if operation in ("SUBTRACT_ABS", "SUBTRACT_ABSPAIR"):
        half = operands // 2
        return LESS_MAGNITUDE, all_operands[:half], all_operands[half:]
    raise TheoryError(f"operation {operation}: the fit has no form for it")


@dataclass(frozen=True)
class _Prediction:
    """One prediction as sums of raw rows."""

    observable: int
    """Its number."""
    place: int
    form: str
    first: Combination
    second: Combination
    offset: float = 0.0

    @property
    def operands(self) -> tuple[Combination, ...]:
        return (self.first, self.second) if self.second else (self.first,)


def _predictions(theory: TheoryStack) -> Iterator[_Prediction]:
    """Yield all predictions, with combinations of rows of the raw vector."""
    start = theory.first_constant
    for number, observable in enumerate(theory.observables):
        form, *parts = _form(observable.operation, len(observable.operands))
        for point in range(observable.ndata):
            first, second = (
                tuple((int(observable.operands[k][point]), factor) for k, factor in part)
                for part in parts
            )
            try:
                reduced = without_constants(form, first, second, start, theory.constants)
            except TheoryError as error:
                raise TheoryError(f"{observable.name}: {error}") from None
            place = observable.slice.start + point
            yield _Prediction(number, place, *reduced)


def _offsets(predictions: list[_Prediction]) -> tuple[float, ...]:
    """Return the numbers that are added to predictions; none where all of them are zero."""
    offsets = tuple(each.offset for each in predictions)
    return offsets if any(offsets) else ()


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
        """Return the rows of an operand, (rank or 1, nx - start, nb), and their signs."""
        rows, signs = self.operands[number]
        missing = max(self.rank, 1) - len(rows)
        return (
            np.pad(rows, ((0, missing), (self.first - start, 0), (0, 0))),
            np.pad(signs, (0, missing)),
        )


class _Maker:
    """Maker of the rows of predictions."""

    def __init__(self, theory: TheoryStack, basis: FlavourBasis) -> None:
        self.nx = theory.xgrid.size
        self.dis_rows = theory.dis.rows if theory.dis else 0
        self.dis = np.zeros((0, self.nx, basis.flavours.size))
        if theory.dis is not None:
            self.dis = theory.dis.table @ basis.expansion[theory.dis.flavours]
        self.bilinear = BilinearTables(theory, self.dis_rows, basis.expansion)

    def is_linear(self, prediction: _Prediction) -> bool:
        """Return whether a prediction is made of DIS tables."""
        kinds = {row < self.dis_rows for part in prediction.operands for row, _ in part}
        if len(kinds) > 1:
            raise TheoryError("a data set mixes linear and bilinear FK tables; none may")
        return kinds.pop()

    def linear(self, prediction: _Prediction) -> _Rows:
        """Return the rows of a prediction of DIS tables."""
        sums = []
        for operand in prediction.operands:
            factors = np.array([factor for _, factor in operand])
            sums.append(np.tensordot(factors, self.dis[[row for row, _ in operand]], axes=1))
        # a point of some x is made of PDFs at larger x only
        sizes = np.max([np.abs(row).max(axis=1) for row in sums], axis=0)
        first = int(np.argmax(sizes > NEGLIGIBLE * sizes.max(initial=0.0)))
        operands = tuple((row[None, first:], np.ones(1)) for row in sums)
        return _Rows(prediction, first, 0, operands)

    def quadratic(self, prediction: _Prediction, family: Family) -> _Rows:
        """Return the factors of a prediction of hadronic tables."""
        operands = tuple(self.bilinear.factors(part, family) for part in prediction.operands)
        rank = padded_rank(max(len(signs) for _, signs in operands))
        return _Rows(prediction, family.first, rank, operands)


def _best_starts(rows: list[_Rows], nx: int) -> tuple[int, ...]:
    """Return where up to three matrices start on the x-grid, so that least work is done."""
    if not rows:
        return ()
    firsts = np.array([prediction.first for prediction in rows])
    sizes = [max(prediction.rank, 1) * len(prediction.operands) for prediction in rows]
    options = np.unique(firsts)
    work = np.array([np.sum(sizes, where=firsts == option) for option in options])

    def cost(starts: tuple[int, ...]) -> float:
        chosen = np.array(starts)[np.searchsorted(starts, options, side="right") - 1]
        return float(work @ (nx - chosen)) + PRODUCT_COST * len(starts)

    inner = [int(option) for option in options[1:]]
    candidates = ((int(options[0]), *c) for k in (0, 1, 2) for c in combinations(inner, k))
    return min(candidates, key=cost)


class _RowsBuilder:
    """Builder that puts linear rows, or factors, into products, segment by segment."""

    def __init__(self, rows: list[_Rows], nx: int, kind: str, first_product: int) -> None:
        self.given, self.kind, self.first_product = rows, kind, first_product
        self.starts = _best_starts(rows, nx)
        self.rows: list[list[Array]] = [[] for _ in self.starts]
        self.signs: list[list[Array]] = [[] for _ in self.starts]

    def segments(
        self, chosen: Callable[[_Prediction], bool]
    ) -> Iterator[tuple[Segment, list[int]]]:
        """Yield segments of chosen predictions of one form, and the places of the predictions."""
        rows = [row for row in self.given if chosen(row.prediction)]
        keys = [(bisect_right(self.starts, row.first) - 1, row.rank) for row in rows]
        for key in sorted(set(keys)):
            alike = [row for row, own_key in zip(rows, keys, strict=True) if own_key == key]
            where = [self._add(alike, key[0], k) for k in range(len(alike[0].operands))]
            second = where[1] if len(where) > 1 else None
            form, product = alike[0].prediction.form, self.first_product + key[0]
            offset = _offsets([row.prediction for row in alike])
            segment = Segment(form, product, where[0], second, len(alike), key[1], offset)
            yield segment, [row.prediction.place for row in alike]

    def _add(self, chosen: list[_Rows], product: int, operand: int) -> tuple[int, int]:
        start = sum(len(part) for part in self.signs[product])
        for prediction in chosen:
            rows, signs = prediction.padded(operand, self.starts[product])
            self.rows[product].append(rows.reshape(len(rows), -1))
            self.signs[product].append(signs)
        return start, sum(len(part) for part in self.signs[product])

    def products(self) -> list[Product]:
        """Return the products that were put together."""
        no_signs = np.zeros(0)
        return [
            Product(
                start,
                np.concatenate(rows),
                np.concatenate(signs) if self.kind == FACTORS else no_signs,
            )
            for start, rows, signs in zip(self.starts, self.rows, self.signs, strict=True)
        ]


class _FormsBuilder:
    """Builder that puts the forms of a family into one product."""

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
        """Yield the segment of chosen predictions of one form, and the places of these."""
        alike = [prediction for prediction in self.given if chosen(prediction)]
        if alike:
            where = [self._add(alike, k) for k in range(len(alike[0].operands))]
            second = where[1] if len(where) > 1 else None
            form, product, offset = alike[0].form, self.first_product, _offsets(alike)
            segment = Segment(form, product, where[0], second, len(alike), 0, offset)
            yield segment, [prediction.place for prediction in alike]

    def _add(self, chosen: list[_Prediction], operand: int) -> tuple[int, int]:
        start = len(self.parts)
        self.parts.extend(prediction.operands[operand] for prediction in chosen)
        return start, len(self.parts)

    def products(self) -> list[Product]:
        """Return the product that was put together."""
        forms = np.stack([self.tables.form(part, self.family) for part in self.parts])
        return [Product(self.family.first, self.family.combinations, forms=forms)]


_Builders = list[_RowsBuilder | _FormsBuilder]


def _builders(predictions: list[_Prediction], maker: _Maker) -> _Builders:
    """Return builders that share all predictions among them."""
    linear = [maker.linear(made) for made in predictions if maker.is_linear(made)]
    first = _RowsBuilder(linear, maker.nx, LINEAR, 0)
    factors: list[_Rows] = []
    as_forms: list[tuple[Family, list[_Prediction]]] = []
    bilinear = [made for made in predictions if not maker.is_linear(made)]
    for _, group in groupby(bilinear, lambda made: made.observable):
        of_observable = list(group)
        parts = [part for made in of_observable for part in made.operands]
        family = maker.bilinear.family(parts)
        if maker.bilinear.forms_are_smaller(family, parts):
            as_forms.append((family, of_observable))
        else:
            factors.extend(maker.quadratic(made, family) for made in of_observable)
    second = _RowsBuilder(factors, maker.nx, FACTORS, len(first.starts))
    builders: _Builders = [first, second]
    for number, (family, given) in enumerate(as_forms, len(first.starts) + len(second.starts)):
        builders.append(_FormsBuilder(given, maker.bilinear, family, number))
    return builders


def make_tables(theory: TheoryStack, ndata: int, rotation: Array, rules: SumRules | None) -> Tables:
    """Return the tables of a fit.

    Parameters
    ----------
    theory
        All tables; the first `ndata` predictions are data, the others constraints.
    rotation
        (nfit, 14), see `n3hyper.physics.bases.fitbasis_to_evolution`.
    rules
        Sum rules of the fit.
    """
    basis = flavour_basis(rotation, rules)
    builders = _builders(list(_predictions(theory)), _Maker(theory, basis))
    segments: list[Segment] = []
    order: list[int] = []
    data_segments = 0
    for is_data in (True, False):
        for form in (PLAIN, QUOTIENT, LESS_MAGNITUDE, MINUS_MAGNITUDE):

            def chosen(made: _Prediction, form: str = form, is_data: bool = is_data) -> bool:
                return made.form == form and (made.place < ndata) == is_data

            for builder in builders:
                for segment, places in builder.segments(chosen):
                    segments.append(segment)
                    order.extend(places)
        data_segments = len(segments) if is_data else data_segments
    products = tuple(product for builder in builders for product in builder.products())
    return Tables(basis, products, tuple(segments), data_segments, np.array(order, np.int64))
