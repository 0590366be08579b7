"""Two fits of the same replicas beside one another, of n3fit and of n3hyper for example.

    python -m tests.benchmarks.fit_folders ONE OTHER

Of the replicas that both folders have: the distance of the central values in standard deviations of
the replicas, and the ratio of the standard deviations, for g, Sigma, V, V3, T3, T8 between x = 1e-4
and 0.7; and the chi2 of all data.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.physics.bases import FK_FLAVOURS
from n3hyper.replicas.files.exportgrid import partons_of_evolution, read_exportgrid

FLAVOURS = ("g", "Sigma", "V", "V3", "T3", "T8")
X = (1e-4, 1e-3, 1e-2, 0.1, 0.3, 0.5, 0.7)


def replicas_of(fit: Path) -> dict[int, Path]:
    """The folders of a fit's replicas by number."""
    found = fit.glob(f"nnfit/replica_*/{fit.resolve().name}.exportgrid")
    return {int(path.parent.name.removeprefix("replica_")): path.parent for path in found}


def evolution(fit: Path, numbers: list[int], points: Sequence[float] = X) -> Array:
    """x f in the evolution basis, (replicas, x, flavour), at some x."""
    to_evolution = np.linalg.inv(partons_of_evolution())
    places, name = [FK_FLAVOURS.index(flavour) for flavour in FLAVOURS], fit.resolve().name
    rows = []
    for number in numbers:
        grid = read_exportgrid(fit / "nnfit" / f"replica_{number}" / f"{name}.exportgrid")
        values = (grid.values @ to_evolution.T)[:, places]
        rows.append(
            [[np.interp(np.log(x), np.log(grid.xgrid), v) for v in values.T] for x in points]
        )
    return np.array(rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("one", type=Path)
    parser.add_argument("other", type=Path)
    given = parser.parse_args()
    fits = (given.one, given.other)
    numbers = sorted(replicas_of(fits[0]).keys() & replicas_of(fits[1]).keys())
    one, other = (evolution(fit, numbers) for fit in fits)
    sigma = np.sqrt(0.5 * (one.var(axis=0) + other.var(axis=0)))
    distance = np.abs(one.mean(axis=0) - other.mean(axis=0)) / sigma
    ratio = other.std(axis=0) / one.std(axis=0)
    print(f"{len(numbers)} replicas that both have: {numbers[0]} to {numbers[-1]}")
    for title, table in (("distance of the means / sigma", distance), ("ratio of sigmas", ratio)):
        print(f"\n{title:<30}" + "".join(f"{x:>8g}" for x in X))
        for place, flavour in enumerate(FLAVOURS):
            print(f"  {flavour:<28}" + "".join(f"{each:8.2f}" for each in table[:, place]))
    within_one = np.abs(one - other) / sigma
    print(f"\nmedian distance of the same replica / sigma: {np.median(within_one):.2f}")
    for key, words in (("erf_tr", "training"), ("erf_vl", "validation"), ("chi2", "all data")):
        means = []
        for fit in fits:
            name = fit.resolve().name
            files = [fit / "nnfit" / f"replica_{n}" / f"{name}.json" for n in numbers]
            values = [json.loads(file.read_text())[key] for file in files]
            means.append(f"{np.mean(values):.4f} +- {np.std(values):.4f}")
        print(f"chi2, {words:<12}" + "   ".join(means))


if __name__ == "__main__":
    main()
