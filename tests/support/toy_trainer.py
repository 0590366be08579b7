"""Trainer whose fits take a millisecond: the toy proton, distorted by its parameters.

It has no network, but everything behind the fit is real: predictions of the synthetic problem,
scores, penalties, failures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.fitting.result import BatchFit
from n3hyper.physics.chi2 import chi2_per_replica
from tests.support.synthetic import toy_pdf

PARAMETERS: dict[str, Any] = {
    "nodes_per_layer": [15, 10, 8],
    "activation_per_layer": ["sigmoid", "sigmoid", "linear"],
    "initializer": "glorot_normal",
    "optimizer": {"optimizer_name": "RMSprop", "learning_rate": 1e-5},
    "epochs": 10,
    "positivity": {"multiplier": 1.05, "initial": 1.5, "threshold": 1e-6},
    "stopping_patience": 0.3,
    "layer_type": "dense",
    "dropout": 0.0,
}
HYPERSCAN: dict[str, Any] = {
    "stopping": {
        "min_epochs": 20.0,
        "max_epochs": 50.0,
        "min_patience": 0.1,
        "max_patience": 0.4,
    },
    "positivity": {
        "min_multiplier": 1.01,
        "max_multiplier": 1.1,
        "min_initial": 1.0,
        "max_initial": 5.0,
    },
    "optimizer": [
        {
            "optimizer_name": "Adadelta",
            "learning_rate": {"min": 0.008, "max": 0.07},
            "clipnorm": {"min": 0.1, "max": 2.0},
        },
        {
            "optimizer_name": "RMSprop",
            "learning_rate": {"sampling": "log", "min": 0.01, "max": 1.5},
        },
    ],
    "architecture": {
        "initializers": ["glorot_normal", "glorot_uniform"],
        "max_drop": 0.15,
        "n_layers": [2, 3],
        "min_units": 10,
        "max_units": 50,
        "activations": ["sigmoid", "tanh"],
    },
}


def tilted(x: np.ndarray, pdf: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return x f (nx, 14) times s x^((s - 1)/2) for each of the scales (...,): (..., nx, 14)."""
    scales = scales[..., None, None]
    return pdf * scales * x[:, None] ** (0.5 * (scales - 1.0))


class ToyPDF:
    """Toy proton of each replica, distorted by a scale and a tilt."""

    def __init__(self, scales: np.ndarray) -> None:
        self.scales = scales

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x).reshape(-1)
        return np.moveaxis(tilted(x, toy_pdf(x), self.scales), 0, -1)[None]


def toy_fit(problem: FitProblem, scales: np.ndarray, epochs: int = 100, **changes: Any) -> BatchFit:
    """Return fits that give the toy proton `tilted` by `scales` (k, R)."""
    folds, replicas = scales.shape
    xgrid = problem.theory.xgrid
    predictions = problem.theory.predict(tilted(xgrid, toy_pdf(xgrid), scales))
    experimental = np.empty((folds, replicas))
    for number, fold in enumerate(problem.folds):
        covariance = problem.fit_covariance.masked(fold.mask)
        held_out = predictions[number, :, : problem.ndata][:, fold.mask]
        experimental[number] = chi2_per_replica(held_out, problem.central[fold.mask], covariance)
    chi2 = chi2_per_replica(
        predictions[..., : problem.ndata], problem.central, problem.fit_covariance
    )
    results: dict[str, Any] = {
        "predictions": predictions,
        "training_chi2": chi2,
        "validation_chi2": chi2 + 0.1,
        "validation_loss": chi2 * problem.ndata,
        "experimental_chi2": experimental,
        "positivity_passed": np.ones((folds, replicas), dtype=bool),
        "nan": np.zeros((folds, replicas), dtype=bool),
        "best_epoch": np.full((folds, replicas), epochs // 2),
        "stop_epoch": np.full((folds, replicas), epochs - 1),
        "total_epochs": epochs,
        "stopping_patience": epochs // 2,
        "epochs_run": epochs,
        "seconds": {"train": 0.001},
        "models": tuple(ToyPDF(row) for row in scales),
    }
    return BatchFit(**{**results, **changes})


class ToyTrainer:
    """Trainer that fits better the closer its parameters are to those of a good network.

    Parameters
    ----------
    fail
        What to do with some parameters instead of a fit; returns None for the others.
    """

    def __init__(
        self,
        problem: FitProblem,
        score: Callable[[BatchFit], dict[str, Any]],
        fail: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        self.problem = problem
        self.score = score
        self.fail = fail
        self.seen: list[dict[str, Any]] = []
        self.keys: list[str] = []

    def set_hyperopt(self, on: bool, keys: list[str]) -> None:
        assert on
        self.keys = keys

    def hyperparametrizable(self, params: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(params)
        if self.fail is not None and (instead := self.fail(params)) is not None:
            return instead
        bias = 0.02 * abs(np.log(params["optimizer"]["learning_rate"] / 0.05))
        bias += 0.02 * params["dropout"] + 0.01 * (params["initializer"] == "glorot_uniform")
        shape = (len(self.problem.folds), self.problem.replicas)
        scales = 1.0 + bias * np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)
        return self.score(toy_fit(self.problem, scales, epochs=int(params["epochs"])))
