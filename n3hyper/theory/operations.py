"""How a measured quantity is made from theory predictions: the commondata's operations.

A data set names one operation and its operands. An operand is a cross section or structure
function (one number a point); the operation makes the measured quantity of them, e.g. the ratio
of two cross sections. The definitions are those of NNPDF (`validphys.convolution.OP`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np

from n3hyper.errors import TheoryError, nearest
from n3hyper.physics.arrays import Array


def _null(operands: Sequence[Array]) -> Array:
    """a"""
    return operands[0]


def _sum(operands: Sequence[Array]) -> Array:
    """a + b + ..."""
    return reduce(add, operands)


def _ratio(operands: Sequence[Array]) -> Array:
    """a / b"""
    return operands[0] / operands[1]


def _asymmetry(operands: Sequence[Array]) -> Array:
    """(a - b) / (a + b)"""
    return (operands[0] - operands[1]) / (operands[0] + operands[1])


def _halves(operands: Sequence[Array]) -> Array:
    """(sum of the first half) / (sum of the second half)"""
    half = len(operands) // 2
    return _sum(operands[:half]) / _sum(operands[half:])


def _subtract_abs(operands: Sequence[Array]) -> Array:
    """a - |b|"""
    return operands[0] - np.abs(operands[1])


def _subtract_abspair(operands: Sequence[Array]) -> Array:
    """a + b - |c + d|"""
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
"""Name of each operation -> (number of its operands, the function of the list of operands)."""


def check_operation(name: Any, operands: int, dataset: str) -> str:
    """The upper-case name of an operation that takes so many `operands`.

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
    """The measured quantity.

    Parameters
    ----------
    name
        One of `OPERATIONS`.
    operands
        One array a FK table operand, each (..., ndata).

    Returns
    -------
    array (..., ndata)

    >>> apply_operation("ASY", [np.array([3.0]), np.array([1.0])])
    array([0.5])
    """
    return OPERATIONS[name][1](operands)
