"""Importance of hyperparameters: how much of the loss's variation each explains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.report.analysis.forest import forest_anova
from n3hyper.report.analysis.summary import ranks
from n3hyper.report.trials.scan import Scan

METHOD: Final = "fANOVA (random forest on the ranks of the losses): share of the variance"
FEWEST: Final = 12
"""Trials below which nothing can be said."""
_MOST: Final = 600
"""Trials that are looked at, drawn at random from more."""
ALWAYS_LOG: Final = ("initial", "integrability_initial")
"""What n3fit and n3hyper always draw in the logarithm."""
_PER_OPTIMIZER: Final = ("learning_rate", "clipnorm")
_MOST_FACTORS: Final = 30


@dataclass(frozen=True)
class Importance:
    """Importance of one hyperparameter."""

    name: str
    share: float
    """Of the variance that the forest sees, by this hyperparameter alone."""
    spread: float
    """Standard deviation of the share over the trees."""


@dataclass(frozen=True)
class Importances:
    """Importances of all hyperparameters, the largest first.

    Attributes
    ----------
    score
        R2 of the forest on trials that it has not seen: near 0 the shares mean nothing.
    """

    entries: tuple[Importance, ...]
    score: float
    trials: int

    @property
    def together(self) -> float:
        """Share of combinations of several hyperparameters."""
        return max(0.0, 1.0 - sum(entry.share for entry in self.entries))


def importances(scan: Scan, seed: int = 0) -> Importances | None:
    """Return how much of the loss's variation each hyperparameter explains; None for few trials.

    The losses are replaced by their ranks, lest a few bad trials decide everything. A failed trial
    says nothing here.

    Parameters
    ----------
    seed
        Of the forest and of the draw of trials from many.
    """
    good = scan.good
    names = scan.factors[:_MOST_FACTORS]
    if len(good) < FEWEST or not names:
        return None
    if len(good) > _MOST:
        rng = np.random.default_rng(seed)
        good = tuple(good[place] for place in np.sort(rng.permutation(len(good))[:_MOST]))
    target = ranks(np.array([trial.loss for trial in good])) / len(good)
    columns = {name: [trial.values.get(name) for trial in good] for name in names}
    points = {name: position(name, values, columns, target) for name, values in columns.items()}
    used = [name for name, value in points.items() if np.ptp(value) > 0]
    if not used or np.ptp(target) == 0:
        return None
    found = forest_anova(np.stack([points[name] for name in used], axis=1), target, seed=seed)
    if not len(found.shares):
        return None
    entries = [
        Importance(name, float(share), float(spread))
        for name, share, spread in zip(
            used, found.shares.mean(axis=0), found.shares.std(axis=0), strict=True
        )
    ]
    entries.sort(key=lambda entry: -entry.share)
    return Importances(tuple(entries), found.score, len(good))


def position(name: str, values: list[Any], columns: dict[str, list[Any]], target: Array) -> Array:
    """Return a column as positions in [0, 1].

    Numbers lie where they are in the range that was drawn from, in its logarithm where it spans
    decades; learning rate and clipnorm each within the range of their own optimizer. What a trial
    does not have lies in the middle. Names are ordered by their mean loss, and equally far apart.
    """
    if not _numeric(values):
        return _ordered(values, target)
    numbers = np.array([math.nan if value is None else float(value) for value in values])
    optimizers = columns.get("optimizer")
    if name not in _PER_OPTIMIZER or optimizers is None:
        return _in_range(numbers)
    found = np.full(numbers.size, 0.5)
    for optimizer in dict.fromkeys(map(str, optimizers)):
        rows = np.array([str(name) == optimizer for name in optimizers])
        found[rows] = _in_range(numbers[rows])
    return found


def _numeric(values: list[Any]) -> bool:
    return all(
        value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        for value in values
    )


def _ordered(values: list[Any], target: Array) -> Array:
    names = np.array([repr(value) for value in values])
    distinct, where = np.unique(names, return_inverse=True)
    means = np.bincount(where, target) / np.bincount(where)
    order = np.argsort(np.argsort(means, kind="stable"), kind="stable")
    return np.asarray((order[where] + 0.5) / len(distinct))


def _in_range(numbers: Array) -> Array:
    known = np.isfinite(numbers)
    if not known.any():
        return np.full(numbers.size, 0.5)
    scaled = np.log(numbers[known]) if spans_decades(numbers) else numbers[known]
    low, high = scaled.min(), scaled.max()
    found = np.full(numbers.size, 0.5)
    if high > low and math.isfinite(high - low):
        found[known] = (scaled - low) / (high - low)
    return found


def is_log(scan: Scan, name: str, group: str, numbers: Array) -> bool:
    """Return whether the runcard draws a hyperparameter in its logarithm; if it does not say,
    whether the values span decades.

    Parameters
    ----------
    group
        The optimizer that it belongs to, or empty.
    """
    if not (numbers[np.isfinite(numbers)] > 0).all():
        return False
    config = scan.runcard.get("hyperscan_config", scan.runcard.get("hyperscan"))
    optimizers = config.get("optimizer") if isinstance(config, Mapping) else None
    for entry in optimizers if isinstance(optimizers, list) else []:
        if isinstance(entry, Mapping) and entry.get("optimizer_name") == group:
            option = entry.get(name)
            if isinstance(option, Mapping):
                return bool(option.get("sampling") == "log")
    return name in ALWAYS_LOG or spans_decades(numbers)


def spans_decades(numbers: Array) -> bool:
    """Return whether a column is better shown in its logarithm."""
    known = numbers[np.isfinite(numbers)]
    return bool(known.size and known.min() > 0 and known.max() / known.min() > 30)
