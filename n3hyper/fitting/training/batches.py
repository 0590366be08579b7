"""Training of all models of a trial: in batches that fit into memory, and these in lanes."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple, TypeVar

import numpy as np

from n3hyper.errors import lacks_memory
from n3hyper.fitting.backend import device_memory, lanes_at_most, tensorflow
from n3hyper.fitting.clock import Clock
from n3hyper.fitting.result import Progress
from n3hyper.fitting.training import engine
from n3hyper.fitting.training.curves import CHUNK, CurveRecorder
from n3hyper.fitting.training.inputs import FitInputs, ModelArrays, SharedArrays
from n3hyper.fitting.training.lanes import Lane, Lanes, cut, each_alone, lanes_for, shorter
from n3hyper.fitting.training.memory import SMALLEST, largest_batch
from n3hyper.fitting.training.trained import Trained, fill, split
from n3hyper.fitting.training.trial import TrialModels
from n3hyper.physics.arrays import Array, Index, Mask

SomeArrays = TypeVar("SomeArrays")

Stage = Literal["compile", "train", "evaluate"]

COMPILATION: Final = 2.0
"""Seconds that the first compilation is expected to take."""


class _Place(NamedTuple):
    """Place of a batch among all of a trial, from 1."""

    batch: int
    batches: int


class Training:
    """Training of one trial after the other, which keeps what they share on the device.

    Parameters
    ----------
    inputs
        What trials have in common.
    dtype, memory, on_progress, few_alone
        See `n3hyper.fitting.model_trainer.ModelTrainer`.
    """

    def __init__(
        self,
        inputs: FitInputs,
        dtype: str,
        memory: int | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        few_alone: bool = True,
    ) -> None:
        self.inputs, self.dtype, self.few_alone = inputs, dtype, few_alone
        self.memory, self.on_progress = memory, on_progress
        self.compilation = COMPILATION
        """Seconds that the last compilation took."""
        self._most_models = inputs.models
        self._shared: SharedArrays | None = None
        self._kept: dict[bytes, ModelArrays] = {}

    def with_inputs(self, inputs: FitInputs) -> Training:
        """Return the training of other replicas; what models share stays on the device."""
        other = Training(inputs, self.dtype, self.memory, self.on_progress, self.few_alone)
        other.compilation = self.compilation
        other._shared = self._shared_tensors()
        return other

    def train(self, trial: TrialModels, clock: Clock) -> Trained:
        """Train all models together or, where memory is short, some after the others."""
        units = trial.inputs.units
        parts: list[Trained] = []
        lost = np.zeros(units.size, dtype=bool)
        batches = split(units, self.batch_size(trial))
        while batches:
            done = sum(len(part) for part in parts)
            where = _Place(len(parts) + 1, len(parts) + len(batches))
            models = batches[0]
            try:
                part = self._train_batch(trial, models, where, lost, clock)
            except Exception as err:
                if not lacks_memory(err) or len(models) <= max(SMALLEST, units.shape[1]):
                    raise
                self._most_models = max(len(models) // 2, SMALLEST)
                part = None
            if part is None:
                self._kept.clear()
                gc.collect()
                batches = split(units[done // units.shape[1] :], self._most_models)
                continue
            batches.pop(0)
            # a batch is filled up with its last models
            parts.append(part.first(min(len(models), units.size - done)))
        return Trained.joined(parts).taken(np.argsort(units.ravel()))

    def batch_size(self, trial: TrialModels) -> int:
        """Return how many models may be trained together."""
        item = np.dtype(self.dtype).itemsize
        return min(self._most_models, largest_batch(trial, item, self.memory, device_memory()))

    def _train_batch(
        self, trial: TrialModels, models: Index, where: _Place, lost: Mask, clock: Clock
    ) -> Trained:
        """Train some models together; `lost` is told which of them have failed."""
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

    def lanes(self, trial: TrialModels, models: Index, idle: bool = False) -> Lanes:
        """Return some models before their training; without arrays where they will not train."""
        everyone = np.array_equal(models, np.arange(trial.inputs.models))
        if everyone and not idle:
            # those of each lane are taken from them
            _ = trial.inputs.model_arrays
        lanes = []
        together = trial.inputs.units.shape[1]
        at_most, smallest = (len(models), 1) if self.alone else (self._lanes_at_most, SMALLEST)
        for lane in cut(models, together, at_most, smallest):
            part = trial.part(lane)
            weights = tensorflow().constant(part.initial_weights(), self.dtype)
            state = engine.start(part.program(), weights, trial.settings.epochs)
            lanes.append(Lane.of(part, None if idle else self._arrays(part, everyone), state))
        return Lanes(lanes, models)

    def _arrays(self, part: TrialModels, keep: bool = False) -> engine.StepArrays:
        """Return all that a step reads, of some models."""
        own = self.model_tensors(part.models, keep)
        return self.tensors(part.step_arrays(self._shared_tensors(), own))

    @cached_property
    def alone(self) -> bool:
        """Return whether each model has a lane of its own."""
        inputs = self.inputs
        may = self.few_alone and device_memory() is None and inputs.units.shape[1] == 1
        return may and each_alone(inputs.shared_arrays, inputs.models)

    @property
    def _lanes_at_most(self) -> int:
        return lanes_for(self.inputs.shared_arrays, lanes_at_most())

    def without_stopped(self, trial: TrialModels, lanes: Lanes, pace: float, clock: Clock) -> Lanes:
        """Return lanes of the models that still train, once these are few enough to gain by it.

        Not where no epoch is left, although models may still be active; not on a GPU, where the
        last bits depend on the length of a lane, and the time on little; nor where the arrays of
        all models do not fit into memory, and would have to be made again.

        Where each model is alone, lanes of those that have stopped end by themselves.

        Parameters
        ----------
        pace
            Seconds of an epoch.
        """
        if not lanes.goes_on or device_memory() is not None or not trial.inputs.keeps_arrays:
            return lanes
        if self.alone:
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
                [Lane.of(part, self._arrays(part), lanes.state_of(part.models)) for part in parts],
                lanes.models,
                lanes.left_behind(left.ravel()),
            )
        with clock("compile"):
            self.compile(shorter_ones)
        return shorter_ones

    def compile(self, lanes: Lanes) -> None:
        """Compile the program of lanes, unless that has been done, and take the time."""
        begin, known = time.perf_counter(), lanes.compiled
        lanes.compile()
        if not known:
            self.compilation = time.perf_counter() - begin

    def tensors(self, arrays: SomeArrays) -> SomeArrays:
        """Return a tree of arrays as tensors: integers as they are, else in the fit's precision.

        Tensors stay what they are.
        """
        tf = tensorflow()

        def tensor(value: Any) -> Any:
            if value is None or tf.is_tensor(value):
                return value
            integers = isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "iu"
            return tf.constant(value, None if integers else self.dtype)

        tensors: SomeArrays = tf.nest.map_structure(tensor, arrays)
        return tensors

    def _shared_tensors(self) -> SharedArrays:
        if self._shared is None:
            self._shared = self.tensors(self.inputs.shared_arrays)
        return self._shared

    def model_tensors(self, models: Index, keep: bool) -> ModelArrays:
        """Return what each of some models has of its own, kept for the next trial if asked for."""
        key = models.tobytes()
        if key in self._kept:
            return self._kept[key]
        tensors = self.tensors(self.inputs.arrays_of(models))
        if keep:
            self._kept[key] = tensors
        return tensors

    def _hopeless(self, lost: Mask) -> bool:
        """Return whether all models of some fold have failed: the trial has, too."""
        return bool(lost.reshape(self.inputs.folds, -1).all(axis=1).any())

    def _report(self, lanes: Lanes, trial: TrialModels, stage: Stage, where: _Place) -> None:
        if self.on_progress is None:
            return
        epochs = trial.settings.epochs
        active, chi2 = lanes.monitored("active"), lanes.monitored("validation_chi2")
        # those that have stopped may have been left behind, or not: it depends on what pays
        trained = active if active.any() else np.ones_like(active)
        self.on_progress(
            Progress(
                min(max(lanes.epoch - 1, 0), epochs),
                epochs,
                float(np.median(chi2[trained])),
                stage,
                int(active.sum()),
                where.batch,
                where.batches,
                self._by_fold(lanes.numbers[trained], chi2[trained]),
            )
        )

    def _by_fold(self, models: Index, chi2: Array) -> tuple[float, ...]:
        """Return the median over the models of each fold, NaN for a fold without any."""
        fold = models // (self.inputs.models // self.inputs.folds)
        found = [chi2[fold == number] for number in range(self.inputs.folds)]
        return tuple(float(np.median(each)) if each.size else math.nan for each in found)
