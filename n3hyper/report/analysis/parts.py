"""Parts of a trial's loss: the chi2 of the left-out data, and each penalty."""

from __future__ import annotations

import math

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.report.trials.rescoring import Settings
from n3hyper.report.trials.scan import Scan

REST = "chi2"
"""The part that is no penalty."""


def loss_parts(scan: Scan, settings: Settings) -> dict[str, Array]:
    """Return each part of the loss, (trials,) by its name, NaN for a trial that has none.

    The part of a penalty is its mean over the replicas that count and over the folds; the rest of
    the loss is the chi2 of the left-out data. With statistics other than means a part is what the
    penalties add on average, and the rest holds what they do not explain.

    Empty where penalties are not in the loss, or no trial has any.
    """
    if settings.loss_type not in ("chi2", "chi2p") or not settings.penalties_in_loss:
        return {}
    means = [_means(trial.penalties, trial.matrix("replicas_used")) for trial in scan.trials]
    names = dict.fromkeys(name for each in means for name in each)
    if not names:
        return {}
    found = {
        name: np.array([each.get(name, math.nan) for each in means], dtype=np.float64)
        for name in names
    }
    loss = np.array([trial.loss for trial in scan.trials], dtype=np.float64)
    penalties = np.sum([np.nan_to_num(values) for values in found.values()], axis=0)
    known = np.array([bool(each) for each in means])
    rest = np.where(known, loss - penalties, math.nan)
    return {REST: rest, **found}


def _means(penalties: dict[str, Array], used: Array | None) -> dict[str, float]:
    """Return the mean of each penalty over replicas that count, then over the folds."""
    found = {}
    for name, values in penalties.items():
        counts = np.isfinite(values)
        if used is not None and used.shape == values.shape:
            counts &= used > 0
        if not counts.any():
            continue
        rows = [row[count].mean() for row, count in zip(values, counts, strict=True) if count.any()]
        found[name] = float(np.mean(rows))
    return found


def part_name(part: str) -> str:
    """Return the column of a part."""
    return f"part_{part}"


def part_label(part: str) -> str:
    """Return how a part is called for people.

    Examples
    --------
    >>> part_label("chi2"), part_label("saturation")
    ('χ²', 'saturation')
    """
    return "χ²" if part == REST else part.replace("_", " ")
