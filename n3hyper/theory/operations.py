"""Operations of the commondata, which combine theory predictions into the measured quantity.

A data set names one operation and its operands. An operand is a cross section or structure
function (one number per point); the operation makes the measured quantity from them, e.g. the
ratio of two cross sections. The definitions are those of NNPDF (`validphys.convolution.OP`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Final

import numpy as np

from n3hyper.errors import TheoryError, nearest
from n3hyper.physics.arrays import Array


def _null(operands: Sequence[Array]) -> Array:
    """Return a."""
    return operands[0]


def _sum(operands: Sequence[Array]) -> Array:
    """Return a + b + ..."""
    return reduce(add, operands)


def _ratio(operands: Sequence[Array]) -> Array:
    """Return a / b."""
    return operands[0] / operands[1]


def _asymmetry(operands: Sequence[Array]) -> Array:
    """Return (a - b) / (a + b)."""
    return (operands[0] - operands[1]) / (operands[0] + operands[1])


def _halves(operands: Sequence[Array]) -> Array:
    """Return (sum of the first half) / (sum of the second half)."""
    half = len(operands) // 2
    return _sum(operands[:half]) / _sum(operands[half:])


def _subtract_abs(operands: Sequence[Array]) -> Array:
    """Return a - |b|."""
    return operands[0] - np.abs(operands[1])


def _subtract_abspair(operands: Sequence[Array]) -> Array:
    """Return a + b - |c + d|."""
    return operands[0] + operands[1] - np.abs(operands[2] + operands[3])


OPERATIONS: Final[dict[str, tuple[int, Callable[[Sequence[Array]], Array]]]] = {
    "NULL": (1, _null),
    "ADD": (2, _sum),
    "RATIO": (2, _ratio),
    "ASY": (2, _asymmetry),
    "SMN": (4, _halves),
    "SMT": (10, _sum),
    "COM": (20, _halves),
    "SUBTRACT_ABS": (2, _subtract_abs),
    "SUBTRACT_ABSPAIR": (4, _subtract_abspair),
}
"""Name of each operation -> (number of its operands, function of the list of operands)."""


def check_operation(name: object, operands: int, dataset: str) -> str:
    """Return the upper-case name of an operation that takes this number of `operands`.

    Raises
    ------
    TheoryError
        when there is no such operation, or when it takes another number of operands.

    >>> check_operation("ratio", 2, "SET")
    'RATIO'
    """
    upper = "NULL" if name is None or str(name).upper() == "NONE" else str(name).upper()
    if upper not in OPERATIONS:
        raise TheoryError(f"{dataset}: unknown operation {name!r}; {nearest(upper, OPERATIONS)}")
    wanted = OPERATIONS[upper][0]
    if operands != wanted:
        raise TheoryError(f"{dataset}: operation {upper} takes {wanted} operands, not {operands}")
    return upper


def apply_operation(name: str, operands: Sequence[Array]) -> Array:
    """Return the measured quantity, made of its operands.

    Parameters
    ----------
    name
        One of `OPERATIONS`.
    operands
        One array for each operand, of shape (..., ndata).

    Returns
    -------
    array (..., ndata)

    >>> apply_operation("ASY", [np.array([3.0]), np.array([1.0])])
    array([0.5])
    """
    return OPERATIONS[name][1](operands)
