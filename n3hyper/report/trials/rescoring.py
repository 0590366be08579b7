"""Scoring of trials from their stored folds and replicas, by another loss or statistic.

The loss is made by the functions of the scan (`n3hyper.hyper_optimization.loss`): a trial gets the
loss, or the failure, that a scan with these settings would have given it. What a record does not
hold cannot be computed again: chi2, phi2 and logp of the ensemble are those of the scan's
`reduce_proportion`, and the statistics over whole fits (fit_distance, fit_future_tests) are lost.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.hyper_optimization.loss import (
    THRESHOLD,
    LossRule,
    enough,
    trial_loss,
)
from n3hyper.hyper_optimization.scores.failures import Failure, fold_failure, too_small
from n3hyper.hyper_optimization.scores.loss_parts import (
    VALIDATION,
    FoldLoss,
    FoldNumbers,
    in_words,
    trial_parts,
    whole_fold_loss,
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

FITTED_CHI2: Final = "trvl_losses_chi2exp"
_LASTING: Final = (
    "setup",
    "exception",
    "memory",
    "timeout",
    "lost",
    "positivity",
    "threshold_chi2",
)
"""Reasons of failures that no other loss would mend."""


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
    # n3fit stops at the first bad fold: the others are not there to be looked at
    if trial.reason in _LASTING or (trial.reason and not trial.ours):
        return _as_it_was(trial)
    folds = scored_folds(trial, settings, contaminated)
    if folds is None:
        if trial.reason and trial.reason != "threshold":
            return _as_it_was(trial)
        text = "what the loss is made of is not in the record"
        return _failed(trial, Failure("not stored", text))
    failure = _first_failure(trial, settings, folds)
    if failure is not None:
        return _failed(trial, failure)
    weights = _weights(settings, len(folds))
    fitted = _fitted_chi2(trial)
    loss = trial_loss(settings, [fold.value for fold in folds], weights, fitted)
    if not math.isfinite(loss):
        return _failed(trial, Failure("nan", "the loss is not a number"))
    parts = trial_parts(settings, [fold.parts for fold in folds], weights.tolist(), fitted)
    return dataclasses.replace(
        trial, ok=True, reason="", failure="", quantity="", loss=loss, stored_loss=loss, parts=parts
    )


def _as_it_was(trial: Trial) -> Trial:
    return dataclasses.replace(trial, ok=False, loss=math.nan, stored_loss=math.nan)


def _failed(trial: Trial, failure: Failure) -> Trial:
    return dataclasses.replace(
        trial,
        ok=False,
        reason=failure.reason,
        failure=failure.text,
        quantity=failure.quantity,
        key=failure.key,
        loss=math.nan,
        stored_loss=math.nan,
        parts={},
    )


def _first_failure(trial: Trial, settings: Settings, folds: Sequence[FoldLoss]) -> Failure | None:
    """Return the failure of the first fold that fails, or None."""
    used = trial.matrix("replicas_used")
    names = ("chi2", "logp") if trial.ours else ()
    metrics = {name: trial.fold(f"hyper_losses_{name}") for name in names}
    for place, fold in enumerate(folds):
        number, row = place + 1, None
        if used is not None and place < len(used):
            row = used[place] > 0
            if not enough(row):
                reason, text = trial.reason or "nan", trial.failure
                return Failure(reason, text or f"fold {number}: too few replicas", trial.quantity)
        figures = {
            name: float(values[place])
            for name, values in metrics.items()
            if values is not None and place < values.size
        }
        small = None if row is None or not trial.ours else too_small(settings, row)
        failure = small or fold_failure(settings, fold.parts, figures)
        if failure is not None:
            return failure.in_fold(number)
    return None


def _weights(settings: Settings, folds: int) -> Array:
    weights = settings.weights if len(settings.weights) == folds else (1.0,) * folds
    return np.array(weights)


def fold_losses(trial: Trial, settings: Settings, contaminated: bool = False) -> Array | None:
    """Return the loss of each fold before its weight, (k,); None if the record does not hold it."""
    folds = scored_folds(trial, settings, contaminated)
    return None if folds is None else np.array([fold.value for fold in folds])


def scored_folds(
    trial: Trial, settings: Settings, contaminated: bool = False
) -> list[FoldLoss] | None:
    """Return the loss of each fold and its parts, before its weight; None if it is not stored.

    Parameters
    ----------
    contaminated
        Whether the stored losses contain the penalties.
    """
    if settings.loss_type == N3FIT41 and any(
        trial.fold(name) is None for name in ("validation_losses", FITTED_CHI2)
    ):
        return None
    penalties = trial.penalties
    kind, figures = settings.kind.figure, None
    losses = trial.matrix("hyper_losses")
    losses = trial.matrix("experimental_losses") if losses is None else losses
    if kind:
        figures = trial.fold(f"hyper_losses_{kind}")
        if figures is None:
            return None
        if losses is None or len(losses) != figures.size:
            losses = np.zeros(
                (figures.size, *next((p.shape[1:] for p in penalties.values()), (1,)))
            )
        if not settings.penalties_in_loss:
            penalties = {}
    if losses is None or any(penalty.shape != losses.shape for penalty in penalties.values()):
        return None
    if contaminated and figures is None:
        losses = losses - sum(penalties.values(), np.zeros(losses.shape))
    with_dropped = trial.group("with_dropped").get(kind)
    fits = with_dropped is not None and figures is not None and with_dropped.size == figures.size
    everyone = with_dropped if fits else figures
    used = _matrix(trial, "replicas_used", losses.shape, 1.0) > 0
    validation = _matrix(trial, "validation_losses", losses.shape, math.nan)
    found = []
    for fold, row in enumerate(used):
        # of replicas that did not count records of old have not all numbers
        rows = np.ones_like(row) if "fold_parts" in trial.meta else row
        if not row.any():
            found.append(FoldLoss(math.nan, {settings.name: math.nan}))
            continue
        numbers = FoldNumbers(
            losses=losses[fold][rows],
            penalties={name: values[fold][rows] for name, values in penalties.items()},
            validation=validation[fold][rows],
            used=row[rows],
            known=(row | np.isfinite(losses[fold]) & np.isfinite(validation[fold]))[rows],
            figure=math.nan if figures is None else float(figures[fold]),
            figure_of_all=math.nan if everyone is None else float(everyone[fold]),
        )
        found.append(whole_fold_loss(settings, numbers))
    return found


def _fitted_chi2(trial: Trial) -> Array:
    """Return the chi2 of the data that each fold fits, (k,); NaN where it is not stored."""
    fitted = trial.fold(FITTED_CHI2)
    return np.array([math.nan]) if fitted is None else fitted


def explained(trial: Trial, settings: Settings) -> Trial:
    """Return a failed trial with what decided, worked out where a record of old does not say."""
    if trial.reason != "threshold" or trial.quantity or not trial.ours:
        return trial
    failure = _first_failure(trial, settings, scored_folds(trial, settings) or [])
    if failure is None or failure.reason != trial.reason:
        return trial
    return dataclasses.replace(
        trial, failure=failure.text, quantity=failure.quantity, key=failure.key
    )


def parts_of(settings: Settings, trial: Trial) -> Mapping[str, float]:
    """Return what the loss of a trial is the sum of, by name: as stored, or else worked out.

    Nothing is returned where the parts do not give the loss: n3fit's losses have others.
    """
    if trial.parts or not trial.ok:
        return trial.parts
    folds = scored_folds(trial, settings)
    if folds is None or not all(fold.parts for fold in folds):
        return {}
    weights = _weights(settings, len(folds)).tolist()
    parts = trial_parts(settings, [fold.parts for fold in folds], weights, _fitted_chi2(trial))
    return parts if math.isclose(sum(parts.values()), trial.loss, rel_tol=1e-6) else {}


def _matrix(trial: Trial, name: str, shape: tuple[int, ...], default: float) -> Array:
    found = trial.matrix(name)
    return found if found is not None and found.shape == shape else np.full(shape, default)


def mix_validation(scan: Scan, share: float) -> Scan:
    """Return the scan with the losses (1 - share) loss + share x validation loss."""
    trials = [
        dataclasses.replace(
            trial,
            loss=(1 - share) * trial.loss + share * trial.validation_loss,
            parts=_mixed(scan.parts_of(trial), share, trial.validation_loss),
        )
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


def _mixed(parts: Mapping[str, float], share: float, validation: float) -> Mapping[str, float]:
    if not parts:
        return parts
    mixed = {name: (1 - share) * value for name, value in parts.items()}
    mixed[VALIDATION] = mixed.get(VALIDATION, 0.0) + share * validation
    return mixed


def apply_threshold(scan: Scan, threshold: float) -> Scan:
    """Return the scan with trials whose loss exceeds `threshold` as failures."""
    return scan.with_trials(
        _failed(trial, _above(scan.parts_of(trial), trial.loss, threshold))
        if trial.ok and trial.loss > threshold
        else trial
        for trial in scan.trials
    )


def _above(parts: Mapping[str, float], loss: float, threshold: float) -> Failure:
    text = f"the loss {loss:.6g} is above --threshold {threshold:g}"
    if not parts:
        return Failure("threshold", text, key="--threshold")
    decides = max(parts, key=lambda name: parts[name])
    return Failure("threshold", f"{text} ({in_words(parts)})", decides, key="--threshold")
