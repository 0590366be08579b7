"""The training of all models of a trial: in batches that fit into memory, and these in lanes."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from n3hyper.errors import lacks_memory
from n3hyper.fitting import engine
from n3hyper.fitting.backend import device_memory, lanes_at_most, tensorflow
from n3hyper.fitting.batch import FitInputs, Trial
from n3hyper.fitting.clock import Clock
from n3hyper.fitting.curves import CHUNK, CurveRecorder
from n3hyper.fitting.lanes import Lane, Lanes, cut, lanes_for, shorter
from n3hyper.fitting.memory import SMALLEST, largest_batch
from n3hyper.fitting.result import Progress
from n3hyper.fitting.trained import Trained, fill, split

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

COMPILATION: Final = 2.0
"""Seconds that a compilation is expected to take before there was one."""


class _Place(NamedTuple):
    """Which batch of how many."""

    batch: int
    batches: int


class Training:
    """Trains one trial after the other; keeps what they share on the device.

    Parameters
    ----------
    inputs
        What the trials have in common.
    dtype, memory, on_progress
        See `n3hyper.fitting.model_trainer.ModelTrainer`.
    """

    def __init__(
        self,
        inputs: FitInputs,
        dtype: str,
        memory: int | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.inputs, self.dtype = inputs, dtype
        self.memory, self.on_progress = memory, on_progress
        self.compilation = COMPILATION
        """Seconds that the last one took."""
        self._most_models = inputs.models
        self._shared: dict[str, Any] | None = None
        self._fixed: dict[bytes, dict[str, Any]] = {}

    def with_inputs(self, inputs: FitInputs) -> Training:
        """The training of other replicas; what models share stays on the device."""
        other = Training(inputs, self.dtype, self.memory, self.on_progress)
        other.compilation = self.compilation
        other._shared = self._shared_tensors()
        return other

    def train(self, trial: Trial, clock: Clock) -> Trained:
        """All models together or, where memory is short or runs out, some after the others."""
        units = trial.inputs.units
        parts: list[Trained] = []
        lost = np.zeros(units.size, dtype=bool)
        batches = split(units, self.batch_size(trial))
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

    def batch_size(self, trial: Trial) -> int:
        """How many models may be trained together."""
        item = np.dtype(self.dtype).itemsize
        return min(self._most_models, largest_batch(trial, item, self.memory, device_memory()))

    def _train_batch(
        self, trial: Trial, models: Index, where: _Place, lost: Mask, clock: Clock
    ) -> Trained:
        """Some models together; `lost` is told which of them have failed."""
        with clock("setup"):
            lanes = self.lanes(trial, models, idle=self._hopeless(lost))
        if self._hopeless(lost):
            return lanes.trained()
        with clock("compile"):
            self._report(lanes, trial, "compile", where)
            self.compile(lanes)
        curves = CurveRecorder(models)
        while lanes.goes_on and not self._hopeless(lost):
            before = lanes.epoch, clock.seconds.get("train", 0.0)
            with clock("train"):
                # an epoch is judged by the step after it: one more makes the first chunk whole
                lanes.run(CHUNK + (lanes.epoch == 0))
                self._report(lanes, trial, "train", where)
            curves.note(
                lanes.numbers, lanes.monitored("training_chi2"), lanes.monitored("validation_chi2")
            )
            for lane in lanes.lanes:
                monitor = lane.state.monitor
                lost[lane.models] = monitor.nan.numpy() & (monitor.best_epoch.numpy() < 0)
            pace = (clock.seconds["train"] - before[1]) / (lanes.epoch - before[0])
            lanes = self.without_stopped(trial, lanes, pace, clock)
        trained = lanes.trained()
        return replace(trained, curves=curves.curves(trained.stop_epoch))

    def lanes(self, trial: Trial, models: Index, idle: bool = False) -> Lanes:
        """Some models before their training; without arrays where they will not train."""
        everyone = np.array_equal(models, np.arange(trial.inputs.models))
        if everyone and not idle:
            # of which those of each lane are taken
            _ = trial.inputs.model_arrays
        made = []
        for its in cut(models, trial.inputs.units.shape[1], self._lanes_at_most, SMALLEST):
            part = trial if everyone and len(its) == len(models) else trial.part(its)
            weights = tensorflow().constant(part.initial_weights(), self.dtype)
            state = engine.start(part.program(), weights, trial.settings.epochs)
            arrays = {} if idle else self._arrays(part, everyone)
            made.append(Lane.of(part, its, arrays, state))
        return Lanes(made, models)

    def _arrays(self, part: Trial, everyone: bool = False) -> dict[str, Any]:
        """All that a step reads, of some models."""
        return {
            **self._shared_tensors(),
            **self.model_tensors(part.inputs, everyone),
            **self.tensors(part.arrays()),
        }

    @property
    def _lanes_at_most(self) -> int:
        return lanes_for(self.inputs.shared_arrays, lanes_at_most())

    def without_stopped(self, trial: Trial, lanes: Lanes, pace: float, clock: Clock) -> Lanes:
        """Lanes of those models that still train, once these are few enough to gain by it.

        Not where no epoch is left, although models may still be active; not on a GPU, where the
        last bits depend on the length of a lane, and the time on little; nor where the arrays of
        all models do not fit into memory, and would have to be made again.

        Parameters
        ----------
        pace
            Seconds of an epoch.
        """
        if not lanes.goes_on or device_memory() is not None or not trial.inputs.keeps_arrays:
            return lanes
        units = trial.inputs.units
        left = units[np.isin(units, lanes.training()).any(axis=1)]
        width, most = units.shape[1], len(lanes.lanes)
        length = width * shorter(lanes.length // width, most, len(left), -(-SMALLEST // width))
        chosen = fill(left, length)
        if length == lanes.length and len(chosen) == most:
            return lanes
        parts = [trial.part(models) for models in chosen]
        known = engine.compiled(parts[0].program()).traces > 0
        epochs = min(trial.settings.epochs - lanes.epoch, trial.settings.patience)
        gain = pace * (1.0 - length / lanes.length) * epochs
        if not known and gain < self.compilation:
            return lanes
        with clock("setup"):
            shorter_ones = Lanes(
                [
                    Lane.of(part, models, self._arrays(part), lanes.state_of(models))
                    for part, models in zip(parts, chosen, strict=True)
                ],
                lanes.models,
                lanes.left_behind(left.ravel()),
            )
        with clock("compile"):
            self.compile(shorter_ones)
        return shorter_ones

    def compile(self, lanes: Lanes) -> None:
        """Compile their program, unless it is there."""
        begin, known = time.perf_counter(), lanes.compiled
        lanes.compile()
        if not known:
            self.compilation = time.perf_counter() - begin

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

    def model_tensors(self, inputs: FitInputs, everyone: bool) -> dict[str, Any]:
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
