"""`python -m tests.benchmarks.memory`: resident memory over trials of changing architectures.

Real fits of a small made-up problem, each with other layers, widths, activations and optimizers, so
that programs are compiled again and again, and a store that keeps all trials. The memory is that of
the scan and of the process of its fits. What grows after the first 20 trials is a leak: less than
1 MB a trial is asked for.

    --trials N     how many (default: 200)
    --one-process  fit in the process of the scan: what TensorFlow leaks
    --every N      print a line every N trials
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.scores.scoring import make_scorer
from n3hyper.runcard.model import Fitting, Flavour, KFold, Partition
from n3hyper.scanning.isolation import IsolatedTrainer
from tests.benchmarks.processes import resident
from tests.support.loops import run_scan
from tests.support.synthetic import synthetic_problem

WARM_UP = 20
FLAVOURS = ("sng", "g", "v", "v3", "v8", "t3", "t8", "cp")
PARAMETERS: dict[str, Any] = {
    "nodes_per_layer": [15, 8],
    "activation_per_layer": ["tanh", "linear"],
    "initializer": "glorot_normal",
    "optimizer": {"optimizer_name": "Adam", "learning_rate": 1e-3, "clipnorm": 1.0},
    "epochs": 20,
    "positivity": {"multiplier": 1.05, "initial": 1.5, "threshold": 1e9},
    "integrability": {"multiplier": 1.05, "initial": 1.5},
    "stopping_patience": 1.0,
    "layer_type": "dense",
    "dropout": 0.0,
    "threshold_chi2": 1e9,
}
LEARNING_RATE = {"sampling": "log", "min": 1e-3, "max": 1e-2}
SPACE: dict[str, Any] = {
    "optimizer": [
        {"optimizer_name": name, "learning_rate": LEARNING_RATE}
        for name in ("Adam", "Nadam", "RMSprop", "Adadelta", "SGD")
    ],
    "architecture": {
        "initializers": ["glorot_normal", "glorot_uniform"],
        "max_drop": 0.1,
        "n_layers": [1, 2, 3, 4],
        "min_units": 5,
        "max_units": 60,
        "activations": ["sigmoid", "tanh"],
    },
}


def make(on_progress: Callable[[Any], None]) -> ModelTrainer:
    """Return the trainer of the fits."""
    problem = synthetic_problem(folds=2, replicas=2)
    kfold = KFold(tuple(Partition(fold.datasets) for fold in problem.folds), threshold=1e30)
    basis = tuple(Flavour(name, (0.9, 1.1), (1.0, 3.0)) for name in FLAVOURS)
    runcard = SimpleNamespace(fitting=Fitting("NN31IC", basis), sum_rules="All")
    return ModelTrainer(problem, runcard, make_scorer(problem, kfold), on_progress)


def ignore(progress: Any) -> None:
    """Ignore the progress."""


def main() -> None:
    """Print memory and trials, and the slope after the first trials."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--one-process", action="store_true")
    arguments = parser.parse_args()
    memory: list[float] = []
    begin = time.perf_counter()

    def on_trial(record: Record) -> None:
        memory.append(resident())
        if len(memory) % arguments.every == 0:
            outcome = record["result"].get("failure", {}).get("text", "ok")
            seconds = time.perf_counter() - begin
            print(f"{len(memory):5d} trials {memory[-1]:8.1f} MB {seconds:6.0f} s  {outcome}")

    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        trainer: Any = make(ignore)
        if not arguments.one_process:
            trainer = held.enter_context(IsolatedTrainer(ignore))
            # by the module's name, not as __main__, for the other process to find
            trainer.prepare(importlib.import_module("tests.benchmarks.memory").make)
        scanner = HyperScanner(PARAMETERS, SPACE)
        run_scan(folder, trainer, scanner, arguments.trials, algo="random", on_trial=on_trial)
    after = np.array(memory[WARM_UP:])
    if after.size < 2:
        return
    slope = np.polyfit(np.arange(after.size), after, 1)[0]
    mean = (after[-1] - after[0]) / (after.size - 1)
    print(
        f"after the first {WARM_UP} trials: {mean:.2f} MB a trial from first to last, "
        f"slope {slope:.2f} MB a trial, never above {after.max():.0f} MB"
    )


if __name__ == "__main__":
    main()
