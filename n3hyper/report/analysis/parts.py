"""Parts of the losses of trials: chi2, each penalty, and what replicas add that do not count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from n3hyper.hyper_optimization.scores.loss_parts import DROPPED, parts_by_fold
from n3hyper.physics.arrays import Array
from n3hyper.report.trials.columns import PART
from n3hyper.report.trials.rescoring import Settings, scored_folds
from n3hyper.report.trials.scan import Scan
from n3hyper.report.trials.trial import Trial


@dataclass(frozen=True, eq=False)
class LossParts:
    """Parts of the losses of some trials, whose sums are the losses."""

    names: tuple[str, ...]
    """Such as chi2, saturation, dropped; those that are zero throughout are left out."""
    iteration: Array
    """(n,): which trials, by their place in the report: those with a loss and parts."""
    values: Array
    """(n, names)"""


def loss_parts(scan: Scan) -> LossParts:
    """Return the parts of the losses of all trials that have one.

    Losses that n3fit composed have no parts here: they are not in its records.
    """
    names = [column.removeprefix(PART) for column in scan.part_columns]
    rows = [(trial.iteration, scan.parts_of(trial)) for trial in scan.good]
    known = [(iteration, parts) for iteration, parts in rows if parts]
    values = np.array([[parts.get(name, 0.0) for name in names] for _, parts in known])
    values = values.reshape(len(known), len(names))
    shown = [place for place, column in enumerate(values.T) if column.any()]
    return LossParts(
        names=tuple(names[place] for place in shown),
        iteration=np.array([iteration for iteration, _ in known], dtype=np.float64),
        values=values[:, shown],
    )


def replica_shares(scan: Scan) -> Array:
    """Return in which share of the trials each replica counts, (k, R); (0, 0) if it is not known.

    Of trials of other numbers of folds or replicas than most have nothing is said.
    """
    found = [used for t in scan.trials if (used := t.matrix("replicas_used")) is not None]
    if not found:
        return np.zeros((0, 0))
    (shape, _), *_ = Counter(used.shape for used in found).most_common(1)
    return np.asarray(np.mean(np.array([u for u in found if u.shape == shape]) > 0, axis=0))


@dataclass(frozen=True, eq=False)
class FoldParts:
    """Parts of the loss of a trial, fold by fold."""

    parts: dict[str, Array]
    """By name, (k,); the weight of a fold is included."""
    replicas: tuple[tuple[int, int], ...]
    """How many replicas count in each fold, and of how many; empty if it is not known."""


def fold_parts(trial: Trial, settings: Settings, rescored: bool = False) -> FoldParts:
    """Return the parts of the loss of each fold of a trial, as stored or else worked out.

    Parameters
    ----------
    settings
        How folds are scored.
    rescored
        Whether the losses of the record are not those of the report.
    """
    parts = {} if rescored else trial.group("fold_parts")
    if not parts and (rescored or trial.ours):
        folds = scored_folds(trial, settings) or []
        weights = settings.weights if len(settings.weights) == len(folds) else (1.0,) * len(folds)
        by_name = parts_by_fold(settings, folds, weights)
        parts = {name: np.array(values) for name, values in by_name.items()}
    shown = {name: values for name, values in parts.items() if np.any(values) or name != DROPPED}
    folds_shown = {len(values) for values in shown.values()}
    replicas = tuple(trial.replicas)
    return FoldParts(shown, replicas if folds_shown <= {len(replicas)} else ())
