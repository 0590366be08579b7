"""Cost of an epoch of a model, by folds x replicas: ``python -m tests.benchmarks.engine``.

The problem is that of ``mid.yml`` (14 DIS sets, 1,804 points, 13 positivity sets of which three are
hadronic) where its runcard, tables and t0 set are found, else a synthetic one of that size. Times
are minima over chunks of epochs, since other programs may share the cores; CPU time is that of all
threads. The ratio is to n3fit 4.1.5 on the same data, as measured once on two cores. The bound is
what this machine could do (see `tests.benchmarks.bound`).

    --growth        cost against points, models, layers, and nodes of the x-grid instead
    --trials        setup, compilation and evaluation of whole trials instead
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.training.inputs import FitInputs
from n3hyper.fitting.training.trial import Trial
from tests.benchmarks.bound import Machine, Work, work
from tests.benchmarks.cards import EXPONENTS
from tests.support.synthetic import synthetic_problem

SHARED = Path(__file__).resolve().parents[3] / "shared"
BATCHES = ((1, 1), (4, 1), (4, 8), (4, 32))
N3FIT_MS = {1: 20.0, 4: 11.0, 32: 10.5, 128: 10.5}
"""Milliseconds an epoch of a model takes in n3fit with 1, 4 and (the most it was tried with) 8."""
PARAMETERS: dict[str, Any] = {
    "nodes_per_layer": [25, 20, 8],
    "activation_per_layer": ["tanh", "tanh", "linear"],
    "initializer": "glorot_normal",
    "optimizer": {"optimizer_name": "Nadam", "learning_rate": 0.002621, "clipnorm": 6.073e-6},
    "epochs": 100_000,
    "stopping_patience": 1.0,
    "positivity": {"initial": 1.84, "multiplier": 1.2, "threshold": 1e-6},
    "integrability": {"initial": 10.0, "multiplier": 1.2},
    "threshold_chi2": 3.5,
}
SHALLOW = {"nodes_per_layer": [20, 8], "activation_per_layer": ["tanh", "linear"]}


def runcard() -> SimpleNamespace:
    """Return the parts of the runcard that the trainer reads."""
    basis = [{"fl": fl, "smallx": low, "largex": high} for fl, (low, high) in EXPONENTS.items()]
    return SimpleNamespace(fitting=SimpleNamespace(fitbasis="NN31IC", basis=basis), sum_rules="All")


def mid_problem() -> FitProblem | None:
    """Return the problem of mid.yml with 32 replicas; None where its files are not."""
    card = SHARED / "baseline" / "mid.yml"
    if not card.exists():
        return None
    from n3hyper.data.build import build_problem
    from n3hyper.runcard import load_runcard

    os.environ.setdefault("LHAPDF_DATA_PATH", str(SHARED / "lhapdf"))
    return build_problem(load_runcard(card), replicas=32, theory_path=SHARED)


def synthetic_of_that_size() -> FitProblem:
    """Return a synthetic problem of 1,804 points in 14 sets with 239 systematics."""
    sizes = (121, 204, 33, 34, 333, 248, 159, 204, 254, 70, 42, 39, 17, 6)
    return synthetic_problem(
        dis=sizes, hadronic=20, positivity=260, folds=4, replicas=32, nx=50, systematics=15
    )


def part(problem: FitProblem, folds: int, replicas: int) -> FitProblem:
    """Return a problem with part of its folds and replicas; one fold means a fit of all data."""
    return dataclasses.replace(
        problem,
        folds=problem.folds[:folds] if folds > 1 else (),
        replica_data=problem.replica_data[:replicas],
        training_masks=problem.training_masks[:replicas],
        validation_masks=problem.validation_masks[:replicas],
        nn_seeds=problem.nn_seeds[:replicas],
    )


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Return wall-clock and CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


class Loop:
    """Fit that runs chunk by chunk."""

    def __init__(self, problem: FitProblem, **changes: Any) -> None:
        card = runcard()
        inputs = FitInputs.of(problem, card.fitting.fitbasis, card.fitting.basis, card.sum_rules)
        trial = Trial.of(inputs, FitSettings.from_params({**PARAMETERS, **changes}))
        trainer = ModelTrainer(problem, card)
        self.lanes = trainer.training.lanes(trial, np.arange(inputs.models))

    def run(self, steps: int) -> None:
        """Run this many epochs, and wait for their end."""
        self.lanes.run(steps)

    def compile(self) -> None:
        """Compile the program before the first epoch."""
        self.lanes.compile()

    def bound(self) -> float:
        """Seconds that a step takes at least."""
        least = Work.of_all(
            work(lane.loop.program, lane.arrays) for lane in self.lanes.lanes if lane.arrays
        )
        return Machine.measured(least.numbers).seconds(least)


def measure(problem: FitProblem, chunks: int = 8, steps: int = 50, **changes: Any) -> list[float]:
    """Return seconds: setup, compilation, epoch (wall), epoch (CPU), and the bound of an epoch."""
    begin = time.perf_counter()
    loop = Loop(problem, **changes)
    setup = time.perf_counter() - begin
    compilation, _ = seconds(loop.compile)
    times = np.array([seconds(lambda: loop.run(steps)) for _ in range(chunks)]) / steps
    return [setup, compilation, *times.min(axis=0), loop.bound()]


def peak_memory() -> float:
    """Return the peak memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


HEAD = "   setup s  compile s  ms/epoch  CPU ms/epoch  ms/model-epoch  x bound   peak MB"


def line(found: list[float], models: int) -> str:
    """Return a line of a table."""
    setup, compilation, wall, cpu, bound = found
    return (
        f"{setup:10.2f} {compilation:10.2f} {1e3 * wall:9.3f} {1e3 * cpu:13.3f}"
        f" {1e3 * wall / models:15.3f} {wall / bound:8.1f} {peak_memory():9.0f}"
    )


def batches(problem: FitProblem) -> None:
    """Print the cost by folds x replicas."""
    print("folds x replicas" + HEAD + "  x n3fit")
    for folds, replicas in BATCHES:
        found, models = measure(part(problem, folds, replicas)), folds * replicas
        ratio = N3FIT_MS[models] / (1e3 * found[2] / models)
        print(f"{folds:8d} x {replicas:<5d}", line(found, models), f"{ratio:8.1f}", flush=True)


def growth() -> None:
    """Print the cost of synthetic problems against one size at a time.

    A quarter of their points is hadronic, in an asymmetry and a quotient.
    """

    def made(
        points: int = 1000, nx: int = 40, folds: int = 4, replicas: int = 8, **changes: Any
    ) -> None:
        dis, hadronic = (points // 8,) * 6, points // 8
        problem = synthetic_problem(
            dis=dis, hadronic=hadronic, positivity=100, folds=folds, replicas=replicas, nx=nx
        )
        found = measure(problem, chunks=4, steps=20, **changes)
        layers = len(changes.get("nodes_per_layer", PARAMETERS["nodes_per_layer"]))
        print(f"{problem.ndata:6d} {folds * replicas:6d} {nx:4d} {layers:6d}", end=" ")
        print(line(found, folds * replicas), flush=True)

    print("points models   nx layers" + HEAD)
    for points in (500, 1000, 2000, 4000):
        made(points=points)
    for replicas in (1, 4, 16):
        made(replicas=replicas)
    for folds in (2, 8):
        made(folds=folds)
    for nx in (20, 60):
        made(nx=nx)
    for layers in (2, 5):
        nodes = [25] * (layers - 1) + [8]
        made(nodes_per_layer=nodes, activation_per_layer=["tanh"] * (layers - 1) + ["linear"])


def trials(problem: FitProblem) -> None:
    """Print what trials of 100 epochs cost beside them: the first, with a program compiled, again,
    and with other widths."""
    print("folds x replicas  trial          setup s  compile s   train s  evaluate s   peak MB")
    for folds, replicas in BATCHES:
        trainer = ModelTrainer(part(problem, folds, replicas), runcard())
        for name, changes in (
            ("first", {}),
            ("again", {}),
            ("other widths", {"nodes_per_layer": [20, 28, 8]}),
            (
                "other depth",
                {"nodes_per_layer": [20, 8], "activation_per_layer": ["tanh", "linear"]},
            ),
        ):
            taken = trainer.fit({**PARAMETERS, "epochs": 100, **changes}).seconds
            stages = " ".join(f"{taken[stage]:9.2f}" for stage in ("setup", "compile", "train"))
            print(f"{folds:8d} x {replicas:<5d}  {name:<13s}", stages, end=" ")
            print(f"{taken['evaluate']:10.2f} {peak_memory():9.0f}", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--trials", action="store_true")
    arguments = parser.parse_args()
    tensorflow()
    if arguments.growth:
        growth()
        return
    problem = mid_problem()
    print("mid.yml" if problem else "synthetic", (problem or synthetic_of_that_size()).describe())
    (trials if arguments.trials else batches)(problem or synthetic_of_that_size())


if __name__ == "__main__":
    main()
