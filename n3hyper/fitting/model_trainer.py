"""ModelTrainer: hyperparameters in, the fits of all folds and replicas out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.fitting.clock import Clock
from n3hyper.fitting.loss.exact import predict
from n3hyper.fitting.loss.lagrange import positivity_losses
from n3hyper.fitting.loss.masks import number_of_points
from n3hyper.fitting.loss.table_making.compression import ACCURACY
from n3hyper.fitting.network.pdf_model import NetworkWeights
from n3hyper.fitting.result import BatchFit, Progress
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.training.batches import Training
from n3hyper.fitting.training.inputs import FitInputs
from n3hyper.fitting.training.trained import Trained
from n3hyper.fitting.training.trial import TrialModels
from n3hyper.physics.arrays import Array
from n3hyper.physics.chi2 import chi2_per_replica

Score = Callable[[BatchFit], dict[str, Any]]
"""Makes the result of a trial from its fits."""


class FittedFlavours(Protocol):
    """The part ``fitting`` of a runcard."""

    @property
    def fitbasis(self) -> str:
        """Name of the basis."""

    @property
    def basis(self) -> Sequence[Any]:
        """Return the flavours of the basis, typed or as mappings; see `physics.preprocessing`."""


class FitRuncard(Protocol):
    """Runcard as far as a fit reads it; it may have `double_precision`, too."""

    @property
    def fitting(self) -> FittedFlavours:
        """Basis and ranges of the exponents."""

    @property
    def sum_rules(self) -> str | bool | None:
        """Name of the sum rules that hold."""


EVALUATED: Final = 16
"""Number of trained models that are evaluated at a time."""


class ModelTrainer:
    """Fits all folds and replicas of a problem, for one set of hyperparameters after the other.

    The same hyperparameters give the same bits at each call.

    Parameters
    ----------
    problem
        Data, theory, masks and seeds.
    runcard
        Where `fitting`, `sum_rules` and `double_precision` stand.
    score
        Makes the result of a trial from its fits.
    on_progress
        Called before the compilation and after each chunk of epochs.
    dtype
        Precision of the training: ``float32`` or ``float64``; by default as the runcard says.
    memory
        Bytes that this process may take in all; None for most of what is free. Models that do not
        fit together are trained in batches, with the same results.
    few_alone
        Whether few models may be trained one by one, where that is faster. The bits of a fit then
        depend on the number of all models, though not on where they are trained.
    """

    def __init__(
        self,
        problem: FitProblem,
        runcard: FitRuncard,
        score: Score | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        dtype: str | None = None,
        memory: int | None = None,
        few_alone: bool = True,
    ) -> None:
        self.problem = problem
        self.score = score
        double = getattr(runcard, "double_precision", False)
        self.dtype = dtype or ("float64" if double else "float32")
        fitting = runcard.fitting
        # who asks for more digits than predictions are known to gets them
        accuracy = ACCURACY if self.dtype == "float32" else None
        self.inputs = FitInputs.of(
            problem, fitting.fitbasis, fitting.basis, runcard.sum_rules, accuracy
        )
        self.hyperopt = False
        self._keys: tuple[str, ...] = ()
        self.training = Training(self.inputs, self.dtype, memory, on_progress, few_alone)

    def with_problem(self, problem: FitProblem) -> ModelTrainer:
        """Return a trainer of other replicas of the same data and theory, with these tables.

        Parameters
        ----------
        problem
            See `FitProblem.of_replicas`.
        """
        other = copy.copy(self)
        other.problem, other.inputs = problem, self.inputs.with_problem(problem)
        other.training = self.training.with_inputs(other.inputs)
        return other

    def set_hyperopt(self, hyperopt_on: bool, keys: Sequence[str] = ()) -> None:
        """Say whether parameters come from a scan, and which of its dictionaries to unroll."""
        self.hyperopt = hyperopt_on
        self._keys = tuple(keys or ())

    def hyperparametrizable(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of a trial: fit and score."""
        if self.score is None:
            raise TypeError("ModelTrainer was made without a score")
        return self.score(self.fit(params))

    def fit(self, params: Mapping[str, Any], start: NetworkWeights | None = None) -> BatchFit:
        """Train all models, together or, where memory is short, some after the others.

        Parameters
        ----------
        start
            Weights to start from, fold by fold; None to draw them.

        Raises
        ------
        HyperparameterError
            for parameters that describe no fit.
        """
        clock = Clock()
        with clock("setup"):
            settings = FitSettings.from_params(self._unrolled(params))
            trial = TrialModels.of(self.inputs, settings, start)
        trained = self.training.train(trial, clock)
        with clock("evaluate"):
            fit = self._result(trial, trained, clock.seconds)
        return fit

    def _unrolled(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a scan hands as a flat dictionary: choices are dictionaries of their own."""
        if not self.hyperopt:
            return params
        if params.get("parameters") is not None:
            chosen: Mapping[str, Any] = params["parameters"]
            return chosen
        flat = dict(params)
        for key in self._keys:
            if isinstance(params.get(key), Mapping):
                flat.update(params[key])
        return flat

    def _result(
        self, trial: TrialModels, trained: Trained, seconds: Mapping[str, float]
    ) -> BatchFit:
        shape = (self.inputs.folds, self.problem.replicas)
        found = trained.best_epoch >= 0
        replicas = self.problem.replicas
        models = tuple(
            trial.pdf_model(trained.weights, slice(fold * replicas, (fold + 1) * replicas))
            for fold in range(self.inputs.folds)
        )
        xgrid = self.problem.theory.xgrid
        pdf = np.concatenate([model.evaluate(xgrid) for model in models])
        predictions, training, validation = self._evaluated(pdf)
        best_epoch = np.array(np.where(found, trained.best_epoch, trained.stop_epoch), np.int64)
        masks = self.inputs.masks
        return BatchFit(
            predictions=predictions.reshape(*shape, -1),
            training_chi2=(training / number_of_points(masks.training)).reshape(shape),
            validation_chi2=(validation / number_of_points(masks.validation)).reshape(shape),
            validation_loss=np.where(found, trained.best_loss, validation).reshape(shape),
            experimental_chi2=self._experimental_chi2(predictions.reshape(*shape, -1)),
            positivity_passed=found.reshape(shape),
            nan=trained.nan.reshape(shape),
            best_epoch=best_epoch.reshape(shape),
            stop_epoch=trained.stop_epoch.astype(np.int64).reshape(shape),
            total_epochs=trial.settings.epochs,
            stopping_patience=trial.settings.patience,
            epochs_run=trained.epochs_run,
            seconds=seconds,
            models=models,
            batches=trained.batches,
            curves=trained.curves.reshape(*shape, -1, 2),
            threshold_chi2=trial.settings.threshold_chi2,
            positivity_losses=positivity_losses(
                self.problem, trial.settings, predictions, trained.stop_epoch
            ).reshape(*shape, -1),
            threshold_positivity=trial.settings.positivity.threshold,
        )

    def _evaluated(self, pdf: Array) -> tuple[Array, Array, Array]:
        """Return predictions (M, npredictions), training and validation chi2 (M,), in float64.

        Always so many models at a time, so that neither memory nor bits depend on the batches.
        """
        found = []
        for start in range(0, len(pdf), EVALUATED):
            models = np.arange(start, min(start + EVALUATED, len(pdf)))
            predictions = predict(self.problem.theory, pdf[models])
            data = predictions[:, : self.problem.ndata]
            found.append((predictions, *self.inputs.exact_chi2(models, data)))
        predictions, training, validation = map(np.concatenate, zip(*found, strict=True))
        return predictions, training, validation

    def _experimental_chi2(self, predictions: Array) -> Array:
        """Return the chi2 per point of the measured values that a fold leaves out, (k, R)."""
        tested = self.inputs.masks.tested[:: self.problem.replicas]
        return np.stack(
            [
                chi2_per_replica(
                    predictions[fold][:, : self.problem.ndata][:, mask],
                    self.problem.central[mask],
                    self.problem.fit_covariance.masked(mask),
                )
                for fold, mask in enumerate(tested)
            ]
        )
