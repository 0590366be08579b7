"""How good a setup workers find that run side by side: TPE on cheap losses, in simulated time.

    python -m tests.benchmarks.suggestions                      # some minutes on one core
    python -m tests.benchmarks.suggestions --scan FOLDER        # also on a recorded scan

A number of workers take trials from a queue; each trial takes a random time, and its loss is known
when it ends. Three scans of the same seeds are compared: one worker; workers whose running trials
TPE does not hear of; and workers whose running trials it hears of, as in a scan. Printed is the
median over the seeds of the best loss after some numbers of trials, as a regret (less the smallest
loss that any scan has found), and in how many of the seeds the workers did at least as well as one.

The losses are a function of the hyperparameters that a scan draws (``setup``: as in a runcard, with
a narrow valley in learning rate and epochs), one of six dimensions with several minima
(``hartmann``), and, of a recorded scan, the forest of regression trees by which the report explains
its losses. The recorded trials should have been drawn at random (``--algo random``).
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.record import STATE_DONE, STATE_RUNNING, STATUS_OK
from n3hyper.hyper_optimization.sampling.samplers import (
    hp_choice,
    hp_loguniform,
    hp_quniform,
    hp_uniform,
)
from n3hyper.hyper_optimization.sampling.space import evaluate_space
from n3hyper.hyper_optimization.sampling.suggest import Suggester

Loss = Callable[[Mapping[str, Any]], float]

_HARTMANN_A: Final = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_HARTMANN_P: Final = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_HARTMANN_ALPHA: Final = np.array([1.0, 1.2, 3.0, 3.2])


def hartmann(point: Mapping[str, Any]) -> float:
    """Hartmann's function of six variables in [0, 1]; its minimum is -3.32237."""
    x = np.array([point[f"x{i}"] for i in range(6)])
    return float(-_HARTMANN_ALPHA @ np.exp(-(_HARTMANN_A * (x - _HARTMANN_P) ** 2).sum(axis=1)))


def setup(point: Mapping[str, Any]) -> float:
    """A loss as scans have them: optimizers with optima of their own, a valley, small effects."""
    optimizer = point["optimizer"]
    best = {"Nadam": -2.3, "Adam": -2.7, "RMSprop": -3.2}[optimizer["name"]]
    rate = math.log10(optimizer["learning_rate"]) - best
    epochs = math.log10(point["epochs"] / 3000)
    depth, patience = len(point["nodes"]), point["patience"] - 0.3
    width = float(np.mean(point["nodes"])) - 27
    return (
        1.6
        + 0.05 * ("Nadam", "Adam", "RMSprop").index(optimizer["name"])
        + 2.0 * (rate + epochs) ** 2
        + 0.3 * (rate - epochs) ** 2
        + 0.1 * abs(depth - 2)
        + 0.0004 * width**2
        + 0.5 * patience**2
        + (0.08 if point["activation"] == "sigmoid" else 0.0)
        + 0.05 * math.log10(point["initial"] / 200) ** 2
    )


def hartmann_space() -> dict[str, Any]:
    return {f"x{i}": hp_uniform(f"x{i}", 0.0, 1.0) for i in range(6)}


def setup_space() -> dict[str, Any]:
    """A space like those of runcards."""

    def network(layers: int) -> list[Any]:
        labels = [f"nl{layers}:-{layer}/{layers}" for layer in range(layers)]
        return [hp_quniform(label, 10, 45, step_size=1, make_int=True) for label in labels]

    return {
        "optimizer": hp_choice(
            "optimizer",
            [
                {"name": name, "learning_rate": hp_loguniform(f"{name}_learning_rate", 1e-4, 1e-1)}
                for name in ("Nadam", "Adam", "RMSprop")
            ],
        ),
        "epochs": hp_quniform("epochs", 500, 20_000, step_size=1, make_int=True),
        "patience": hp_uniform("patience", 0.05, 0.6),
        "nodes": hp_choice("nodes", [network(layers) for layers in (1, 2, 3)]),
        "activation": hp_choice("activation", ["tanh", "sigmoid"]),
        "initial": hp_loguniform("initial", 1.0, 1000.0),
    }


def recorded(folder: Path) -> tuple[dict[str, Any], Loss]:
    """Space and loss of a recorded scan: trees that are averaged over bootstrap samples."""
    from n3hyper.hyper_optimization.search_space import HyperScanner
    from n3hyper.report.analysis.forest import BINS, grow
    from n3hyper.report.trials.scan import load_scan
    from n3hyper.report.trials.trial import flat_values
    from n3hyper.runcard import load_runcard

    card = load_runcard(folder / "filter.yml")
    space = HyperScanner(card.parameters, card.hyperscan).as_dict()
    trials = load_scan([folder]).good
    rows = [_numbers(trial.values) for trial in trials]
    names = sorted({name for row in rows for name in row})
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows])
    low, high = np.nanmin(table, axis=0), np.nanmax(table, axis=0)
    kept = high > low

    def factors(numbers: np.ndarray) -> np.ndarray:
        scaled = (numbers[:, kept] - low[kept]) / (high - low)[kept]
        return np.clip(np.nan_to_num(scaled, nan=0.5), 0.0, 1.0)

    points = factors(table)
    bins = np.minimum((points * BINS).astype(np.intp), BINS - 1)
    edges = [np.arange(1, BINS) / BINS] * int(kept.sum())
    target = np.array([trial.loss for trial in trials])
    target = np.minimum(target, np.quantile(target, 0.9))
    rng = np.random.default_rng(0)
    tries = max(1, int(kept.sum()) // 2)
    trees = []
    for _ in range(30):
        sample = rng.integers(len(target), size=len(target))
        trees.append(grow(bins[sample], edges, target[sample], rng, tries))

    def loss(point: Mapping[str, Any]) -> float:
        row = _numbers(flat_values({key: _plain(value) for key, value in point.items()}))
        one = factors(np.array([[row.get(name, np.nan) for name in names]]))
        return float(np.mean([tree.predict(one)[0] for tree in trees]))

    return space, loss


def _plain(value: Any) -> Any:
    return value if isinstance(value, (dict, list, int, float)) else str(value)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Factors of a setup: numbers (their logarithm where it is above zero), and names as 0 or 1."""
    found = {}
    for name, value in values.items():
        if isinstance(value, str):
            found[f"{name}={value}"] = 1.0
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[name] = math.log(value) if value > 0 else 0.0
    return found


def simulate(
    space: Any, loss: Loss, trials: int, workers: int, seed: int, told: bool
) -> list[float]:
    """Return the best loss after each finished trial of a scan.

    Parameters
    ----------
    told
        Whether suggestions know of trials that run.
    """
    suggester, store = Suggester(space, seed), FileTrials(None, space)
    clock = np.random.default_rng([seed, 1])
    running: list[tuple[float, int]] = []
    documents: dict[int, dict[str, Any]] = {}
    finished: list[dict[str, Any]] = []
    now, best = 0.0, []
    for tid in range(trials + workers):
        if len(running) == workers or tid >= trials:
            if not running:
                break
            now, ended = heapq.heappop(running)
            document = documents.pop(ended)
            value = loss(evaluate_space(space, document["misc"]["vals"]))
            document.update(state=STATE_DONE, result={"status": STATUS_OK, "loss": value})
            finished.append(document)
            best.append(min(value, best[-1] if best else math.inf))
        if tid < trials:
            shown = [*finished, *documents.values()] if told else finished
            store._trials = sorted(shown, key=lambda each: each["tid"])
            (document,) = suggester.suggest(store, tid)
            document.update(state=STATE_RUNNING)
            documents[tid] = document
            heapq.heappush(running, (now + clock.lognormal(0.0, 0.5), tid))
    while running:
        _, ended = heapq.heappop(running)
        value = loss(evaluate_space(space, documents[ended]["misc"]["vals"]))
        best.append(min(value, best[-1]))
    return best


def compare(
    name: str, space: Any, loss: Loss, trials: int, workers: int, seeds: Sequence[int]
) -> None:
    """Print how the three kinds of scans did."""
    modes = {"one worker": (1, True), "not told": (workers, False), "told": (workers, True)}
    curves = {
        mode: np.array([simulate(space, loss, trials, count, seed, told) for seed in seeds])
        for mode, (count, told) in modes.items()
    }
    lowest = min(float(each.min()) for each in curves.values())
    places = [each for each in (30, 60, 100, 150, 200) if each <= trials]
    print(f"{name}: {len(seeds)} seeds, {workers} workers, lowest loss {lowest:.4f}")
    print(f"  {'regret (median) after':24}" + "".join(f"{place:>10}" for place in places))
    for mode, best in curves.items():
        shown = [np.median(best[:, place - 1]) - lowest for place in places]
        print(f"  {mode:24}" + "".join(f"{value:10.4f}" for value in shown))
    for mode in ("not told", "told"):
        as_good = [
            float(np.mean(curves[mode][:, place - 1] <= curves["one worker"][:, place - 1]))
            for place in places
        ]
        print(f"  {mode + ', as good as one':24}" + "".join(f"{share:10.0%}" for share in as_good))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-n", "--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--scan", type=Path, help="folder of a recorded scan")
    parser.add_argument("--only", choices=("setup", "hartmann", "recorded"))
    given = parser.parse_args()
    cases = {"setup": (setup_space, setup), "hartmann": (hartmann_space, hartmann)}
    for name, (space, loss) in cases.items():
        if given.only in (None, name):
            compare(name, space(), loss, given.trials, given.workers, range(given.seeds))
    if given.scan and given.only in (None, "recorded"):
        space_, loss_ = recorded(given.scan)
        compare("recorded", space_, loss_, given.trials, given.workers, range(given.seeds))


if __name__ == "__main__":
    main()
