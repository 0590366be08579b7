"""`python -m tests.benchmarks.store`: what a store and a suggestion cost at 100 to 10,000 trials.

The store writes ``tries.pkl`` and ``tries.json`` after each trial. Beside it stands the write
itself: the same bytes to two other files of the same folder, flushed and renamed as well. What the
store adds is the difference, and the processor time of the store without its writes.

    --folder DIR   on the disk to be measured (default: a temporary folder)
    --trials N...  sizes of the scan
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.hyper_optimization import filetrials
from n3hyper.hyper_optimization.filetrials import FileTrials, space_eval_trial
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.sampling.suggest import Suggester
from n3hyper.hyper_optimization.serial_loop import save
from n3hyper.system.atomic_write import write_atomically
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS

Suggesters = dict[str, Suggester]
FOLDS, REPLICAS = 4, 8
REPEATS = 9


def result(rng: np.random.Generator) -> dict[str, Any]:
    """Return a result as large as that of a fit with `FOLDS` folds of `REPLICAS` replicas."""
    scores = ("hyper_losses_chi2", "hyper_losses_phi2", "hyper_losses_logp", "trvl_losses_chi2")
    matrices = ("validation_losses", "experimental_losses", "hyper_losses", "training_losses")
    penalties = ("saturation", "patience", "integrability")

    def matrix() -> list[list[float]]:
        return [list(row) for row in rng.random((FOLDS, REPLICAS)).tolist()]

    meta: dict[str, Any] = {name: rng.random(FOLDS).tolist() for name in scores}
    meta.update({name: matrix() for name in matrices})
    meta["penalties"] = {name: matrix() for name in penalties}
    return {"status": "ok", "loss": float(rng.random()), "kfold_meta": meta}


def add_trials(trials: FileTrials, suggester: Suggester, number: int) -> None:
    """Add `number` finished trials of random points, in memory."""
    rng = np.random.default_rng(len(trials))
    for tid in trials.new_trial_ids(number):
        (document,) = suggester.suggest(trials, tid)
        # as the scan does: the parameters that were evaluated for the fit
        document["misc"]["space_vals"] = space_eval_trial(trials.parameters, document)
        document["result"], document["state"] = result(rng), 2
        trials.insert_trial_docs([document])


def milliseconds(task: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Return the milliseconds that an action takes by `clock`."""
    begin = clock()
    task()
    return 1e3 * (clock() - begin)


def store_times(trials: FileTrials, random: Suggester, folder: Path) -> dict[str, float]:
    """Return ms of saving one more trial, of the raw write, and of the store's own work.

    The quickest of `REPEATS`: what others write to the disk meanwhile is not the store's.
    """
    names = ("tries.pkl", "tries.json")
    measured: dict[str, list[float]] = {"store": [], "write": [], "own": []}
    for _ in range(REPEATS):
        add_trials(trials, random, 1)
        measured["store"].append(milliseconds(lambda: save(trials), time.perf_counter))
        contents = {name: (folder / name).read_bytes() for name in names}

        def write(contents: dict[str, bytes] = contents) -> None:
            for name, content in contents.items():
                write_atomically(folder / f"raw_{name}", [content])

        measured["write"].append(milliseconds(write, time.perf_counter))
        add_trials(trials, random, 1)
        measured["own"].append(milliseconds(lambda: save_nowhere(trials), time.process_time))
    return {name: min(times) for name, times in measured.items()}


def save_nowhere(trials: FileTrials) -> None:
    """Do all that the store does except writing."""
    writer = filetrials.write_atomically
    filetrials.write_atomically = lambda path, chunks: None
    try:
        save(trials)
    finally:
        filetrials.write_atomically = writer


def measure(
    number: int, trials: FileTrials, suggesters: Suggesters, folder: Path
) -> dict[str, Any]:
    """Measure a store of `number` trials: times in ms, the size of its files in MB."""
    add_trials(trials, suggesters["random"], number - len(trials))
    times = store_times(trials, suggesters["random"], folder)
    suggestion = min(
        milliseconds(lambda: suggesters["tpe"].suggest(trials, len(trials)), time.perf_counter)
        for _ in range(5)
    )
    reading = milliseconds(lambda: FileTrials.from_pkl(folder / "tries.pkl"), time.perf_counter)
    size = sum((folder / name).stat().st_size for name in ("tries.pkl", "tries.json"))
    return {
        "trials": number, **times, "suggestion": suggestion, "reading": reading, "mb": size / 1e6
    }  # fmt: skip


def measure_all(sizes: Sequence[int], place: Path | None = None) -> Iterator[dict[str, Any]]:
    """Yield the measurements of scans of these sizes, the smallest first."""
    space = HyperScanner(PARAMETERS, HYPERSCAN).as_dict()
    suggesters = {algo: Suggester(space, 1, algo) for algo in ("random", "tpe")}
    with tempfile.TemporaryDirectory(dir=place) as name:
        trials = FileTrials(Path(name), space)
        for number in sorted(sizes):
            yield measure(number, trials, suggesters, Path(name))


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1_000, 10_000])
    arguments = parser.parse_args()
    print(f"records of {FOLDS} folds x {REPLICAS} replicas; ms a trial, the quickest of {REPEATS}")
    print("trials    MB  store  write  store-write  store's own work  suggestion (TPE)  reading")
    for found in measure_all(arguments.trials, arguments.folder):
        print(
            f"{found['trials']:6d} {found['mb']:5.1f} {found['store']:6.1f} {found['write']:6.1f}"
            f" {found['store'] - found['write']:12.1f} {found['own']:17.2f}"
            f" {found['suggestion']:17.1f} {found['reading']:8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
