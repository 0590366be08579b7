"""Summary of a scan: counts and times, running means, folds, the front of chi2 and phi2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.physics.arrays import Array
from n3hyper.report.trials.rescoring import Settings, fold_losses
from n3hyper.report.trials.scan import METRICS, Scan
from n3hyper.report.trials.trial import Trial

CHI2_THRESHOLD: Final = 5.0
"""Above it trials are left out of the running means of -logp and chi2, as in vp-hyperoptplot."""
CHI2EXP_THRESHOLD: Final = 1.35
"""The same for the running mean of the loss, by the chi2 of the data fitted."""


@dataclass(frozen=True)
class Times:
    """Durations of a scan."""

    spent: float
    """Seconds of all trials together, in parallel or not."""
    busy: float
    """Seconds in which at least one trial ran."""
    per_hour: float
    """Trials an hour, while it ran."""
    last: float
    """POSIX time at which the last trial ended."""


def times(scan: Scan) -> Times:
    """Return durations from the times at which trials were booked and ended."""
    spans = sorted((t.began, t.ended) for t in scan.trials if t.ended >= t.began)
    busy, reached = 0.0, -math.inf
    for began, ended in spans:
        busy += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    seconds = [trial.seconds for trial in scan.trials if math.isfinite(trial.seconds)]
    return Times(
        spent=sum(seconds) if seconds else math.nan,
        busy=busy if spans else math.nan,
        per_hour=3600 * len(spans) / busy if busy else math.nan,
        last=reached if spans else math.nan,
    )


@dataclass(frozen=True, eq=False)
class Convergence:
    """Losses in the order of the trials."""

    iteration: Array
    """Of the trials with a loss."""
    loss: Array
    best: Array
    """The lowest so far."""
    failed: Array
    """Iterations of those without."""


def convergence(scan: Scan) -> Convergence:
    """Return the losses in order, and the lowest so far."""
    good = scan.good
    loss = np.array([trial.loss for trial in good])
    return Convergence(
        iteration=np.array([trial.iteration for trial in good], dtype=np.float64),
        loss=loss,
        best=np.minimum.accumulate(loss) if loss.size else loss,
        failed=np.array([t.iteration for t in scan.trials if not t.ok], dtype=np.float64),
    )


def running_means(
    scan: Scan, chi2_below: float = CHI2_THRESHOLD, chi2exp_below: float = CHI2EXP_THRESHOLD
) -> dict[str, Array]:
    """Return means over all trials so far, of the trials with a loss that lie below thresholds.

    Parameters
    ----------
    chi2_below
        Largest `hyper_loss_chi2` of a trial that counts for ``logp`` and ``chi2``.
    chi2exp_below
        Largest `trvl_loss_chi2exp` of one that counts for ``loss``.

    Returns
    -------
    dict
        ``loss``, ``logp``, ``chi2``: (trials that count,) each.
    """
    part = scan.with_trials(scan.good)
    chi2, logp = part.numbers("hyper_loss_chi2"), part.numbers("hyper_loss_logp")
    fitted = part.numbers("trvl_loss_chi2exp")
    loss = np.array([trial.loss for trial in part.trials])
    counts = chi2 < chi2_below
    return {
        "loss": _running(loss[fitted < chi2exp_below]),
        "logp": _running(logp[counts]),
        "chi2": _running(chi2[counts]),
    }


def _running(values: Array) -> Array:
    return np.asarray(np.cumsum(values) / np.arange(1, values.size + 1))


def pareto(chi2: Array, phi2: Array) -> NDArray[np.intp]:
    """Return the trials that no other beats in both: a lower chi2 and a larger phi2.

    PDFs should describe data that they have not seen, and be undetermined where they have seen
    none (arXiv:2410.16248).

    Examples
    --------
    >>> pareto(np.array([1.0, 2.0, 1.5, 3.0]), np.array([0.1, 0.3, 0.05, 0.2]))
    array([0, 1])
    """
    known = np.flatnonzero(np.isfinite(chi2) & np.isfinite(phi2))
    order = known[np.lexsort((-phi2[known], chi2[known]))]
    highest, front = -math.inf, []
    for place in order:
        if phi2[place] > highest:
            highest = float(phi2[place])
            front.append(place)
    return np.array(front, dtype=np.intp)


@dataclass(frozen=True)
class FoldSummary:
    """Scores of one fold."""

    number: int
    """From 1."""
    datasets: str
    """What it leaves out."""
    loss: float
    """Of the best trial."""
    spread: float
    """Standard deviation over the replicas of the best trial's chi2 on the data left out, of those
    that count; NaN for fewer than two."""
    chi2: float
    phi2: float
    logp: float
    decides: float
    """Share of the trials in which no fold has a larger loss."""
    correlation: float
    """Rank correlation of its loss with that of the trial, over all trials."""


def trial_folds(trial: Trial, settings: Settings) -> Array | None:
    """Return each fold's part of the loss, (k,), as stored or else computed from what is stored."""
    stored = trial.fold("fold_losses") if trial.ok else None
    found = fold_losses(trial, settings) if stored is None else stored
    return None if found is None or not np.isfinite(found).all() else found


def folds(scan: Scan, settings: Settings, rescored: bool) -> tuple[FoldSummary, ...]:
    """Return the folds one by one.

    Parameters
    ----------
    settings
        How folds are scored.
    rescored
        Whether the losses of the record are not those of the report.
    """
    best, losses = scan.best, fold_matrix(scan, settings, rescored)
    if best is None or losses is None:
        return ()
    place = scan.good.index(best)
    known = np.isfinite(losses).all(axis=1)
    most = losses[known].argmax(axis=1)
    trials = np.array([trial.loss for trial in scan.good])
    sign = -1.0 if settings.larger_is_better else 1.0
    spread = _spread(best)
    metrics = {name: best.fold(f"hyper_losses_{name}") for name in METRICS}
    rows = []
    for fold in range(losses.shape[1]):
        rows.append(
            FoldSummary(
                number=fold + 1,
                datasets=scan.fold_names[fold] if fold < len(scan.fold_names) else "",
                loss=float(losses[place, fold]),
                spread=_entry(spread, fold),
                **{name: _entry(value, fold) for name, value in metrics.items()},
                decides=float((most == fold).mean()) if most.size else math.nan,
                correlation=sign * spearman(losses[known, fold], trials[known]),
            )
        )
    return tuple(rows)


def _spread(trial: Trial) -> Array | None:
    """Return the standard deviation over the replicas of a fold that count, (k,)."""
    losses, used = trial.matrix("hyper_losses"), trial.matrix("replicas_used")
    if losses is None:
        return None
    counts = np.isfinite(losses)
    if used is not None and used.shape == losses.shape:
        counts &= used > 0
    return np.array(
        [
            np.std(row[mask]) if mask.sum() > 1 else math.nan
            for row, mask in zip(losses, counts, strict=True)
        ]
    )


def _entry(values: Array | None, place: int) -> float:
    return float(values[place]) if values is not None and place < values.size else math.nan


def fold_matrix(scan: Scan, settings: Settings, rescored: bool) -> Array | None:
    """Return each fold's part of the loss, (trials with a loss, k), NaN if unknown."""
    trials, count = scan.good, scan.fold_count
    if not count or not trials:
        return None
    part = scan.with_trials(trials)
    stored = part.folds("fold_losses")
    if rescored or all(row is None for row in stored):
        stored = [fold_losses(trial, settings) for trial in trials]
    found = np.full((len(trials), count), math.nan)
    for place, row in enumerate(stored):
        if row is not None and row.size == count:
            found[place] = row
    return found if np.isfinite(found).any() else None


def ranks(values: Array) -> Array:
    """Return ranks from 0, (n,) -> (n,); ties share their mean.

    Examples
    --------
    >>> ranks(np.array([3.0, 1.0, 1.0]))
    array([2. , 0.5, 0.5])
    """
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts + 1) / 2)[where])


def spearman(one: Array, other: Array) -> float:
    """Return the rank correlation of two columns; NaN if one of them does not vary."""
    if one.size < 3:
        return math.nan
    a, b = ranks(one) - (one.size - 1) / 2, ranks(other) - (one.size - 1) / 2
    norm = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / norm if norm else math.nan


def fold_correlations(losses: Array) -> Array:
    """Return rank correlations, (k, k), of the folds' losses (trials, k)."""
    known = losses[np.isfinite(losses).all(axis=1)]
    count = losses.shape[1]
    found = np.eye(count)
    for i in range(count):
        for j in range(i):
            found[i, j] = found[j, i] = spearman(known[:, i], known[:, j])
    return found


def top(scan: Scan, key: str = "loss", count: int | None = None) -> tuple[Trial, ...]:
    """Return the trials sorted by a column, largest first for ``-name``; unknown values last."""
    name, reverse = key.removeprefix("-"), key.startswith("-")
    values = scan.column(name)

    def order(place: int) -> tuple[bool, float, str]:
        value = values[place]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return (True, 0.0, "")
        if isinstance(value, (int, float)):
            return (False, -value if reverse else float(value), "")
        return (False, 0.0, str(value))

    places = sorted(range(len(values)), key=order)
    return tuple(scan.trials[place] for place in places[:count])
