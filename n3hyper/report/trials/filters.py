"""``--filter 'lr<0.01'``: conditions on the columns, parsed and never evaluated as code."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from n3hyper.errors import nearest
from n3hyper.report.errors import ReportError
from n3hyper.report.text import show
from n3hyper.report.trials.columns import ALIASES, PARAMETERS, SCORES
from n3hyper.report.trials.scan import Scan

_CONDITION: Final = re.compile(r"\s*([^\s=!<>]+)\s*(!=|<=|>=|==|=|<|>)\s*(.*?)\s*", re.DOTALL)
_OPERATIONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_TRUTH: Final = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True)
class Condition:
    """Comparison of a column with a value."""

    column: str
    sign: str
    value: str

    def holds(self, found: Any) -> bool:
        """Return whether a value of the column passes.

        What a trial does not have lets it pass, as in vp-hyperoptplot: a condition on the clipnorm
        says nothing about optimizers without one.
        """
        if found is None:
            return True
        compare = _OPERATIONS[self.sign]
        if isinstance(found, bool):
            wanted = _TRUTH.get(self.value.lower())
            return wanted is not None and compare(found, wanted)
        if isinstance(found, (int, float)):
            number = _number(self.value)
            return self.sign == "!=" if number is None else compare(found, number)
        return compare(_shown(found), self.value.replace(" ", ""))


def _shown(value: Any) -> str:
    return show(value, 12).replace(" ", "")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def resolve(name: str, scan: Scan) -> str:
    """Return the column that `name` or its alias means.

    Raises
    ------
    ReportError
        There is no such column.
    """
    known = {*SCORES, *PARAMETERS, *scan.part_columns, *scan.parameters}
    found = name if name in known else ALIASES.get(name, name)
    if found not in known:
        hint = nearest(name, [*known, *ALIASES])
        raise ReportError(f"unknown column {name!r}; {hint}")
    return found


def parse_condition(text: str, scan: Scan) -> Condition:
    """Parse a condition such as ``lr<0.01``.

    Raises
    ------
    ReportError
        It is no condition, names an unknown column, or orders by text.
    """
    match = _CONDITION.fullmatch(text)
    if match is None or not match[3]:
        raise ReportError(
            f"--filter {text!r}: not a condition; write it like optimizer=Nadam or lr<0.01"
        )
    try:
        column = resolve(match[1], scan)
    except ReportError as err:
        raise ReportError(f"--filter {text!r}: {err}") from None
    condition = Condition(column, match[2], match[3])
    numeric = any(isinstance(value, (int, float)) for value in scan.column(column))
    truth = all(isinstance(value, bool) for value in scan.column(column))
    if numeric and not truth and _number(condition.value) is None:
        raise ReportError(f"--filter {text!r}: {column} is a number, {condition.value!r} is none")
    return condition


def apply_filters(scan: Scan, texts: Sequence[str]) -> Scan:
    """Return the scan with the trials for which all conditions hold."""
    for text in texts:
        condition = parse_condition(text, scan)
        values = scan.column(condition.column)
        kept = [
            trial
            for trial, value in zip(scan.trials, values, strict=True)
            if condition.holds(value)
        ]
        if not kept:
            raise ReportError(f"--filter {text!r}: no trial is left of {len(scan)}")
        scan = scan.with_trials(kept)
    return scan
