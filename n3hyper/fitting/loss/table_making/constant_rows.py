"""Predictions with rows that no fitted PDF changes: what is left of them for a step to do.

In fits of polarised PDFs unpolarised cross sections are numbers. A quotient by one is a row with
another factor, and the difference of one and a magnitude is minus that magnitude and a number.
"""

from __future__ import annotations

from typing import NamedTuple

from n3hyper.errors import TheoryError
from n3hyper.fitting.loss.table_making.bilinear import Combination
from n3hyper.fitting.loss.tables import LESS_MAGNITUDE, MINUS_MAGNITUDE, PLAIN, QUOTIENT
from n3hyper.physics.arrays import Array


class Reduced(NamedTuple):
    """Prediction without constant rows."""

    form: str
    first: Combination
    second: Combination
    offset: float
    """The number that is added."""


def without_constants(
    form: str, first: Combination, second: Combination, start: int, constants: Array | None
) -> Reduced:
    """Return what a prediction is without constant rows.

    Parameters
    ----------
    start
        The number of the first constant row among all rows.
    constants
        Their values.

    Raises
    ------
    TheoryError
        where no fitted PDF enters, or numbers and rows are put together in another way.
    """
    if constants is None:
        return Reduced(form, first, second, 0.0)
    (first, number), (second, divisor) = (
        _split(operand, start, constants) for operand in (first, second)
    )
    if form == QUOTIENT and not second and first:
        scaled = tuple((row, factor / divisor) for row, factor in first)
        return Reduced(PLAIN, scaled, (), number / divisor)
    if form == LESS_MAGNITUDE and second and not first and divisor == 0.0:
        return Reduced(MINUS_MAGNITUDE, second, (), number)
    divided = form == QUOTIENT and number != 0.0
    if not first or divisor != 0.0 or divided or (form != PLAIN and not second):
        raise TheoryError("a data set on which no fitted PDF has an influence, or not in one way")
    return Reduced(form, first, second, number)


def _split(operand: Combination, start: int, constants: Array) -> tuple[Combination, float]:
    """Return the rows of an operand that are none, and the sum of those that are constants."""
    rows = tuple((row, factor) for row, factor in operand if row < start)
    fixed = [factor * float(constants[row - start]) for row, factor in operand if row >= start]
    return rows, sum(fixed)
