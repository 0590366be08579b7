"""Cost of theory uncertainties in an epoch: ``python -m tests.benchmarks.theory_errors``.

An epoch with those of a 7-point prescription in the covariance against one without, in turn in one
process, with the problems of `tests.benchmarks.engine`. The shifts are made up: some per cent of
the data, different in each process. Ratios are those of the least CPU times of chunks of epochs.

    --problem global   that of ``runcards/nnpdf40.yml``, with the tables that are there
    --batch KxR        folds x replicas; default 4x8
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.data.uncertainties.prescriptions import PRESCRIPTIONS
from n3hyper.fitting.backend import tensorflow
from tests.benchmarks.engine import Loop, dis_case, global_case, part_of, seconds


def with_theory_uncertainties(problem: FitProblem) -> FitProblem:
    """Return the problem with made-up theory uncertainties of seven points."""
    processes = [data.process for data in problem.datasets for _ in range(data.ndata)]
    places = np.linspace(0, 1, problem.ndata)
    sizes = 0.03 * problem.central
    shifts = np.stack([sizes * (1 + np.cos(3 * k * places + k)) for k in range(6)])
    columns = PRESCRIPTIONS["7 point"].columns(shifts, processes)
    covariance = problem.fit_covariance.with_systematics(columns, wide=True)
    return dataclasses.replace(problem, fit_covariance=covariance)


def main() -> None:
    """Print both costs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", choices=("DIS", "global"), default="DIS")
    parser.add_argument("--batch", metavar="KxR", default="4x8")
    parser.add_argument("--chunks", type=int, default=10)
    given = parser.parse_args()
    tensorflow()
    folds, replicas = map(int, given.batch.split("x"))
    case = part_of(dis_case() if given.problem == "DIS" else global_case(), folds, replicas)
    cases = {
        "without": case,
        "with": case._replace(problem=with_theory_uncertainties(case.problem)),
    }
    loops = {}
    for name, each in cases.items():
        print(name, each.problem.describe(), flush=True)
        loops[name] = Loop(each)
        loops[name].compile()
    times: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(given.chunks):
        for name, loop in loops.items():
            times[name].append(seconds(lambda loop=loop: loop.run(20))[1] / 20)
    least = {name: min(found) for name, found in times.items()}
    for name, cost in least.items():
        print(f"{name:8s} {1e3 * cost:.3f} ms of CPU time per epoch of {folds * replicas} models")
    print(f"ratio {least['with'] / least['without']:.3f}")


if __name__ == "__main__":
    main()
