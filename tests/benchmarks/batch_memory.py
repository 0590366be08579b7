"""Memory of a batch, measured and estimated: ``python -m tests.benchmarks.batch_memory``.

Four folds of the synthetic problem of mid.yml's size and more and more replicas, a few epochs each
in a process of its own. Memory is the largest that the process had; what a model adds is to be
compared to `n3hyper.fitting.training.memory.model_bytes`.

    --replicas N ...   of each fold (default: 2 25 100)
    --memory BYTES     a bound, which makes several batches
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.training.inputs import FitInputs
from n3hyper.fitting.training.memory import model_bytes
from n3hyper.fitting.training.trial import TrialModels
from tests.benchmarks.engine import PARAMETERS, runcard
from tests.support.synthetic import synthetic_problem

FOLDS = 4
SIZES = (121, 204, 33, 34, 333, 248, 159, 204, 254, 70, 42, 39, 17, 6)
MEGABYTE = 2**20


def measure(replicas: int, memory: int | None) -> None:
    """Print one line: models, batches, peak (MB), estimate of a model (MB), seconds."""
    problem = synthetic_problem(
        dis=SIZES,
        hadronic=20,
        positivity=260,
        folds=FOLDS,
        replicas=replicas,
        nx=50,
        systematics=15,
    )
    card, parameters = runcard(), {**PARAMETERS, "epochs": 3}
    fitting = card.fitting
    inputs = FitInputs.of(problem, fitting.fitbasis, fitting.basis, card.sum_rules)
    bytes_per_model = model_bytes(TrialModels.of(inputs, FitSettings.from_params(parameters)), 4)
    begin = time.perf_counter()
    fit = ModelTrainer(problem, card, memory=memory).fit(parameters)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(FOLDS * replicas, fit.batches, peak, bytes_per_model / MEGABYTE, seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicas", type=int, nargs="+", default=[2, 25, 100])
    parser.add_argument("--memory", type=int)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        measure(arguments.replicas[0], arguments.memory)
        return
    print("models  batches  peak MB  MB a model (measured)  MB a model (estimate)  seconds")
    first: tuple[float, float] | None = None
    for replicas in arguments.replicas:
        command = [sys.executable, "-m", "tests.benchmarks.batch_memory", "--one"]
        command += ["--replicas", str(replicas)]
        command += ["--memory", str(arguments.memory)] if arguments.memory else []
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        models, batches, peak, estimate, seconds = map(float, done.stdout.split()[-5:])
        grown = (peak - first[1]) / (models - first[0]) if first else float("nan")
        first = first or (models, peak)
        print(
            f"{models:6.0f} {batches:8.0f} {peak:8.0f} {grown:22.2f} {estimate:22.2f} "
            f"{seconds:8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
