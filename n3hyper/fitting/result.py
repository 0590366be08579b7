"""Results of a fit: numbers and networks of all folds and replicas. Does not need TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from n3hyper.fitting.network.pdf_model import PDFModel
from n3hyper.physics.arrays import Array, Index, Mask


@dataclass(frozen=True)
class Progress:
    """Progress of a fit, reported after each chunk of epochs."""

    epoch: int
    epochs: int
    validation_chi2: float
    """Per point, median over the models that are still training; NaN before the first epoch."""
    stage: Literal["compile", "train", "evaluate"] = "train"
    active: int = 0
    """Number of models of the batch that are still training."""
    batch: int = 1
    """Number of the batch that trains, of `batches`, where not all models fit into one."""
    batches: int = 1
    folds: tuple[float, ...] = ()
    """Median for each fold, over its models that are still training; NaN where none is."""


@dataclass(frozen=True, eq=False)
class FoldStopping:
    """Stopping of the replicas of a fold, under the names of n3fit's `Stopping`."""

    e_best_chi2: Index
    """(R,): the best epoch, or the last where none was accepted."""
    stopping_patience: int
    """In epochs."""
    total_epochs: int
    vl_chi2: Array
    """(R,): validation chi2 per point at the best weights."""
    vl_loss: Array
    """(R,): the same."""


@dataclass(frozen=True, eq=False)
class BatchFit:
    """Fit of k folds x R replicas; everything is taken at each model's best weights.

    The best weights are those with the lowest validation loss among the epochs at which positivity
    passed; a model that never got so far keeps its last weights. Epochs count from 0.
    """

    predictions: Array
    """(k, R, npredictions)"""
    training_chi2: Array
    """(k, R): per point, on pseudodata that trained."""
    validation_chi2: Array
    """(k, R): per point, on pseudodata that validated (those that trained where there are none)."""
    validation_loss: Array
    """(k, R): the loss that chose the best weights: chi2 (not per point) plus positivity losses."""
    experimental_chi2: Array
    """(k, R): per point, on the measured values of the data left out (all data where none is)."""
    positivity_passed: Mask
    """(k, R): whether a best epoch was found."""
    nan: Mask
    """(k, R): whether training met a number that is not finite; the model froze there, and its
    results are those of its best weights, when it had some, or NaN."""
    best_epoch: Index
    """(k, R): the last epoch where `positivity_passed` is false."""
    stop_epoch: Index
    """(k, R): the last epoch of the training."""
    total_epochs: int
    """Number of epochs asked for."""
    stopping_patience: int
    """In epochs."""
    epochs_run: int
    """Number of epochs until the last model stopped."""
    seconds: Mapping[str, float]
    """Wall-clock time by stage: setup, compile, train, evaluate."""
    models: tuple[PDFModel, ...]
    """The networks, fold by fold."""
    batches: int = 1
    """Number of batches the models were trained in; nothing else depends on it."""
    curves: Array = field(default_factory=lambda: np.zeros((0, 0, 0, 2)))
    """(k, R, T, 2): training and validation chi2 per point after each 100 epochs, NaN after the
    last epoch of a model."""
    threshold_chi2: float = math.inf
    """Validation chi2 per point that the first best epoch had to be below."""
    positivity_losses: Array = field(default_factory=lambda: np.zeros((0, 0, 0)))
    """(k, R, sets): of each positivity set, with the multiplier of the last epoch."""
    threshold_positivity: float = math.inf
    """Loss of a positivity set that a best epoch had to be below."""

    @property
    def folds(self) -> int:
        """Number of folds k."""
        return int(self.predictions.shape[0])

    @property
    def replicas(self) -> int:
        """Number of replicas R."""
        return int(self.predictions.shape[1])

    def pdf_model(self, fold: int = 0) -> PDFModel:
        """Return the R networks of a fold."""
        return self.models[fold]

    def pdf_grid(self, x: Array, fold: int = 0) -> Array:
        """Return x f(x) in the evolution basis at the scale of the fit, (nx,) -> (R, nx, 14)."""
        return self.models[fold].evaluate(x)

    def stopping(self, fold: int = 0) -> FoldStopping:
        """Return the fold as penalties take it (``stopping_object``)."""
        return FoldStopping(
            e_best_chi2=self.best_epoch[fold],
            stopping_patience=self.stopping_patience,
            total_epochs=self.total_epochs,
            vl_chi2=self.validation_chi2[fold],
            vl_loss=self.validation_chi2[fold],
        )
