"""Result of a trial from its fits: scores, loss, and the reason where it failed.

Which replicas count. A replica is *usable* in a fold when it found an epoch that passed positivity
and threshold_chi2, and all its numbers are finite. The others are left out of every statistic of
the fold (their numbers are recorded, and `replicas_used` says which counted), but they never make
its loss better: see `n3hyper.hyper_optimization.scores.loss_parts`. A fold with fewer than half of
its replicas usable makes the trial fail: a setup that works for a few seeds is not one to be
chosen.
phi2 is the spread of replicas: there is none of fewer than two.

In which order. Folds are judged from the first to the last, as if they had been fitted one after
the other: the first that fails gives the reason. The record has the scores of all folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from n3hyper.errors import RuncardError
from n3hyper.hyper_optimization.loss import (
    LossRule,
    best_replicas,
    enough,
    trial_loss,
)
from n3hyper.hyper_optimization.penalties import find_penalties
from n3hyper.hyper_optimization.record import (
    STATUS_OK,
    Record,
    failed_result,
    finished_result,
    is_finite,
)
from n3hyper.hyper_optimization.rewards import fit_distance, future_test_loss
from n3hyper.hyper_optimization.scores.failures import Failure, fold_failure, too_small
from n3hyper.hyper_optimization.scores.loss_parts import (
    FoldLoss,
    FoldNumbers,
    Parts,
    parts_by_fold,
    trial_parts,
    whole_fold_loss,
)
from n3hyper.hyper_optimization.scores.metrics import NO_METRICS, ExperimentalData, HyperoptMetrics
from n3hyper.physics.arrays import Array, Mask
from n3hyper.physics.objectives import WHOLE_FITS

if TYPE_CHECKING:
    from n3hyper.data.problem import FitProblem
    from n3hyper.fitting.result import BatchFit
    from n3hyper.runcard.model import KFold


_FIGURES: Final = ("chi2", "phi2", "logp")
"""Of an ensemble, which losses are made of."""


@dataclass(frozen=True, eq=False)
class _FoldScore:
    """One fold of one trial."""

    used: Mask
    """(R,)"""
    weight: float
    loss: FoldLoss
    """Its weight not included; NaN and without parts when it cannot be said."""
    held_out: HyperoptMetrics
    everyone: HyperoptMetrics
    """`held_out` of all replicas that have numbers."""
    fitted: HyperoptMetrics
    penalties: dict[str, Array]
    """By name, (R,), NaN for replicas without numbers."""
    failure: Failure | None

    @property
    def weighted(self) -> float:
        """Return what the fold adds to the loss of the trial."""
        return self.weight * self.loss.value


@dataclass(frozen=True, eq=False)
class _FoldData:
    """The data that a fold leaves out, and the rest."""

    held_out: ExperimentalData
    fitted: ExperimentalData
    weight: float


class Scorer:
    """Scores the trials of one scan; make it with `make_scorer`.

    Parameters
    ----------
    problem
        What is fitted.
    kfold
        How trials are scored.
    """

    def __init__(self, problem: FitProblem, kfold: KFold) -> None:
        self._kfold = kfold
        self._penalty_functions = find_penalties(kfold.penalties)
        self._positivity = [constraint.name for constraint in problem.positivity]
        self._folds = [_fold_data(problem, number) for number in range(len(problem.folds))]
        self._rule = rule_of(kfold)

    def __call__(self, fit: BatchFit) -> Record:
        """The result of a trial: see `n3hyper.hyper_optimization.record`."""
        folds = [self._score_fold(fit, number) for number in range(fit.folds)]
        scores = _scores(self._rule, fit, folds)
        for number, fold in enumerate(folds):
            if fold.failure is not None:
                failure = fold.failure.in_fold(number + 1)
                details = failure.details()
                return failed_result(failure.reason, failure.text, details=details, **scores)
        loss = self._loss(fit, folds)
        if not is_finite(loss):
            return failed_result("nan", f"the loss over the folds is {loss}", **scores)
        parts = self._parts(loss, folds)
        return finished_result({"status": STATUS_OK, "loss": loss, "loss_parts": parts, **scores})

    def _score_fold(self, fit: BatchFit, number: int) -> _FoldScore:
        data = self._folds[number]
        predictions = fit.predictions[number]
        finite = np.isfinite(predictions).all(axis=-1) & np.isfinite(fit.experimental_chi2[number])
        finite &= np.isfinite(fit.validation_chi2[number])
        used = finite & fit.positivity_passed[number]
        penalties = self._penalties(fit, number, finite)
        failure = self._too_few(fit, number, used, finite)
        if not used.any():
            # without a usable replica the scores are those of what there is
            shown = predictions[finite]
            return _FoldScore(
                used=used,
                weight=data.weight,
                loss=FoldLoss(np.nan, {}),
                held_out=_metrics(data.held_out, shown),
                everyone=_metrics(data.held_out, shown),
                fitted=_metrics(data.fitted, shown),
                penalties=penalties,
                failure=failure,
            )
        held_out = self._ensemble(fit, number, used)
        everyone = held_out if (used == finite).all() else self._ensemble(fit, number, finite)
        figure = self._rule.kind.figure or "chi2"
        loss = whole_fold_loss(
            self._rule,
            FoldNumbers(
                losses=fit.experimental_chi2[number],
                penalties=penalties,
                validation=fit.validation_chi2[number],
                used=used,
                known=finite,
                figure=getattr(held_out, figure),
                figure_of_all=getattr(everyone, figure),
            ),
        )
        return _FoldScore(
            used=used,
            weight=data.weight,
            loss=loss,
            held_out=held_out,
            everyone=everyone,
            fitted=_metrics(data.fitted, predictions[used]),
            penalties=penalties,
            failure=failure or too_small(self._rule, used) or self._judged(loss, held_out),
        )

    def _too_few(self, fit: BatchFit, number: int, used: Mask, finite: Mask) -> Failure | None:
        """The failure of a fold of which too few replicas can be used.

        A replica without an accepted epoch has its last weights: where these are not below
        threshold_chi2 the failure is that of the chi2, else that of positivity.
        """
        if enough(used):
            return None
        chi2, limit = fit.validation_chi2[number], fit.threshold_chi2
        above = finite & ~used & ~(chi2 < limit)
        if not self._positivity:
            above = finite & ~used  # nothing else can have kept an epoch from being accepted
        negative = finite & ~used & ~above
        causes = [
            (int((~finite).sum()), Failure("nan", "not finite", "training")),
            (int(above.sum()), _chi2_above(chi2[above], limit)),
            (int(negative.sum()), self._not_positive(fit, number, negative)),
        ]
        texts = [f"{int(used.sum())} of {used.size} replicas can be used"]
        texts += [f"{count} {cause.text}" for count, cause in causes if count]
        _, decides = max(causes, key=lambda cause: cause[0])
        return replace(decides, text="; ".join(texts))

    def _not_positive(self, fit: BatchFit, number: int, which: Mask) -> Failure:
        """The failure of replicas without an epoch that passed positivity."""
        text, key = "without an epoch that passed positivity", "parameters.positivity.threshold"
        if not which.any() or not fit.positivity_losses.size:
            return Failure("positivity", text, "positivity", key=key)
        losses, limit = fit.positivity_losses[number][which], fit.threshold_positivity
        name = self._positivity[int(losses.max(axis=0).argmax())]
        highest = float(losses.max())
        if highest >= limit:
            text += f" (at the end the loss of {name} is up to {highest:.3g}, not below {key} "
            text += f"{limit:g})"
        return Failure("positivity", text, f"positivity of {name}", highest, limit, key)

    def _ensemble(self, fit: BatchFit, number: int, which: Mask) -> HyperoptMetrics:
        """The figures of the best of the replicas `which` of a fold, on the data left out."""
        validation = fit.validation_chi2[number][which]
        best = best_replicas(validation, validation.size, self._rule.reduce_proportion)
        return _metrics(self._folds[number].held_out, fit.predictions[number][which][best])

    def _judged(self, loss: FoldLoss, held_out: HyperoptMetrics) -> Failure | None:
        """The failure of a fold by its loss, or None."""
        figures = {"chi2": held_out.chi2, "logp": held_out.logp}
        return fold_failure(self._rule, loss.parts, figures)

    def _penalties(self, fit: BatchFit, number: int, finite: Mask) -> dict[str, Array]:
        """Each penalty of the replicas of a fold, (R,), NaN for those without numbers."""
        arguments = {"pdf_model": fit.pdf_model(number), "stopping_object": fit.stopping(number)}
        with np.errstate(all="ignore"):
            values = {
                name: penalty(**arguments) for name, penalty in self._penalty_functions.items()
            }
        return {name: np.where(finite, value, np.nan) for name, value in values.items()}

    def _loss(self, fit: BatchFit, folds: list[_FoldScore]) -> float:
        """The loss of a trial whose folds are all good."""
        if self._kfold.fold_statistic == "fit_distance":
            models = [_only(fit.pdf_model(k), fold.used) for k, fold in enumerate(folds)]
            return fit_distance(models)
        if self._kfold.fold_statistic == "fit_future_tests":
            data = [fold.held_out for fold in self._folds[:-1]]
            past = [fit.predictions[k][folds[k].used] for k in range(len(data))]
            last = fit.predictions[-1][folds[-1].used]
            return future_test_loss(
                [part.select(predictions) for part, predictions in zip(data, past, strict=True)],
                [part.select(last) for part in data],
                data,
            )
        return trial_loss(self._rule, [fold.weighted for fold in folds], fitted=_fitted_chi2(folds))

    def _parts(self, loss: float, folds: list[_FoldScore]) -> Parts:
        """The parts of the loss of a trial."""
        if self._kfold.fold_statistic in WHOLE_FITS:
            return {self._kfold.fold_statistic: loss}
        parts = [fold.loss.parts for fold in folds]
        weights = [fold.weight for fold in folds]
        return trial_parts(self._rule, parts, weights, _fitted_chi2(folds))


def _fitted_chi2(folds: list[_FoldScore]) -> list[float]:
    """The chi2 of the data that each fold fits."""
    return [fold.fitted.chi2exp for fold in folds]


def rule_of(kfold: KFold) -> LossRule:
    """The rule of the loss, by a runcard's ``kfold``."""
    whole = kfold.fold_statistic in WHOLE_FITS
    return LossRule(
        loss_type=kfold.loss_type,
        replica_statistic=kfold.replica_statistic,
        fold_statistic=LossRule.fold_statistic if whole else kfold.fold_statistic,
        penalties_in_loss=kfold.penalties_in_loss,
        reduce_proportion=kfold.reduce_proportion,
        threshold=kfold.threshold,
    )


def refuse_too_few_replicas(kfold: KFold, replicas: int) -> None:
    """Raise RuncardError where the loss is a spread of more replicas than there are."""
    failure = too_small(rule_of(kfold), np.ones(replicas, dtype=bool))
    if failure is not None:
        raise RuncardError(
            f"a spread of {replicas} replica, which no trial has",
            key=failure.key,
            value=getattr(kfold, failure.key.removeprefix("kfold.")),
            hint="it needs two replicas or more: -r 2",
        )


def make_scorer(problem: FitProblem, kfold: KFold) -> Callable[[BatchFit], Record]:
    """Return the function that turns the fits of a trial into its result, for a `ModelTrainer`.

    Parameters
    ----------
    problem
        Its folds are those of `kfold`.
    kfold
        Loss type, statistics, penalties and threshold of the runcard.
    """
    return Scorer(problem, kfold)


def _fold_data(problem: FitProblem, number: int) -> _FoldData:
    """A fold that leaves nothing out is tested on all data."""
    fold = problem.folds[number]
    everything = np.ones(problem.ndata, dtype=bool)
    held_out = fold.mask if fold.mask.any() else everything
    fitted = everything if fold.mask.all() else ~fold.mask
    return _FoldData(
        ExperimentalData.of_problem(problem, held_out),
        ExperimentalData.of_problem(problem, fitted),
        fold.weight,
    )


def _chi2_above(chi2: Array, limit: float) -> Failure:
    """The failure of replicas whose validation chi2 (n,) never came below threshold_chi2."""
    key = "parameters.threshold_chi2"
    if not chi2.size:
        return Failure("threshold_chi2", "")
    lowest = float(chi2.min())
    text = (
        f"with a validation chi2 of {lowest:.6g} or more at the end, which is not below "
        f"{key} {limit:g}"
    )
    return Failure("threshold_chi2", text, "validation chi2", lowest, limit, key)


def _metrics(data: ExperimentalData, predictions: Array) -> HyperoptMetrics:
    """Return the metrics of predictions (replicas, npredictions), of which there may be none."""
    return data.metrics(data.select(predictions)) if len(predictions) else NO_METRICS


def _only(pdf_model: Any, used: Mask) -> Callable[[Array], Array]:
    """The PDF model with the replicas `used` alone."""
    return lambda x: np.asarray(pdf_model(x))[..., used]


def _scores(rule: LossRule, fit: BatchFit, folds: list[_FoldScore]) -> Record:
    """All of a result but status, loss and failure."""
    used = np.stack([fold.used for fold in folds])
    names = list(folds[0].penalties)
    phi2 = [fold.held_out.phi2 for fold in folds]
    return {
        "validation_loss": _mean(fit.validation_chi2, used),
        "experimental_loss": _mean(fit.experimental_chi2, used),
        "kfold_meta": {
            "validation_losses": fit.validation_chi2,
            "experimental_losses": fit.experimental_chi2,
            "hyper_losses": fit.experimental_chi2,
            "hyper_losses_chi2": [fold.held_out.chi2 for fold in folds],
            "hyper_losses_phi2": _complete(phi2),
            "phi2_folds": phi2,
            "with_dropped": {
                name: [getattr(fold.everyone, name) for fold in folds] for name in _FIGURES
            },
            "hyper_losses_logp": [fold.held_out.logp for fold in folds],
            "trvl_losses_chi2": [fold.fitted.chi2 for fold in folds],
            "trvl_losses_chi2exp": [fold.fitted.chi2exp for fold in folds],
            "trvl_losses_phi2": _complete([fold.fitted.phi2 for fold in folds]),
            "trvl_losses_logp": [fold.fitted.logp for fold in folds],
            "fold_losses": [fold.weighted for fold in folds],
            "fold_parts": parts_by_fold(
                rule, [fold.loss for fold in folds], [fold.weight for fold in folds]
            ),
            "penalties": {name: [fold.penalties[name] for fold in folds] for name in names},
            "training_losses": fit.training_chi2,
            "best_epochs": fit.best_epoch,
            "stop_epochs": fit.stop_epoch,
            "positivity_passed": fit.positivity_passed,
            "nan": fit.nan,
            "replicas_used": used,
        },
        "epochs_run": fit.epochs_run,
        "seconds": dict(fit.seconds),
    }


def _complete(values: list[float]) -> list[float]:
    """The values of all folds, none where one is missing."""
    return values if np.isfinite(values).all() else []


def _mean(values: Array, used: Mask) -> float | None:
    """Over the replicas that count; None when there are none."""
    return float(values[used].mean()) if used.any() else None
