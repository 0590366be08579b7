"""Fit of a few seconds: its basis, its runcard and its hyperparameters."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np

from n3hyper.data.masks import mode_masks
from n3hyper.data.problem import FitProblem
from n3hyper.fitting.result import BatchFit
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.training.engine import StepArrays
from n3hyper.fitting.training.inputs import FitInputs
from n3hyper.fitting.training.trial import TrialModels
from tests.support.synthetic import synthetic_problem

RANGES = {
    "sng": ([1.05, 1.19], [1.47, 2.7]),
    "g": ([0.94, 1.25], [0.11, 5.87]),
    "v": ([0.54, 0.75], [1.15, 2.76]),
    "v3": ([0.21, 0.57], [1.35, 3.08]),
    "v8": ([0.52, 0.76], [0.77, 3.56]),
    "t3": ([-0.37, 1.52], [1.74, 3.39]),
    "t8": ([0.56, 1.29], [1.45, 3.03]),
    "cp": ([0.12, 1.19], [1.83, 6.7]),
}
BASIS = [{"fl": fl, "smallx": low, "largex": high} for fl, (low, high) in RANGES.items()]


def runcard(**changes: Any) -> Any:
    """What a ModelTrainer reads of a runcard."""
    fitting = SimpleNamespace(fitbasis="NN31IC", basis=BASIS)
    return SimpleNamespace(**{"fitting": fitting, "sum_rules": "All", **changes})


def parameters(**changes: Any) -> dict[str, Any]:
    """Return hyperparameters with n3fit's keys."""
    return {
        "nodes_per_layer": [9, 7, 8],
        "activation_per_layer": ["tanh", "tanh", "linear"],
        "initializer": "glorot_normal",
        "optimizer": {"optimizer_name": "Adam", "learning_rate": 5e-3, "clipnorm": 1.0},
        "epochs": 120,
        "stopping_patience": 0.5,
        "positivity": {"initial": 2.0, "multiplier": 1.3, "threshold": 1e-6},
        "integrability": {"initial": 3.0, "multiplier": 1.1},
        "layer_type": "dense",
        "dropout": 0.0,
        "threshold_chi2": 1e6,
        **changes,
    }


def small_problem(**changes: Any) -> FitProblem:
    """Return a problem of two folds, two replicas, 66 points, with ratios and hadronic tables."""
    return synthetic_problem(**changes)


def make_trial(problem: FitProblem, accuracy: float | None = None, **changes: Any) -> TrialModels:
    """Return a trial of a problem, with tables without loss unless an accuracy is given."""
    fitting = runcard().fitting
    inputs = FitInputs.of(problem, fitting.fitbasis, fitting.basis, "All", accuracy)
    return TrialModels.of(inputs, FitSettings.from_params(parameters(**changes)))


def arrays_of_step(trial: TrialModels) -> StepArrays:
    """All that a step reads, in NumPy."""
    inputs = trial.inputs
    return trial.step_arrays(inputs.shared_arrays, inputs.arrays_of(trial.models))


def assert_same_bits(first: BatchFit, second: BatchFit) -> None:
    """Whether two fits are the same to the last bit."""
    for field in dataclasses.fields(BatchFit):
        if isinstance(getattr(first, field.name), np.ndarray):
            np.testing.assert_array_equal(
                getattr(first, field.name), getattr(second, field.name), field.name
            )
    for fold in range(first.folds):
        x = np.geomspace(1e-5, 0.9, 7)
        np.testing.assert_array_equal(first.pdf_grid(x, fold), second.pdf_grid(x, fold))
    assert first.epochs_run == second.epochs_run


def problem_of_modes(**changes):
    """Return a small problem with split eigenmodes, three of four for training."""
    problem = small_problem(**changes)
    kept = np.stack([~fold.mask for fold in problem.folds])
    return dataclasses.replace(
        problem, mode_masks=mode_masks(kept, 0.75, range(11, 11 + problem.replicas))
    )
