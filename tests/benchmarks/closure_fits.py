"""Closure tests of level 2: does the uncertainty of a fit cover the PDFs that its data are made of?

    python -m tests.benchmarks.closure_fits CARD FOLDER --fakepdf toy_t0 --theory-path PATH

Each fit has data of its own, made of the known PDFs with noise (``filterseed``), and replicas of
its own seeds. The table says for how many of the fits the truth lies within one standard deviation
of the mean of the replicas, for each flavour at each x; for a Gaussian and correct uncertainty it
is 68 % on average.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.physics.bases import FK_FLAVOURS
from n3hyper.runcard.yaml_file import read_yaml, yaml_text
from n3hyper.theory.lhapdf import evolution_grid
from tests.benchmarks.fit_folders import FLAVOURS, evolution, replicas_of

X = (1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Where the data of deep-inelastic scattering constrain PDFs."""


def fit(card: Path, folder: Path, number: int, given: argparse.Namespace) -> Path:
    """Run the fit with this number, unless it is there already."""
    document = dict(read_yaml(card))
    document["closuretest"] = {
        "fakedata": True,
        "fakepdf": given.fakepdf,
        "fakenoise": True,
        "filterseed": 1000 + number,
    }
    document.update(dict.fromkeys(("trvlseed", "nnseed", "mcseed"), 100 * number + 7))
    runcard, output = folder / f"closure{number}.yml", folder / f"closure{number}"
    if output.exists():
        return output
    runcard.write_text(yaml_text(document))
    command = [sys.executable, "-m", "n3hyper.cli", "fit", str(runcard), "-o", str(output)]
    options = ["-r", str(given.replicas), "--theory-path", str(given.theory_path)]
    subprocess.run([*command, *options], check=True)
    return output


def within(folder: Path, truth: Array) -> Array:
    """Return distances of the truth from the mean of the replicas in standard deviations."""
    chosen = sorted((folder / "postfit").glob("replica_*"))
    numbers = [int(place.resolve().name.removeprefix("replica_")) for place in chosen]
    numbers = [number for number in numbers if number > 0] or list(replicas_of(folder))
    values = evolution(folder, numbers, X)
    return np.asarray(np.abs(values.mean(axis=0) - truth) / values.std(axis=0, ddof=1))


def main() -> None:
    """Run the fits and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("card", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fakepdf", default="toy_t0")
    parser.add_argument("--fits", type=int, default=5)
    parser.add_argument("--replicas", type=int, default=20)
    parser.add_argument("--theory-path", type=Path, required=True)
    parser.add_argument("--q0", type=float, default=1.65, help="of the fits, in GeV")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    grid = evolution_grid(given.fakepdf, np.array(X), given.q0, "closure test")
    truth = grid[:, [FK_FLAVOURS.index(flavour) for flavour in FLAVOURS]]
    folders = [fit(given.card, given.folder, number, given) for number in range(given.fits)]
    distances = np.array([within(folder, truth) for folder in folders])
    print(f"truth within one sigma, % of {given.fits} fits of {given.replicas} replicas")
    print(f"{'x':<8}" + "".join(f"{x:>8g}" for x in X) + f"{'all':>8}")
    inside = 100.0 * (distances < 1.0).mean(axis=0)
    for place, flavour in enumerate(FLAVOURS):
        row = inside[:, place]
        print(f"{flavour:<8}" + "".join(f"{value:8.0f}" for value in row) + f"{row.mean():8.1f}")
    print(f"{'all':<8}" + "".join(f"{value:8.0f}" for value in inside.mean(axis=1)), end="")
    print(f"{inside.mean():8.1f}")
    print("by fit: " + " ".join(f"{100 * (d < 1).mean():.0f}" for d in distances))


if __name__ == "__main__":
    main()
