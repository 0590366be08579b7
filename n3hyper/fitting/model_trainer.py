"""ModelTrainer: hyperparameters in, the fits of all folds and replicas out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem
from n3hyper.fitting import engine
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.batch import FitInputs, Trial
from n3hyper.fitting.likelihood import chi2_numpy
from n3hyper.fitting.result import BatchFit, Progress
from n3hyper.fitting.settings import FitSettings
from n3hyper.physics.chi2 import chi2_per_replica

Array = NDArray[np.float64]
Score = Callable[[BatchFit], dict[str, Any]]


class ModelTrainer:
    """Fits all folds and replicas of a problem, for one set of hyperparameters after the other.

    The same hyperparameters give the same bits at each call.

    Parameters
    ----------
    problem
        Data, theory, masks and seeds.
    runcard
        Its `fitting` and `sum_rules` are read.
    score
        Makes the result of a trial from its fits.
    on_progress
        Is called before the compilation and after each chunk of epochs.
    dtype
        Of the training: ``float32``, or ``float64``; by default as the runcard says.
    """

    def __init__(
        self,
        problem: FitProblem,
        runcard: Any,
        score: Score | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        dtype: str | None = None,
    ) -> None:
        self.problem = problem
        self.inputs = FitInputs.of(
            problem, runcard.fitting.fitbasis, runcard.fitting.basis, runcard.sum_rules
        )
        self.score = score
        self.on_progress = on_progress
        double = getattr(runcard, "double_precision", False)
        self.dtype = dtype or ("float64" if double else "float32")
        self.hyperopt = False
        self._keys: tuple[str, ...] = ()
        self._fixed: dict[str, Any] | None = None

    def set_hyperopt(self, hyperopt_on: bool, keys: Sequence[str] = ()) -> None:
        """Whether parameters come from a scan, and the keys of its dictionaries to unroll."""
        self.hyperopt = hyperopt_on
        self._keys = tuple(keys or ())

    def hyperparametrizable(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Fit and score: the result of a trial."""
        if self.score is None:
            raise TypeError("ModelTrainer was made without a score")
        return self.score(self.fit(params))

    def fit(self, params: Mapping[str, Any]) -> BatchFit:
        """Train all models.

        Raises
        ------
        FitError
            for parameters that describe no fit.
        """
        clock = _Clock()
        with clock("setup"):
            trial = Trial.of(self.inputs, FitSettings.from_params(self._unrolled(params)))
            arrays = {**self._fixed_tensors(), **self.tensors(trial.arrays())}
            program = trial.program()
            loop = engine.compiled(program)
            weights = tensorflow().constant(trial.initial_weights(), self.dtype)
            state = engine.start(program, weights, trial.settings.epochs)
        with clock("compile"):
            self._report(state, trial.settings.epochs, "compile")
            state = loop.run(arrays, state, 0)
        with clock("train"):
            state = self._train(loop, arrays, state, trial.settings.epochs)
        with clock("evaluate"):
            fit = self._result(trial, state, clock.seconds)
        return fit

    def _unrolled(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The flat dictionary of what a scan hands: choices come as dictionaries of their own."""
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

    def tensors(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Integers as they are, all else in the precision of the training."""
        tf = tensorflow()

        def tensor(value: Any) -> Any:
            whole = isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "iu"
            return tf.constant(value, None if whole else self.dtype)

        tensors: dict[str, Any] = tf.nest.map_structure(tensor, dict(arrays))
        return tensors

    def _fixed_tensors(self) -> dict[str, Any]:
        if self._fixed is None:
            self._fixed = self.tensors(self.inputs.fixed_arrays)
        return self._fixed

    def _train(
        self, loop: engine.Compiled, arrays: dict[str, Any], state: engine.State, epochs: int
    ) -> engine.State:
        # one step more than epochs: the last one only validates
        while int(state.epoch) < epochs + 1 and bool(np.any(state.monitor.active)):
            state = loop.run(arrays, state, min(engine.CHUNK, epochs + 1 - int(state.epoch)))
            self._report(state, epochs, "train")
            if self._hopeless(state):
                break
        return state

    def _hopeless(self, state: engine.State) -> bool:
        """Whether all models of some fold have failed: the trial has, too."""
        lost = state.monitor.nan.numpy() & (state.monitor.best_epoch.numpy() < 0)
        return bool(lost.reshape(self.inputs.folds, -1).all(axis=1).any())

    def _report(self, state: engine.State, epochs: int, stage: Any) -> None:
        if self.on_progress is None:
            return
        active = state.monitor.active.numpy()
        chi2 = state.monitor.validation_chi2.numpy()
        shown = chi2[active] if active.any() else chi2
        epoch = min(max(int(state.epoch) - 1, 0), epochs)
        self.on_progress(Progress(epoch, epochs, float(np.median(shown)), stage, int(active.sum())))

    def _result(self, trial: Trial, state: engine.State, seconds: Mapping[str, float]) -> BatchFit:
        monitor = state.monitor._replace(
            **{name: value.numpy() for name, value in state.monitor._asdict().items()}
        )
        shape = (self.inputs.folds, self.problem.replicas)
        found = monitor.best_epoch >= 0
        weights = np.where(found[:, None], monitor.best_weights, state.weights.numpy())
        weights = weights.astype(np.float64)
        replicas = self.problem.replicas
        models = tuple(
            trial.pdf_model(weights, slice(fold * replicas, (fold + 1) * replicas))
            for fold in range(self.inputs.folds)
        )
        xgrid = self.problem.theory.xgrid
        pdf = np.concatenate([model.evaluate(xgrid) for model in models])
        predictions = self.inputs.tables.predict(pdf)
        training, validation = self._chi2(predictions)
        fixed = self.inputs.fixed_arrays
        best_epoch = np.array(np.where(found, monitor.best_epoch, monitor.stop_epoch), np.int64)
        return BatchFit(
            predictions=predictions.reshape(*shape, -1),
            training_chi2=(training / fixed["training_points"]).reshape(shape),
            validation_chi2=(validation / fixed["validation_points"]).reshape(shape),
            validation_loss=np.where(found, monitor.best_loss, validation).reshape(shape),
            experimental_chi2=self._experimental_chi2(predictions.reshape(*shape, -1)),
            positivity_passed=found.reshape(shape),
            nan=monitor.nan.reshape(shape),
            best_epoch=best_epoch.reshape(shape),
            stop_epoch=monitor.stop_epoch.astype(np.int64).reshape(shape),
            total_epochs=trial.settings.epochs,
            stopping_patience=trial.settings.patience,
            epochs_run=max(int(state.epoch) - 1, 0),
            seconds=seconds,
            models=models,
        )

    def _chi2(self, predictions: Array) -> tuple[Array, Array]:
        order = self.inputs.tables.order[: self.problem.ndata]
        return chi2_numpy(self.inputs.fixed_arrays, predictions[:, order])

    def _experimental_chi2(self, predictions: Array) -> Array:
        """(k, R): per point, of the measured values that a fold leaves out."""
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


class _Clock:
    """Wall-clock seconds of named stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Any:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = time.perf_counter() - begin
