"""ModelTrainer: hyperparameters in, the fits of all folds and replicas out."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem
from n3hyper.errors import lacks_memory
from n3hyper.fitting import engine
from n3hyper.fitting.backend import device_memory, lanes_at_most, tensorflow
from n3hyper.fitting.batch import FitInputs, Trial
from n3hyper.fitting.lanes import Lane, Lanes, cut, lanes_for
from n3hyper.fitting.likelihood import chi2_numpy, points
from n3hyper.fitting.memory import SMALLEST, largest_batch
from n3hyper.fitting.result import BatchFit, Progress
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.trained import Trained, split
from n3hyper.physics.chi2 import chi2_per_replica

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
Score = Callable[[BatchFit], dict[str, Any]]

EVALUATED: Final = 16
"""Models that are evaluated at a time when they have been trained."""


class _Place(NamedTuple):
    """Which batch of how many."""

    batch: int
    batches: int


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
    memory
        Bytes that this process may take in all; None for most of what is free. Models that do not
        fit together are trained in batches, with the same results.
    """

    def __init__(
        self,
        problem: FitProblem,
        runcard: Any,
        score: Score | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        dtype: str | None = None,
        memory: int | None = None,
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
        self.memory = memory
        self._most_models = self.inputs.models
        self._shared: dict[str, Any] | None = None
        self._fixed: dict[bytes, dict[str, Any]] = {}

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
        """Train all models, together or, where memory is short, some after the others.

        Raises
        ------
        FitError
            for parameters that describe no fit.
        """
        clock = _Clock()
        with clock("setup"):
            trial = Trial.of(self.inputs, FitSettings.from_params(self._unrolled(params)))
            size = self._batch_size(trial)
        trained = self._train_all(trial, size, clock)
        with clock("evaluate"):
            fit = self._result(trial, trained, clock.seconds)
        return fit

    def _batch_size(self, trial: Trial) -> int:
        item = np.dtype(self.dtype).itemsize
        return min(self._most_models, largest_batch(trial, item, self.memory, device_memory()))

    def _train_all(self, trial: Trial, size: int, clock: _Clock) -> Trained:
        """All models, in batches of `size`, or smaller ones when memory runs out."""
        units = trial.inputs.units
        parts: list[Trained] = []
        lost = np.zeros(units.size, dtype=bool)
        batches = split(units, size)
        while batches:
            done = sum(len(part) for part in parts)
            where = _Place(len(parts) + 1, len(parts) + len(batches))
            one = batches[0]
            try:
                part = self._train_batch(trial, one, where, lost, clock)
            except Exception as err:
                if not lacks_memory(err) or len(one) <= max(SMALLEST, units.shape[1]):
                    raise
                self._most_models = max(len(one) // 2, SMALLEST)
                part = None
            if part is None:
                self._fixed.clear()
                gc.collect()
                batches = split(units[done // units.shape[1] :], self._most_models)
                continue
            batches.pop(0)
            # a batch is filled up with its last models
            parts.append(part.first(min(len(one), units.size - done)))
        return Trained.joined(parts).taken(np.argsort(units.ravel()))

    def _train_batch(
        self, trial: Trial, models: Index, where: _Place, lost: Mask, clock: _Clock
    ) -> Trained:
        """Some models together; `lost` is told which of them have failed."""
        with clock("setup"):
            lanes = self.lanes(trial, models, idle=self._hopeless(lost))
        if not self._hopeless(lost):
            with clock("compile"):
                self._report(lanes, trial, "compile", where)
                lanes.compile()
            with clock("train"):
                while lanes.goes_on and not self._hopeless(lost):
                    lanes.run(engine.CHUNK)
                    self._report(lanes, trial, "train", where)
                    for lane in lanes.lanes:
                        monitor = lane.state.monitor
                        lost[lane.models] = monitor.nan.numpy() & (monitor.best_epoch.numpy() < 0)
        return lanes.trained()

    def lanes(self, trial: Trial, models: Index, idle: bool = False) -> Lanes:
        """Some models before their training; without arrays where they will not train."""
        everyone = np.array_equal(models, np.arange(trial.inputs.models))
        if everyone and not idle:
            # of which those of each lane are taken
            _ = trial.inputs.model_arrays
        made, most = [], lanes_for(trial.inputs.shared_arrays, lanes_at_most())
        for its in cut(models, trial.inputs.units.shape[1], most, SMALLEST):
            part = trial if everyone and len(its) == len(models) else trial.part(its)
            weights = tensorflow().constant(part.initial_weights(), self.dtype)
            program, epochs = part.program(), trial.settings.epochs
            state, arrays = engine.start(program, weights, epochs), {}
            if not idle:
                arrays = {**self._shared_tensors(), **self._model_tensors(part.inputs, everyone)}
                arrays.update(self.tensors(part.arrays()))
            made.append(Lane(its, engine.compiled(program), arrays, state, epochs))
        return Lanes(made, len(models))

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

    def _shared_tensors(self) -> dict[str, Any]:
        if self._shared is None:
            self._shared = self.tensors(self.inputs.shared_arrays)
        return self._shared

    def _model_tensors(self, inputs: FitInputs, everyone: bool) -> dict[str, Any]:
        """Those of all models are kept from trial to trial."""
        if not everyone:
            return self.tensors(inputs.model_arrays)
        key = inputs.numbers.tobytes()
        if key not in self._fixed:
            self._fixed[key] = self.tensors(inputs.model_arrays)
        return self._fixed[key]

    def _hopeless(self, lost: Mask) -> bool:
        """Whether all models of some fold have failed: the trial has, too."""
        return bool(lost.reshape(self.inputs.folds, -1).all(axis=1).any())

    def _report(self, lanes: Lanes, trial: Trial, stage: Any, where: _Place) -> None:
        if self.on_progress is None:
            return
        epochs = trial.settings.epochs
        active, chi2 = lanes.monitored("active"), lanes.monitored("validation_chi2")
        shown = chi2[active] if active.any() else chi2
        self.on_progress(
            Progress(
                min(max(lanes.epoch - 1, 0), epochs),
                epochs,
                float(np.median(shown)),
                stage,
                int(active.sum()),
                where.batch,
                where.batches,
            )
        )

    def _result(self, trial: Trial, trained: Trained, seconds: Mapping[str, float]) -> BatchFit:
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
            training_chi2=(training / points(masks.training)).reshape(shape),
            validation_chi2=(validation / points(masks.validation)).reshape(shape),
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
        )

    def _evaluated(self, pdf: Array) -> tuple[Array, Array, Array]:
        """Predictions (M, npredictions), training and validation chi2 (M,), in float64.

        Always so many models at a time, so that neither memory nor bits depend on the batches.
        """
        found = []
        for start in range(0, len(pdf), EVALUATED):
            models = np.arange(start, min(start + EVALUATED, len(pdf)))
            predictions = self.inputs.tables.predict(pdf[models])
            arrays = self.inputs.part(models).exact_arrays
            data = predictions[:, : self.problem.ndata]
            found.append((predictions, *chi2_numpy(arrays, data)))
        predictions, training, validation = map(np.concatenate, zip(*found, strict=True))
        return predictions, training, validation

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
            elapsed = time.perf_counter() - begin
            self.seconds[stage] = self.seconds.get(stage, 0.0) + elapsed
