"""Comparison of the drawn hyperparameters with those of the best trials."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.report.analysis.importance import is_log
from n3hyper.report.trials.scan import Scan
from n3hyper.report.trials.trial import Trial

GOOD_SHARE: Final = 0.2
"""The best fifth of the trials did well."""
BINS: Final = 10
_MOST_CHOICES: Final = 8


def did_well(scan: Scan, share: float = GOOD_SHARE) -> tuple[Trial, ...]:
    """Return the best trials, at least three."""
    ordered = sorted(scan.good, key=lambda trial: trial.loss)
    return tuple(ordered[: max(3, math.ceil(share * len(ordered)))])


@dataclass(frozen=True)
class Choices:
    """Shares of each value of a hyperparameter, among all trials and among the best."""

    name: str
    rows: tuple[tuple[Any, float, float], ...]
    """Value, share of all trials, share of those that did well."""
    best: Any


@dataclass(frozen=True, eq=False)
class Range:
    """Distribution of a number, among all trials and among the best."""

    name: str
    group: str
    """The optimizer that it belongs to, or empty."""
    log: bool
    low: float
    high: float
    drawn: tuple[int, ...]
    """Counts in bins of the same width, of the logarithm where `log` is set."""
    good: tuple[int, ...]
    good_low: float
    """The good ones lie between, a tenth at each side left out."""
    good_high: float
    best: float | None
    """None where the best trial belongs to another group."""


def compare(scan: Scan) -> list[Choices | Range]:
    """Return the comparison of each scanned hyperparameter; learning rate and clipnorm by
    optimizer.
    """
    good = did_well(scan)
    found: list[Choices | Range] = []
    for name in scan.factors:
        values = [trial.values.get(name) for trial in scan.trials]
        if is_continuous(values):
            found += _ranges(scan, name, good)
        else:
            found.append(_choices(scan, name, values, good))
    return found


def is_continuous(values: list[Any]) -> bool:
    """Return whether a column is a number with many values."""
    kinds = set(map(type, values)) - {type(None)}
    numbers = all(issubclass(kind, (int, float)) and kind is not bool for kind in kinds)
    return numbers and len(set(values) - {None}) > _MOST_CHOICES


def groups_of(scan: Scan, name: str) -> list[str]:
    """Return the optimizers that have ranges of their own for a hyperparameter; [""] for others."""
    if name not in ("learning_rate", "clipnorm") or "optimizer" not in scan.factors:
        return [""]
    counts = Counter(
        optimizer
        for trial in scan.trials
        if isinstance(optimizer := trial.values.get("optimizer"), str)
        and trial.values.get(name) is not None
    )
    return [optimizer for optimizer, _ in counts.most_common(12)]


def in_group(trial: Trial, group: str) -> bool:
    """Return whether a trial belongs to a group of `groups_of`."""
    return not group or trial.values.get("optimizer") == group


def values_of(trials: tuple[Trial, ...], name: str, group: str = "") -> Array:
    """Return the numbers of a column for the trials of a group that have one."""
    if group:
        trials = tuple(trial for trial in trials if in_group(trial, group))
    found = [trial.values.get(name) for trial in trials]
    return np.array([v for v in found if isinstance(v, (int, float))], dtype=np.float64)


def _ranges(scan: Scan, name: str, good: tuple[Trial, ...]) -> list[Range]:
    found = []
    for group in groups_of(scan, name):
        drawn, well = values_of(scan.trials, name, group), values_of(good, name, group)
        if drawn.size == 0:
            continue
        log = is_log(scan, name, group, drawn)
        low, high = float(drawn.min()), float(drawn.max())
        edges = np.geomspace(low, high, BINS + 1) if log else np.linspace(low, high, BINS + 1)
        edges[0], edges[-1] = low, high
        best = scan.best
        mine = best is not None and in_group(best, group)
        value = best.values.get(name) if best is not None and mine else None
        inner = np.quantile(well, [0.1, 0.9]) if well.size else (math.nan, math.nan)
        found.append(
            Range(
                name=name,
                group=group,
                log=log,
                low=low,
                high=high,
                drawn=_counts(drawn, edges),
                good=_counts(well, edges),
                good_low=float(inner[0]),
                good_high=float(inner[1]),
                best=float(value) if isinstance(value, (int, float)) else None,
            )
        )
    return found


def _counts(values: Array, edges: Array) -> tuple[int, ...]:
    if edges[0] == edges[-1] or not np.isfinite(edges).all():
        return (values.size,)
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    return tuple(np.bincount(places, minlength=BINS).tolist())


def _choices(scan: Scan, name: str, values: list[Any], good: tuple[Trial, ...]) -> Choices:
    all_of, good_of = Counter(values), Counter(trial.values.get(name) for trial in good)
    if all(isinstance(v, (int, float)) for v in all_of):
        order = sorted(all_of)
    else:
        order = [value for value, _ in all_of.most_common()]
    rows = tuple(
        (value, all_of[value] / len(values), good_of[value] / max(len(good), 1)) for value in order
    )
    best = None if scan.best is None else scan.best.values.get(name)
    return Choices(name, rows[:20], best)
