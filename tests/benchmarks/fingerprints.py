"""Fingerprints of fits, to the bit: ``python -m tests.benchmarks.fingerprints``.

A line for each kind of fit that the engine has: likelihoods of points, of features with and without
attached points, and of eigenmodes; folds or none; lanes, batches, stopping; layers, inputs and
optimizers. The bits depend on the machine and on the versions of NumPy and TensorFlow. So a change
that is to leave them alone is checked by what this prints before and after it, on one machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.fitting.result import BatchFit
from tests.support.fitting_samples import parameters, problem_of_modes, runcard, small_problem

Fit = Callable[[], BatchFit]
LARGE = {"dis": (160, 110, 20)}
"""So many linear points that features stand for them, also where eigenmodes are split."""


def fitted(
    problem: FitProblem,
    lanes: int = 1,
    dtype: str | None = None,
    memory: int | None = None,
    **changes: Any,
) -> BatchFit:
    """Return the fit of a problem with this many lanes."""
    with patch("n3hyper.fitting.training.batches.lanes_at_most", lambda: lanes):
        return ModelTrainer(problem, runcard(), dtype=dtype, memory=memory).fit(
            parameters(**{"epochs": 130, **changes})
        )


def cases() -> Iterator[tuple[str, Fit]]:
    """Return the kinds of fits, by name."""
    small, large = small_problem(), small_problem(dis=(90, 60, 12))
    yield "points", lambda: fitted(small)
    yield "features", lambda: fitted(large)
    yield "linear points alone", lambda: fitted(small_problem(hadronic=0, positivity=0))
    yield "eigenmodes", lambda: fitted(problem_of_modes())
    yield "eigenmodes, features", lambda: fitted(problem_of_modes(**LARGE))
    yield "eigenmodes, linear points", lambda: fitted(problem_of_modes(hadronic=0, positivity=0))
    alone = {"folds": 0, "replicas": 1, "frac": 1.0}
    yield "no folds, no validation", lambda: fitted(small_problem(**alone))
    yield "no folds, eigenmodes", lambda: fitted(modes_without_folds())
    ten_replicas = small_problem(replicas=10)
    stopping = {"epochs": 700, "stopping_patience": 0.05}
    yield "lanes, stopping", lambda: fitted(ten_replicas, lanes=2, **stopping)
    yield (
        "lanes of eigenmodes",
        lambda: fitted(problem_of_modes(replicas=10), lanes=3, epochs=300, stopping_patience=0.1),
    )
    yield "batches", lambda: fitted(ten_replicas, memory=1)
    yield "float64", lambda: fitted(large, dtype="float64")
    deep = {"nodes_per_layer": [9, 7, 6, 8], "activation_per_layer": ["tanh"] * 3 + ["linear"]}
    yield "dropout", lambda: fitted(small, dropout=0.2, **deep)
    yield "per flavour", lambda: fitted(small, layer_type="dense_per_flavour")
    yield "scaled inputs", lambda: fitted(small, feature_scaling_points=12)
    regularizer = {"regularizer": "l1_l2", "regularizer_args": {"l1": 0.1, "l2": 0.3}}
    yield "regularizer", lambda: fitted(small, **regularizer)
    nadam = {"optimizer_name": "Nadam", "learning_rate": 1e-3, "clipnorm": 1e-2}
    yield "Nadam", lambda: fitted(small, optimizer=nadam)


def modes_without_folds() -> FitProblem:
    """Return a problem whose eigenmodes are split and which leaves nothing out."""
    problem = problem_of_modes(folds=1)
    assert problem.mode_masks is not None
    mask = problem.folds[0].mask
    fold = dataclasses.replace(problem.folds[0], mask=np.zeros_like(mask))
    return dataclasses.replace(problem, folds=(fold,))


def fingerprint(fit: BatchFit) -> str:
    """Return a hash of all numbers of a fit."""
    bits = hashlib.sha256()
    for field in dataclasses.fields(BatchFit):
        value = getattr(fit, field.name)
        if isinstance(value, np.ndarray):
            bits.update(np.ascontiguousarray(value).tobytes())
    for model in fit.models:
        for array in (model.alpha, model.beta, *(layer.kernel for layer in model.layers)):
            bits.update(np.ascontiguousarray(array).tobytes())
    bits.update(f"{fit.epochs_run} {fit.batches}".encode())
    return bits.hexdigest()[:16]


def main() -> None:
    """Print a line for each kind of fit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="Kinds of fits; all by default.")
    names = parser.parse_args().names
    for name, fit in cases():
        if not names or name in names:
            found = fit()
            finite = np.isfinite(found.validation_chi2).mean()
            print(f"{fingerprint(found)}  {name}  ({finite:.0%} finite)", flush=True)


if __name__ == "__main__":
    main()
