"""``--autofilter``: leaves out the values, and combinations of values, that do worst.

The measure is vp-hyperoptplot's, so that both leave out the same trials. For a group of trials with
the same value (numbers that take more than ten values are cut into ten ranges of the same width)

    reward = (share of losses below 2.5 - share of failures / 4 - spread) (1 + size / largest size),
    spread = |mean - median| + standard deviation / 2 + (median - best),

and -100 when more than three quarters of the group failed. Of each key the worst group goes, then
the two worst combinations of two keys, of three and so on; beside these all with a reward of -1 or
less.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from n3hyper.report.errors import ReportError
from n3hyper.report.trials.filters import resolve
from n3hyper.report.trials.scan import Scan
from n3hyper.report.trials.trial import Trial

GOOD_LOSS: Final = 2.5
HOPELESS: Final = -1.0
_RANGES: Final = 10
_FAILED, _FAILED_SHARE = -100.0, 0.75

Groups = dict[Hashable, set[int]]
"""Places of the trials of each value."""


def autofilter(scan: Scan, keys: Sequence[str]) -> Scan:
    """Return the scan with the trials that are left."""
    names = [resolve(key, scan) for key in keys]
    trials = scan.trials
    for name in names:
        trials = _without_worst(scan, trials, [name], 1, 1)
    for size in range(2, len(names) + 1):
        trials = _without_worst(scan, trials, names, size, 2)
    if not trials:
        raise ReportError("--autofilter: no trial is left")
    return scan.with_trials(trials)


def _without_worst(
    scan: Scan, trials: tuple[Trial, ...], names: Sequence[str], size: int, kill: int
) -> tuple[Trial, ...]:
    part = scan.with_trials(trials)
    groups = {name: _groups(part.column(name)) for name in dict.fromkeys(names)}
    combined = list(
        _combinations({name: trials for name, trials in groups.items() if trials}, size)
    )
    if not combined:
        return trials
    largest = max(len(group) for group in combined)
    rewards = [_reward([trials[place] for place in group], largest) for group in combined]
    count = kill + sum(reward <= HOPELESS for reward in rewards)
    order = sorted(range(len(combined)), key=lambda place: rewards[place])
    gone = set().union(*(combined[place] for place in order[:count]))
    return tuple(trial for place, trial in enumerate(trials) if place not in gone)


def _groups(values: list[Any]) -> Groups:
    keys = [tuple(value) if isinstance(value, list) else value for value in values]
    distinct = {key for key in keys if key is not None}
    numbers = all(isinstance(key, (int, float)) for key in distinct)
    if len(distinct) > _RANGES and numbers:
        edges = np.linspace(min(distinct), max(distinct), _RANGES + 1)
        keys = [
            None if key is None else int(np.clip(np.searchsorted(edges, key) - 1, 0, _RANGES - 1))
            for key in keys
        ]
    found: Groups = {}
    for place, key in enumerate(keys):
        if key is not None:
            found.setdefault(key, set()).add(place)
    return found


def _combinations(groups: dict[str, Groups], size: int) -> Iterator[set[int]]:
    """Return the trials of each combination of values of `size` keys, without empty ones."""
    for names in itertools.combinations(groups, size):
        for sets in itertools.product(*(groups[name].values() for name in names)):
            together = set.intersection(*sets)
            if together:
                yield together


def _reward(trials: list[Trial], largest: int) -> float:
    losses = np.array([trial.loss for trial in trials if trial.ok])
    failed = 1 - losses.size / len(trials)
    if failed > _FAILED_SHARE:
        return _FAILED
    median = float(np.median(losses))
    deviation = float(losses.std(ddof=1)) if losses.size > 1 else math.nan
    spread = abs(losses.mean() - median) + deviation / 2 + (median - losses.min())
    reward = (losses < GOOD_LOSS).mean() - failed / 4 - spread
    found = float(reward * (1 + len(trials) / largest))
    return found if math.isfinite(found) else math.inf
