"""Maker of the few matrices of `n3hyper.fitting.loss.tables`, from FK tables and operations.

Each prediction becomes one or two sums of table rows. Predictions of one form whose rows have one
shape make a segment; the rows of linear ones, and the factors of quadratic forms, are put together
in up to three matrices each, by the node of the x-grid from which on they need PDFs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby, islice
from typing import Final

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.fitting.loss.bilinear import BilinearTables, Combination, Family, padded_rank
from n3hyper.fitting.loss.compression import TINY, Compressed, Precision, compressed
from n3hyper.fitting.loss.hadronic_rows import HadronicRows
from n3hyper.fitting.loss.tables import (
    FACTORS,
    LESS_MAGNITUDE,
    LINEAR,
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
from n3hyper.theory.stack import Observable, TheoryStack

NEGLIGIBLE: Final = 1e-13
"""Table entries below this part of the largest one of their row count as zero."""
PRODUCT_COST: Final = 8_000
"""Cost of one more product, in rows times nodes: that of starting it."""

SIZES: Final = 4
"""How many different ranks the compressed forms of a group are padded to."""
SHARED: Final = 3
"""As many quotients as have the same denominator for it to be read only once."""
NEAR_A_POLE: Final = 0.3
"""Numerators and denominators must be better than other predictions by so much: with some PDFs a
denominator is far smaller than it mostly is."""
OF_CONSTRAINTS: Final = 1e-2
"""The uncertainty of a constraint, as a part of its typical magnitude."""

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

    @property
    def operands(self) -> tuple[Combination, ...]:
        return (self.first, self.second) if self.second else (self.first,)


def _predictions(observables: tuple[Observable, ...]) -> Iterator[_Prediction]:
    """Yield all predictions, with combinations of rows of the raw vector."""
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
        self.hadronic = HadronicRows(theory, self.dis_rows, basis.expansion)

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

    def __init__(
        self,
        rows: list[_Rows],
        nx: int,
        kind: str,
        first_product: int,
        starts: tuple[int, ...] | None = None,
    ) -> None:
        self.given, self.kind, self.first_product = rows, kind, first_product
        self.starts = _best_starts(rows, nx) if starts is None else starts
        self.rows: list[list[Array]] = [[] for _ in self.starts]
        self.signs: list[list[Array]] = [[] for _ in self.starts]

    def segments(
        self, chosen: Callable[[_Prediction], bool]
    ) -> Iterator[tuple[Segment, list[int]]]:
        """Yield segments of chosen predictions of one form, and the places of the predictions."""
        rows = [row for row in self.given if chosen(row.prediction)]
        keys = [self._key(row) for row in rows]
        for key in sorted(set(keys)):
            alike = [row for row, own_key in zip(rows, keys, strict=True) if own_key == key]
            where = [
                self._add(self._different(alike, k), key[0], k)
                for k in range(len(alike[0].operands))
            ]
            second = where[1] if len(where) > 1 else None
            form, product = alike[0].prediction.form, self.first_product + key[0]
            segment = Segment(form, product, where[0], second, len(alike), key[1])
            yield segment, [row.prediction.place for row in alike]

    def _key(self, row: _Rows) -> tuple[int, int, Combination]:
        """Return what predictions of a segment have in common: product, rank, and denominator."""
        return bisect_right(self.starts, row.first) - 1, row.rank, ()

    def _different(self, alike: list[_Rows], operand: int) -> list[_Rows]:
        """Return those predictions of a segment that bring rows for an operand."""
        return alike

    def _add(self, chosen: list[_Rows], product: int, operand: int) -> tuple[int, int]:
        start = sum(len(part) for part in self.signs[product])
        for prediction in chosen:
            rows, signs = prediction.padded(operand, self.starts[product])
            self.rows[product].append(rows.reshape(len(rows), -1))
            self.signs[product].append(signs)
        return start, sum(len(part) for part in self.signs[product])

    def add_coordinates(self, rows: Array) -> tuple[int, int]:
        """Put rows that are of no prediction into the first product, and return where they are."""
        start = sum(len(part) for part in self.signs[0])
        self.rows[0].append(rows)
        self.signs[0].append(np.ones(len(rows)))
        return start, start + len(rows)

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
            segment = Segment(alike[0].form, self.first_product, where[0], second, len(alike), 0)
            yield segment, [prediction.place for prediction in alike]

    def _add(self, chosen: list[_Prediction], operand: int) -> tuple[int, int]:
        start = len(self.parts)
        self.parts.extend(prediction.operands[operand] for prediction in chosen)
        return start, len(self.parts)

    def products(self) -> list[Product]:
        """Return the product that was put together."""
        forms = np.stack([self.tables.form(part, self.family) for part in self.parts])
        return [Product(self.family.first, self.family.combinations, forms=forms)]


class _CompressedBuilder(_RowsBuilder):
    """Builder that puts the factors of compressed forms into a product.

    Parameters
    ----------
    linear
        The builder of the product that has coordinates.
    """

    def __init__(
        self,
        predictions: list[_Prediction],
        compressed: Compressed,
        linear: _RowsBuilder,
        number: int,
    ) -> None:
        parts = (
            (factors[:, :, None].astype(np.float64), signs) for factors, signs in compressed.factors
        )
        operands = [tuple(islice(parts, len(each.operands))) for each in predictions]
        ranks = [max(len(signs) for _, signs in its) for its in operands]
        rows = [
            _Rows(each, 0, rank, its)
            for each, rank, its in zip(predictions, few_sizes(ranks), operands, strict=True)
        ]
        super().__init__(rows, len(compressed.coordinates), FACTORS, number, starts=(0,))
        self.on = linear.add_coordinates(compressed.coordinates.astype(np.float64))
        self.second = Counter(each.second for each in predictions)

    def _key(self, row: _Rows) -> tuple[int, int, Combination]:
        second = row.prediction.second
        return 0, row.rank, second if self.second[second] >= SHARED else ()

    def _different(self, alike: list[_Rows], operand: int) -> list[_Rows]:
        shared = operand == 1 and self._key(alike[0])[2] != ()
        return alike[:1] if shared else alike

    def products(self) -> list[Product]:
        """Return the product that was put together."""
        return [replace(product, on=self.on) for product in super().products()]


def few_sizes(sizes: Sequence[int], most: int = SIZES) -> list[int]:
    """Return the sizes made larger until only so many different ones are left, at the least cost.

    >>> few_sizes([3, 4, 9, 4, 10], 2)
    [4, 4, 10, 4, 10]
    """
    values, counts = np.unique(sizes, return_counts=True)
    # what the first values cost with so many sizes, and the sizes
    best: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
    for _ in range(min(most, len(values))):
        best |= {
            stop: min(
                (cost + int(counts[start:stop].sum() * values[stop - 1]), (*chosen, stop - 1))
                for start, (cost, chosen) in best.items()
                if start < stop
            )
            for stop in range(len(values), 0, -1)
        }
    chosen = values[list(best[len(values)][1])]
    return [int(chosen[np.searchsorted(chosen, size)]) for size in sizes]


_Builders = list[_RowsBuilder | _FormsBuilder]


def _builders(
    predictions: list[_Prediction], maker: _Maker, precision: Precision | None
) -> _Builders:
    """Return builders that share all predictions among them."""
    linear = [maker.linear(each) for each in predictions if maker.is_linear(each)]
    bilinear = [each for each in predictions if not maker.is_linear(each)]
    if precision is not None:
        # all that reads PDFs is one matrix: to begin with another costs more than it saves
        first = _RowsBuilder(linear, maker.nx, LINEAR, 0, starts=(0,))
        return [first, *_compressed_builders(bilinear, maker, precision, first)]
    first = _RowsBuilder(linear, maker.nx, LINEAR, 0)
    return [first, *_exact_builders(bilinear, maker, len(first.starts))]


def _compressed_builders(
    bilinear: list[_Prediction], maker: _Maker, precision: Precision, linear: _RowsBuilder
) -> _Builders:
    """Return those of groups of data sets, and of groups of constraints."""
    ndata = len(precision.uncertainties)
    builders: _Builders = []
    for is_data in (True, False):
        chosen = [each for each in bilinear if (each.place < ndata) == is_data]
        sets = [list(members) for _, members in groupby(chosen, lambda each: each.observable)]
        if not sets:
            continue
        sums = [[part for each in members for part in each.operands] for members in sets]
        for group in compressed(maker.hadronic, sums, _units(chosen, precision), precision):
            members = [each for one in group.sets for each in sets[one]]
            builders.append(_CompressedBuilder(members, group, linear, 1 + len(builders)))
    return builders


def _units(predictions: list[_Prediction], precision: Precision) -> Callable[[Array], Array]:
    """Return what the operands of predictions may be wrong by, from their typical magnitudes."""
    uncertainties = precision.uncertainties

    def of(each: _Prediction, sizes: list[float]) -> list[float]:
        if each.form != QUOTIENT:
            known = each.place < len(uncertainties)
            unit = uncertainties[each.place] if known else OF_CONSTRAINTS * max(sizes)
            return [unit] * len(sizes)
        one, other = np.maximum(sizes, TINY).tolist()
        known = each.place < len(uncertainties)
        unit = uncertainties[each.place] if known else OF_CONSTRAINTS * one / other
        unit *= NEAR_A_POLE * other
        return [unit, unit * min(other / one, 1 / NEAR_A_POLE)]

    def units(typical: Array) -> Array:
        found: list[float] = []
        for each in predictions:
            sizes = typical[len(found) : len(found) + len(each.operands)].tolist()
            found.extend(of(each, sizes))
        return np.array(found)

    return units


def _exact_builders(bilinear: list[_Prediction], maker: _Maker, number: int) -> _Builders:
    """Return builders of forms and factors of all rows without loss."""
    factors: list[_Rows] = []
    as_forms: list[tuple[Family, list[_Prediction]]] = []
    for _, group in groupby(bilinear, lambda each: each.observable):
        its = list(group)
        parts = [part for each in its for part in each.operands]
        family = maker.bilinear.family(parts)
        if maker.bilinear.forms_are_smaller(family, parts):
            as_forms.append((family, its))
        else:
            factors.extend(maker.quadratic(each, family) for each in its)
    first = _RowsBuilder(factors, maker.nx, FACTORS, number)
    builders: _Builders = [first]
    for place, (family, its) in enumerate(as_forms, number + len(first.starts)):
        builders.append(_FormsBuilder(its, maker.bilinear, family, place))
    return builders


def make_tables(
    theory: TheoryStack,
    ndata: int,
    rotation: Array,
    rules: SumRules | None,
    precision: Precision | None = None,
) -> Tables:
    """Return the tables of a fit.

    Parameters
    ----------
    theory
        All tables; the first `ndata` predictions are data, the others constraints.
    rotation
        (nfit, 14), see `n3hyper.physics.bases.fitbasis_to_evolution`.
    rules
        The sum rules of the fit.
    precision
        What hadronic tables are compressed to; None for tables without loss.
    """
    basis = flavour_basis(rotation, rules)
    builders = _builders(list(_predictions(theory.observables)), _Maker(theory, basis), precision)
    segments: list[Segment] = []
    order: list[int] = []
    data_segments = 0
    for is_data in (True, False):
        for form in (PLAIN, QUOTIENT, LESS_MAGNITUDE):

            def chosen(made: _Prediction, form: str = form, is_data: bool = is_data) -> bool:
                return made.form == form and (made.place < ndata) == is_data

            for builder in builders:
                for segment, places in builder.segments(chosen):
                    segments.append(segment)
                    order.extend(places)
        data_segments = len(segments) if is_data else data_segments
    products = tuple(product for builder in builders for product in builder.products())
    return Tables(basis, products, tuple(segments), data_segments, np.array(order, np.int64))
