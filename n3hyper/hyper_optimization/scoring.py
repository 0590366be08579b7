"""From the fits of a trial to its result: scores, loss, and whether it failed.

Which replicas count. A replica is *usable* in a fold when it found an epoch that passed positivity
and threshold_chi2, and all its numbers are finite. The others are left out of every statistic of
the fold (their numbers are recorded, and `replicas_used` says which counted). A fold with fewer
than half of its replicas usable makes the trial fail: a setup that works for a few seeds is not one
to be chosen.

In which order. Folds are judged from the first to the last, as if they had been fitted one after
the other: the first that fails gives the reason. The record has the scores of all folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from n3hyper.hyper_optimization.loss import (
    LossRule,
    best_replicas,
    enough,
    fold_failure,
    fold_loss,
    trial_loss,
)
from n3hyper.hyper_optimization.metrics import NO_METRICS, ExperimentalData, HyperoptMetrics
from n3hyper.hyper_optimization.penalties import find_penalties
from n3hyper.hyper_optimization.record import (
    STATUS_OK,
    Record,
    failed_result,
    finished_result,
    is_finite,
)
from n3hyper.hyper_optimization.rewards import fit_distance, future_test_loss
from n3hyper.physics.arrays import Array, Mask
from n3hyper.physics.objectives import WHOLE_FITS

if TYPE_CHECKING:
    from n3hyper.data.problem import FitProblem
    from n3hyper.fitting.result import BatchFit
    from n3hyper.runcard.model import KFold


@dataclass(frozen=True, eq=False)
class _FoldScore:
    """One fold of one trial."""

    used: Mask
    """(R,)"""
    loss: float
    """What the fold adds to the loss of the trial, its weight included; NaN when it cannot be
    said."""
    held_out: HyperoptMetrics
    fitted: HyperoptMetrics
    penalties: dict[str, Array]
    """By name, (R,), NaN for replicas that were not used."""
    failure: tuple[str, str] | None
    """Reason and text."""


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
        self._folds = [_fold_data(problem, number) for number in range(len(problem.folds))]
        whole = kfold.fold_statistic in WHOLE_FITS
        self._rule = LossRule(
            loss_type=kfold.loss_type,
            replica_statistic=kfold.replica_statistic,
            fold_statistic=LossRule.fold_statistic if whole else kfold.fold_statistic,
            penalties_in_loss=kfold.penalties_in_loss,
            reduce_proportion=kfold.reduce_proportion,
            threshold=kfold.threshold,
        )

    def __call__(self, fit: BatchFit) -> Record:
        """The result of a trial: see `n3hyper.hyper_optimization.record`."""
        folds = [self._score_fold(fit, number) for number in range(fit.folds)]
        scores = _scores(fit, folds)
        for number, fold in enumerate(folds):
            if fold.failure is not None:
                reason, text = fold.failure
                return failed_result(reason, f"fold {number + 1}: {text}", **scores)
        loss = self._loss(fit, folds)
        if not is_finite(loss):
            return failed_result("nan", f"the loss over the folds is {loss}", **scores)
        return finished_result({"status": STATUS_OK, "loss": loss, **scores})

    def _score_fold(self, fit: BatchFit, number: int) -> _FoldScore:
        data = self._folds[number]
        predictions = fit.predictions[number]
        finite = np.isfinite(predictions).all(axis=-1) & np.isfinite(fit.experimental_chi2[number])
        finite &= np.isfinite(fit.validation_chi2[number])
        used = finite & fit.positivity_passed[number]
        if not used.any():
            # without a usable replica the scores are those of what there is
            failure = _too_few(fit, number, used, finite)
            shown = predictions[finite]
            return _FoldScore(
                used=used,
                loss=np.nan,
                held_out=_metrics(data.held_out, shown),
                fitted=_metrics(data.fitted, shown),
                penalties={name: np.full(used.size, np.nan) for name in self._kfold.penalties},
                failure=failure,
            )
        penalties = self._penalties(fit, number, used)
        validation = fit.validation_chi2[number][used]
        best = best_replicas(validation, validation.size, self._rule.reduce_proportion)
        held_out = data.held_out.metrics(data.held_out.select(predictions[used])[best])
        value = fold_loss(
            self._rule,
            fit.experimental_chi2[number][used],
            [values[used] for values in penalties.values()],
            best,
            getattr(held_out, self._rule.kind.figure or "chi2"),
            validation,
        )
        figures = (held_out.chi2, held_out.phi2, held_out.logp)
        return _FoldScore(
            used=used,
            loss=data.weight * value,
            held_out=held_out,
            fitted=_metrics(data.fitted, predictions[used]),
            penalties=penalties,
            failure=_too_few(fit, number, used, finite) or fold_failure(self._rule, value, figures),
        )

    def _penalties(self, fit: BatchFit, number: int, used: Mask) -> dict[str, Array]:
        """Each penalty of the replicas of a fold, (R,), NaN for those that are not used."""
        arguments = {"pdf_model": fit.pdf_model(number), "stopping_object": fit.stopping(number)}
        with np.errstate(all="ignore"):
            values = {
                name: penalty(**arguments) for name, penalty in self._penalty_functions.items()
            }
        return {name: np.where(used, value, np.nan) for name, value in values.items()}

    def _loss(self, fit: BatchFit, folds: list[_FoldScore]) -> float:
        """The loss of a trial whose folds are all good."""
        if self._kfold.fold_statistic == "fit_distance":
            models = [_only(fit.pdf_model(k), fold.used) for k, fold in enumerate(folds)]
            return fit_distance(models)
        if self._kfold.fold_statistic == "fit_future_tests":
            data = [each.held_out for each in self._folds[:-1]]
            past = [fit.predictions[k][folds[k].used] for k in range(len(data))]
            last = fit.predictions[-1][folds[-1].used]
            return future_test_loss(
                [each.select(predictions) for each, predictions in zip(data, past, strict=True)],
                [each.select(last) for each in data],
                data,
            )
        fitted = [fold.fitted.chi2exp for fold in folds]
        return trial_loss(self._rule, [fold.loss for fold in folds], fitted=fitted)


def make_scorer(problem: FitProblem, kfold: KFold) -> Callable[[BatchFit], Record]:
    """What turns the fits of a trial into its result, for a `ModelTrainer`.

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


def _too_few(fit: BatchFit, number: int, used: Mask, finite: Mask) -> tuple[str, str] | None:
    """The failure of a fold of which too few replicas can be used.

    A replica without an accepted epoch has its last weights: where these are not below
    threshold_chi2 the failure is that of the chi2, else that of positivity.
    """
    if enough(used):
        return None
    chi2, limit = fit.validation_chi2[number], fit.threshold_chi2
    above = finite & ~used & ~(chi2 < limit)
    counts = {
        "nan": int((~finite).sum()),
        "threshold_chi2": int(above.sum()),
        "positivity": int((finite & ~used & ~above).sum()),
    }
    texts = [f"{int(used.sum())} of {used.size} replicas can be used"]
    if counts["nan"]:
        texts.append(f"{counts['nan']} not finite")
    if counts["threshold_chi2"]:
        lowest = chi2[above].min()
        texts.append(
            f"{counts['threshold_chi2']} with a validation chi2 of {lowest:.6g} or more at the "
            f"end, which is not below threshold_chi2 {limit:g}"
        )
    if counts["positivity"]:
        texts.append(f"{counts['positivity']} without an epoch that passed positivity")
    return max(counts, key=lambda reason: counts[reason]), "; ".join(texts)


def _metrics(data: ExperimentalData, predictions: Array) -> HyperoptMetrics:
    """Of predictions (replicas, npredictions), of which there may be none."""
    return data.metrics(data.select(predictions)) if len(predictions) else NO_METRICS


def _only(pdf_model: Any, used: Mask) -> Callable[[Array], Array]:
    """The PDF model with the replicas `used` alone."""
    return lambda x: np.asarray(pdf_model(x))[..., used]


def _scores(fit: BatchFit, folds: list[_FoldScore]) -> Record:
    """All of a result but status, loss and failure."""
    used = np.stack([fold.used for fold in folds])
    names = list(folds[0].penalties)
    return {
        "validation_loss": _mean(fit.validation_chi2, used),
        "experimental_loss": _mean(fit.experimental_chi2, used),
        "kfold_meta": {
            "validation_losses": fit.validation_chi2,
            "experimental_losses": fit.experimental_chi2,
            "hyper_losses": fit.experimental_chi2,
            "hyper_losses_chi2": [fold.held_out.chi2 for fold in folds],
            "hyper_losses_phi2": [fold.held_out.phi2 for fold in folds],
            "hyper_losses_logp": [fold.held_out.logp for fold in folds],
            "trvl_losses_chi2": [fold.fitted.chi2 for fold in folds],
            "trvl_losses_chi2exp": [fold.fitted.chi2exp for fold in folds],
            "trvl_losses_phi2": [fold.fitted.phi2 for fold in folds],
            "trvl_losses_logp": [fold.fitted.logp for fold in folds],
            "fold_losses": [fold.loss for fold in folds],
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


def _mean(values: Array, used: Mask) -> float | None:
    """Over the replicas that count; None when there are none."""
    return float(values[used].mean()) if used.any() else None
