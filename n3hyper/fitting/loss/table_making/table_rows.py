"""Rows of tables that predictions are made of.

Each prediction becomes one or two sums of table rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.fitting.loss.table_making.bilinear import (
    BilinearTables,
    Combination,
    Family,
    padded_rank,
)
from n3hyper.fitting.loss.table_making.constant_rows import without_constants
from n3hyper.fitting.loss.table_making.hadronic_rows import HadronicRows
from n3hyper.fitting.loss.tables import LESS_MAGNITUDE, PLAIN, QUOTIENT, FlavourBasis
from n3hyper.physics.arrays import Array
from n3hyper.theory.stack import TheoryStack

NEGLIGIBLE: Final = 1e-13
"""Table entries below this part of the largest one of their row count as zero."""

_HALF: Final = {"SMN": 2, "COM": 10}


def sum_of_operands(*operands: int) -> Combination:
    return tuple((operand, 1.0) for operand in operands)


def form_of(operation: str, operands: int) -> tuple[str, Combination, Combination]:
    """Return how an operation is made of two sums of operands."""
    all_operands = sum_of_operands(*range(operands))
    if operation in ("NULL", "ADD", "SMT"):
        return PLAIN, all_operands, ()
    if operation == "RATIO":
        return QUOTIENT, sum_of_operands(0), sum_of_operands(1)
    if operation == "ASY":
        return QUOTIENT, ((0, 1.0), (1, -1.0)), sum_of_operands(0, 1)
    if operation in _HALF:
        half = operands // 2
        return QUOTIENT, all_operands[:half], all_operands[half:]
    if operation in ("SUBTRACT_ABS", "SUBTRACT_ABSPAIR"):
        half = operands // 2
        return LESS_MAGNITUDE, all_operands[:half], all_operands[half:]
    raise TheoryError(f"operation {operation}: the fit has no form for it")


@dataclass(frozen=True)
class Prediction:
    """One prediction as sums of raw rows."""

    observable: int
    """Its number."""
    place: int
    form: str
    first: Combination
    second: Combination
    offset: float = 0.0
    """A number that is added."""

    @property
    def operands(self) -> tuple[Combination, ...]:
        return (self.first, self.second) if self.second else (self.first,)


def predictions_of(theory: TheoryStack) -> Iterator[Prediction]:
    """Yield all predictions, with combinations of rows of the raw vector."""
    start = theory.first_constant
    for number, observable in enumerate(theory.observables):
        form, *parts = form_of(observable.operation, len(observable.operands))
        for point in range(observable.ndata):
            first, second = (
                tuple((int(observable.operands[k][point]), factor) for k, factor in part)
                for part in parts
            )
            try:
                reduced = without_constants(form, first, second, start, theory.constants)
            except TheoryError as error:
                raise TheoryError(f"{observable.name}: {error}") from None
            yield Prediction(number, observable.slice.start + point, *reduced)


def offsets_of(predictions: list[Prediction]) -> tuple[float, ...]:
    """Return the numbers that are added to predictions; none where all of them are zero."""
    offsets = tuple(each.offset for each in predictions)
    return offsets if any(offsets) else ()


@dataclass(frozen=True, eq=False)
class Rows:
    """A prediction with the rows of its operands."""

    prediction: Prediction
    first: int
    """The first node of the x-grid that it needs."""
    rank: int
    """Padded; 0 when linear."""
    operands: tuple[tuple[Array, Array], ...]
    """(rows, nx - first, nb) and the rows' signs."""

    def padded(self, operand: int, start: int) -> tuple[Array, Array]:
        """Return the rows of an operand, (rank or 1, nx - start, nb), and their signs."""
        rows, signs = self.operands[operand]
        number, before = max(self.rank, 1), self.first - start
        # not np.pad, which takes a second for the rows of a global fit
        whole = np.zeros((number, before + rows.shape[1], rows.shape[2]))
        whole[: len(rows), before:] = rows
        all_signs = np.zeros(number)
        all_signs[: len(signs)] = signs
        return whole, all_signs


class RowMaker:
    """Maker of the rows of predictions."""

    def __init__(self, theory: TheoryStack, basis: FlavourBasis) -> None:
        self.nx = theory.xgrid.size
        self.dis_rows = theory.dis.rows if theory.dis else 0
        self.dis = np.zeros((0, self.nx, basis.flavours.size))
        if theory.dis is not None:
            self.dis = theory.dis.table @ basis.expansion[theory.dis.flavours]
        self.bilinear = BilinearTables(theory, self.dis_rows, basis.expansion)
        self.hadronic = HadronicRows(theory, self.dis_rows, basis.expansion)

    def is_linear(self, prediction: Prediction) -> bool:
        """Return whether a prediction is made of DIS tables."""
        kinds = {row < self.dis_rows for part in prediction.operands for row, _ in part}
        if len(kinds) > 1:
            raise TheoryError("a data set mixes linear and bilinear FK tables; none may")
        return kinds.pop()

    def linear(self, prediction: Prediction) -> Rows:
        """Return the rows of a prediction of DIS tables."""
        sums = []
        for operand in prediction.operands:
            factors = np.array([factor for _, factor in operand])
            sums.append(np.tensordot(factors, self.dis[[row for row, _ in operand]], axes=1))
        # a point of some x is made of PDFs at larger x only
        sizes = np.max([np.abs(row).max(axis=1) for row in sums], axis=0)
        first = int(np.argmax(sizes > NEGLIGIBLE * sizes.max(initial=0.0)))
        operands = tuple((row[None, first:], np.ones(1)) for row in sums)
        return Rows(prediction, first, 0, operands)

    def quadratic(self, prediction: Prediction, family: Family) -> Rows:
        """Return the factors of a prediction of hadronic tables."""
        operands = tuple(self.bilinear.factors(part, family) for part in prediction.operands)
        rank = padded_rank(max(len(signs) for _, signs in operands))
        return Rows(prediction, family.first, rank, operands)
