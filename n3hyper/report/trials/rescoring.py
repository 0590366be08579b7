"""Scoring of trials from their stored folds and replicas, by another loss or statistic.

The loss is made by the functions of the scan (`n3hyper.hyper_optimization.loss`): a trial gets the
loss, or the failure, that a scan with these settings would have given it. What a record does not
hold cannot be computed again: chi2, phi2 and logp of the ensemble are those of the scan's
`reduce_proportion`, and the statistics over whole fits (fit_distance, fit_future_tests) are lost.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.hyper_optimization.loss import (
    THRESHOLD,
    LossRule,
    best_replicas,
    enough,
    fold_failure,
    fold_loss,
    trial_loss,
)
from n3hyper.physics.arrays import Array
from n3hyper.physics.objectives import (
    BEST_PROPORTION,
    LOSS_TYPES,
    N3FIT41,
    STATISTICS,
    WHOLE_FITS,
    default_proportion,
)
from n3hyper.report.errors import ReportError
from n3hyper.report.text import number
from n3hyper.report.trials.scan import Scan, partitions
from n3hyper.report.trials.trial import Trial

_LASTING: Final = (
    "setup",
    "exception",
    "memory",
    "timeout",
    "lost",
    "positivity",
    "threshold_chi2",
)


@dataclass(frozen=True)
class Settings(LossRule):
    """Settings of how trials are scored, named after the keys of a runcard's ``kfold``."""

    weights: tuple[float, ...] = ()
    """Of the folds; 1 where there is none."""

    @property
    def in_words(self) -> str:
        """Return the definition of the loss in words.

        >>> Settings(loss_type="phi2", penalties_in_loss=False).in_words
        '1/phi2, average of folds, no penalties'
        """
        words = [f"{self.name}, {self.fold_statistic} of folds"]
        if not self.kind.figure:
            words.append(f"{self.replica_statistic} of replicas")
        words.append("penalties added" if self.penalties_in_loss else "no penalties")
        return ", ".join(words)


def settings_of(runcard: Mapping[str, Any], ours: bool) -> Settings:
    """Return the settings of a scan, with n3fit's defaults for one of n3fit's."""
    kfold = runcard.get("kfold")
    kfold = kfold if isinstance(kfold, Mapping) else {}
    replica = _known(kfold.get("replica_statistic"), STATISTICS, LossRule.replica_statistic)
    fold = kfold.get("fold_statistic", kfold.get("target"))
    loss = _known(kfold.get("loss_type"), LOSS_TYPES, LossRule.loss_type)
    penalties = kfold.get("penalties_in_loss")
    default = default_proportion(loss, replica) if ours else BEST_PROPORTION
    proportion = number(kfold.get("reduce_proportion", default))
    threshold = number(kfold.get("threshold", THRESHOLD if ours else math.inf))
    weights = [number(fold.get("weight", 1.0)) for fold in partitions(runcard)]
    return Settings(
        loss_type=loss,
        replica_statistic=replica,
        fold_statistic=_known(fold, STATISTICS, LossRule.fold_statistic),
        penalties_in_loss=(
            penalties
            if isinstance(penalties, bool)
            else ours and LOSS_TYPES[loss].penalties_in_loss
        ),
        reduce_proportion=proportion if 0 < proportion <= 1 else default,
        threshold=threshold if math.isfinite(threshold) else math.inf,
        weights=tuple(weight if math.isfinite(weight) else 1.0 for weight in weights),
    )


def _known(name: Any, known: Collection[str], default: str) -> str:
    return name if isinstance(name, str) and name in known else default


def rescore(scan: Scan, settings: Settings) -> Scan:
    """Return the scan with the losses that `settings` give.

    Raises
    ------
    ReportError
        No trial has what the loss is made of.
    """
    contaminated = _penalties_inside(scan)
    scored = [_scored(trial, settings, contaminated) for trial in scan.trials]
    if not any(trial.ok for trial in scored):
        reasons = sorted({trial.failure for trial in scored if trial.failure})
        why = f": {reasons[0]}" if reasons else ""
        raise ReportError(f"no trial has a loss when scored by {settings.in_words}{why}")
    found = scan.with_trials(
        scored, fold_statistic=settings.fold_statistic, loss_name=settings.in_words
    )
    if not scan.trials[0].ours and settings.loss_type != N3FIT41:
        found = found.with_notes("n3fit's trials, scored again by n3hyper's definition of the loss")
    unavailable = _over_whole_fits(scan.runcard)
    if unavailable:
        found = found.with_notes(
            f"the scan was scored by {unavailable}, which looks at whole fits and cannot be "
            f"computed again from what is stored: here it is the {settings.fold_statistic} of folds"
        )
    missing = sum(t.reason == "not stored" for t in scored)
    if missing:
        found = found.with_notes(f"{missing} trials do not hold what this loss is made of")
    return found


def _over_whole_fits(runcard: Mapping[str, Any]) -> str:
    """Return the fold statistic of a scan, for records that lack what it is made of."""
    kfold = runcard.get("kfold")
    kfold = kfold if isinstance(kfold, Mapping) else {}
    statistic = kfold.get("fold_statistic", kfold.get("target"))
    return statistic if statistic in WHOLE_FITS else ""


def _penalties_inside(scan: Scan) -> bool:
    """Return whether stored scores contain the penalties, as n3fit's do if its loss has them."""
    kfold = scan.runcard.get("kfold")
    inside = isinstance(kfold, Mapping) and kfold.get("penalties_in_loss") is True
    return inside and bool(scan.trials) and not scan.trials[0].ours


def _scored(trial: Trial, settings: Settings, contaminated: bool) -> Trial:
    loss, reason, text = _judge(trial, settings, contaminated)
    ok = not reason
    loss = loss if ok else math.nan
    return dataclasses.replace(
        trial, ok=ok, reason=reason, failure=text, loss=loss, stored_loss=loss
    )


def _judge(trial: Trial, settings: Settings, contaminated: bool) -> tuple[float, str, str]:
    """Return loss, reason and text of the failure of a trial."""
    # n3fit stops at the first bad fold: the others are not there to be looked at
    if trial.reason in _LASTING or (trial.reason and not trial.ours):
        return math.nan, trial.reason, trial.failure
    folds = fold_losses(trial, settings, contaminated)
    if folds is None:
        if trial.reason and trial.reason != "threshold":
            return math.nan, trial.reason, trial.failure
        return math.nan, "not stored", "what the loss is made of is not in the record"
    used = trial.matrix("replicas_used")
    metrics = [trial.fold(f"hyper_losses_{name}") for name in ("chi2", "phi2", "logp")]
    for place, value in enumerate(folds):
        where = f"fold {place + 1}"
        if used is not None and place < len(used) and not enough(used[place] > 0):
            return math.nan, trial.reason or "nan", trial.failure or f"{where}: too few replicas"
        stored = [values[place] for values in metrics if values is not None and place < values.size]
        failure = fold_failure(settings, value, stored if trial.ours else ())
        if failure is not None:
            return math.nan, failure[0], f"{where}: {failure[1]}"
    fitted = trial.fold("trvl_losses_chi2exp") if settings.loss_type == N3FIT41 else None
    loss = trial_loss(
        settings,
        folds,
        _weights(settings, folds.size),
        math.nan if fitted is None else fitted,
    )
    if not math.isfinite(loss):
        return math.nan, "nan", "the loss is not a number"
    return loss, "", ""


def _weights(settings: Settings, folds: int) -> Array:
    weights = settings.weights if len(settings.weights) == folds else (1.0,) * folds
    return np.array(weights)


def fold_losses(trial: Trial, settings: Settings, contaminated: bool = False) -> Array | None:
    """Return the loss of each fold before its weight, (k,); None if the record does not hold it."""
    if settings.loss_type == N3FIT41 and any(
        trial.fold(name) is None for name in ("validation_losses", "trvl_losses_chi2exp")
    ):
        return None
    penalties = list(trial.penalties.values())
    figures, losses = None, None
    if settings.kind.figure:
        figures = trial.fold(f"hyper_losses_{settings.kind.figure}")
        if figures is None or not settings.penalties_in_loss or not penalties:
            return figures
        losses = np.zeros_like(penalties[0])
    else:
        losses = trial.matrix("hyper_losses")
        losses = trial.matrix("experimental_losses") if losses is None else losses
    if losses is None or any(penalty.shape != losses.shape for penalty in penalties):
        return None
    if contaminated and figures is None:
        losses = losses - sum(penalties, np.zeros(losses.shape))
    if figures is not None and figures.size != len(losses):
        return None
    used = _matrix(trial, "replicas_used", losses.shape, 1.0) > 0
    validation = _matrix(trial, "validation_losses", losses.shape, math.nan)
    found = np.full(len(losses), math.nan)
    for fold, rows in enumerate(used):
        if rows.any():
            best = best_replicas(
                validation[fold][rows], int(rows.sum()), settings.reduce_proportion
            )
            found[fold] = fold_loss(
                settings,
                losses[fold][rows],
                [penalty[fold][rows] for penalty in penalties],
                best,
                math.nan if figures is None else figures[fold],
                validation[fold][rows],
            )
    return found


def _matrix(trial: Trial, name: str, shape: tuple[int, ...], default: float) -> Array:
    found = trial.matrix(name)
    return found if found is not None and found.shape == shape else np.full(shape, default)


def mix_validation(scan: Scan, share: float) -> Scan:
    """Return the scan with the losses (1 - share) loss + share x validation loss."""
    trials = [
        dataclasses.replace(trial, loss=(1 - share) * trial.loss + share * trial.validation_loss)
        for trial in scan.trials
    ]
    trials = [
        trial
        if math.isfinite(trial.loss) or not trial.ok
        else dataclasses.replace(trial, ok=False, reason="not stored", failure="no validation loss")
        for trial in trials
    ]
    return scan.with_trials(
        trials, loss_name=f"{1 - share:g} ({scan.loss_name}) + {share:g} valid."
    )


def apply_threshold(scan: Scan, threshold: float) -> Scan:
    """Return the scan with trials whose loss exceeds `threshold` as failures."""
    return scan.with_trials(
        dataclasses.replace(
            trial,
            ok=False,
            loss=math.nan,
            reason="threshold",
            failure=f"the loss {trial.loss:.6g} is above {threshold:g}",
        )
        if trial.ok and trial.loss > threshold
        else trial
        for trial in scan.trials
    )
