"""Cost of an epoch of a model, by folds x replicas: ``python -m tests.benchmarks.engine``.

The problem is that of ``mid.yml`` (14 DIS sets, 1,804 points, 13 positivity sets of which three are
hadronic) where its runcard, tables and t0 set are found, else a synthetic one of that size. Times
are minima over chunks of epochs, since other programs may share the cores; CPU time is that of all
threads. The ratio is to n3fit 4.1.5 on the same data, as measured once on two cores. The bound is
what this machine could do (see `tests.benchmarks.bound`).

    --problem global   that of ``runcards/nnpdf40.yml``, with the tables that are there
    --batches KxR   folds x replicas, instead of all
    --json FILE     write what was measured there, too
    --growth        cost against points, models, layers, and nodes of the x-grid instead
    --trials        setup, compilation and evaluation of whole trials instead
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.training.trial import TrialModels
from tests.benchmarks.bound import Machine, Work, work
from tests.benchmarks.cards import EXPONENTS, global_runcard, make_place, write_runcard
from tests.support.synthetic import synthetic_problem

SHARED = Path(__file__).resolve().parents[3] / "shared"
BATCHES = ("1x1", "4x1", "4x8", "4x32")
N3FIT_MS = {
    "DIS": {1: 11.8, 4: 11.6, 32: 4.28, 128: 3.04},
    "global": {1: 49.6, 4: 51.3, 32: 23.6},
}
"""Milliseconds of an epoch of a model in n3fit, by models, on two cores without other load."""
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


class Case(NamedTuple):
    """Problem that is measured, and what of its runcard a fit must know."""

    problem: FitProblem
    card: Any


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


def global_case() -> Case:
    """Return the global problem of as many sets as there are tables of, with 100 replicas."""
    from n3hyper.data.build import build_problem
    from n3hyper.runcard import load_runcard

    with tempfile.TemporaryDirectory() as folder:
        place = make_place(Path(folder))
        if not place.hadronic:
            raise SystemExit(f"there are no hadronic tables in {SHARED}")
        os.environ.update(place.environment)
        path = place.folder / "global.yml"
        write_runcard(path, global_runcard(place, 4, 1000))
        card = load_runcard(path)
        return Case(build_problem(card, replicas=100, theory_path=place.theories), card)


def dis_case() -> Case:
    """Return the problem of mid.yml, or a synthetic one."""
    return Case(mid_problem() or synthetic_of_that_size(), runcard())


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


def part_of(case: Case, folds: int, replicas: int) -> Case:
    """Return a case with `part` of its problem."""
    return case._replace(problem=part(case.problem, folds, replicas))


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Return wall-clock and CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


class Loop:
    """Fit that runs chunk by chunk."""

    def __init__(self, case: Case, **changes: Any) -> None:
        trainer = ModelTrainer(*case)
        trial = TrialModels.of(trainer.inputs, FitSettings.from_params({**PARAMETERS, **changes}))
        self.lanes = trainer.training.lanes(trial, np.arange(trainer.inputs.models))

    def run(self, steps: int) -> None:
        """Run this many epochs, and wait for their end."""
        self.lanes.run(steps)

    def compile(self) -> None:
        """Compile the program before the first epoch."""
        self.lanes.compile()

    def work(self) -> Work:
        """What a step does at least."""
        return Work.of_all(
            work(lane.loop.program, lane.arrays) for lane in self.lanes.lanes if lane.arrays
        )


class Measured(NamedTuple):
    """What a batch has shown; times in seconds."""

    setup: float
    compilation: float
    seconds: float
    """Of an epoch of all models."""
    cpu: float
    bound: float
    """That this machine would take at least."""
    numbers: int
    """Read in a step."""
    multiplications: int


def measure(case: Case, chunks: int = 8, steps: int = 50, **changes: Any) -> Measured:
    """Return what a batch costs."""
    begin = time.perf_counter()
    loop = Loop(case, **changes)
    setup = time.perf_counter() - begin
    compilation, _ = seconds(loop.compile)
    times = np.array([seconds(lambda: loop.run(steps)) for _ in range(chunks)]) / steps
    least = loop.work()
    bound = Machine.measured(least.numbers).seconds(least)
    wall, cpu = times.min(axis=0).tolist()
    return Measured(setup, compilation, wall, cpu, bound, least.numbers, least.multiplications)


def peak_memory() -> float:
    """Return the peak memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


HEAD = "   setup s  compile s  ms/epoch  CPU ms/epoch  ms/model-epoch  x bound   peak MB"


def line(found: Measured, models: int) -> str:
    """Return a line of a table."""
    return (
        f"{found.setup:10.2f} {found.compilation:10.2f} {1e3 * found.seconds:9.3f}"
        f" {1e3 * found.cpu:13.3f} {1e3 * found.seconds / models:15.3f}"
        f" {found.seconds / found.bound:8.1f} {peak_memory():9.0f}"
    )


def batches(case: Case, name: str, chosen: Sequence[str]) -> dict[str, Measured]:
    """Print and return the cost by folds x replicas."""
    print("folds x replicas" + HEAD + "  x n3fit")
    made = {}
    for batch in chosen:
        folds, replicas = map(int, batch.split("x"))
        found, models = measure(part_of(case, folds, replicas)), folds * replicas
        theirs = N3FIT_MS[name].get(models, math.nan)
        ratio = theirs / (1e3 * found.seconds / models)
        print(f"{folds:8d} x {replicas:<5d}", line(found, models), f"{ratio:8.1f}", flush=True)
        made[batch] = found
    return made


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
        found = measure(Case(problem, runcard()), chunks=4, steps=20, **changes)
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


def trials(case: Case, chosen: Sequence[str]) -> None:
    """Print what trials of 100 epochs cost beside them: the first, with a program compiled, again,
    and with other widths."""
    print("folds x replicas  trial          setup s  compile s   train s  evaluate s   peak MB")
    for batch in chosen:
        folds, replicas = map(int, batch.split("x"))
        trainer = ModelTrainer(*part_of(case, folds, replicas))
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
    parser.add_argument("--problem", choices=("DIS", "global"), default="DIS")
    parser.add_argument("--batches", nargs="+", metavar="KxR", default=BATCHES)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--trials", action="store_true")
    given = parser.parse_args()
    tensorflow()
    if given.growth:
        growth()
        return
    case = dis_case() if given.problem == "DIS" else global_case()
    print(given.problem, case.problem.describe())
    if given.trials:
        trials(case, given.batches)
        return
    made = batches(case, given.problem, given.batches)
    if given.json:
        found = {batch: measured._asdict() for batch, measured in made.items()}
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
