"""Fit quality of n3fit and n3hyper on the same data: ``python -m tests.benchmarks.fits_quality``.

Both fit `fits_quality.yml` (DIS, Drell-Yan, the W asymmetry of CMS) with the same hyperparameters,
splits and pseudodata; the networks start at different weights. Of each replica this takes the chi2
of the measured values, dataset by dataset, with the covariance of the fit and one code for both
programs. A dataset is fitted as n3fit does if our median lies within the central 68 % of n3fit's
replicas.

    python -m tests.benchmarks.fits_quality --n3fit-python nnpdf/bin/python --output fits/

It needs tables that are not part of the repository (``--theory-path``, ``--lhapdf-path``) and an
environment with nnpdf 4.1.5. n3fit takes minutes; its PDFs are kept in the output folder and used
again, so that a change of n3hyper is looked at in one minute.

    --problem global    all of ``runcards/nnpdf40.yml`` that has tables
    --exact             compare with our fits that read the tables as they are, in place of n3fit's
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from n3hyper.data.build import build_problem
from n3hyper.data.problem import FitProblem
from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.fitting.training.batches import Training
from n3hyper.physics.chi2 import chi2_per_replica
from n3hyper.runcard import load_runcard
from tests.benchmarks.cards import global_runcard, make_place
from tests.benchmarks.fits_n3fit import n3fit_pdfs

SHARED = Path(__file__).resolve().parents[3] / "shared"
CARD = Path(__file__).with_name("fits_quality.yml")
EPOCHS = 2000
"""Of a fit of the global problem."""
CENTRAL_68 = (16, 50, 84)


@dataclasses.dataclass(frozen=True)
class Fits:
    """Replicas of one program."""

    predictions: Any
    """(R, ndata)"""
    training_chi2: Any
    """(R,): per point, as the program has it."""
    validation_chi2: Any
    """(R,)"""
    best_epoch: Any
    """(R,)"""


def main() -> None:
    """Fit with both and print the table."""
    options = _options()
    options.output.mkdir(parents=True, exist_ok=True)
    os.environ["LHAPDF_DATA_PATH"] = str(options.lhapdf_path)
    card = _card(options)
    problem = build_problem(load_runcard(card), options.replicas, options.theory_path)
    print(problem.describe(), flush=True)
    if options.exact:
        other = _ours(problem, card, exact=True)
    else:
        other = _theirs(problem, card, options)
        _check_chi2(problem, other)
    ours = _ours(problem, card)
    for line in table(problem, other, ours, "exact tables" if options.exact else "n3fit"):
        print(line)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", choices=("small", "global"), default="small")
    parser.add_argument("--runcard", type=Path, default=CARD, help="of the small problem")
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--replicas", type=int, default=10)
    parser.add_argument("--epochs", type=int, help="other than the runcard's")
    parser.add_argument("--theory-path", type=Path, default=SHARED)
    parser.add_argument("--lhapdf-path", type=Path, default=SHARED / "lhapdf")
    parser.add_argument("--n3fit-python", type=Path, help="needed where OUTPUT has no PDFs yet")
    parser.add_argument("--output", type=Path, default=Path("fits"))
    return parser.parse_args()


def _card(options: argparse.Namespace) -> Path:
    """Return the runcard as it is fitted, in the output folder."""
    yaml = YAML()
    if options.problem == "global":
        content = global_runcard(make_place(options.output / "inputs"), 1, EPOCHS)
        # a fit of all data
        for key in ("kfold", "hyperscan_config"):
            del content[key]
    else:
        content = yaml.load(options.runcard)
    if options.epochs:
        content["parameters"]["epochs"] = options.epochs
    path: Path = options.output / "runcard.yml"
    yaml.dump(content, path)
    return path


def _theirs(problem: FitProblem, card: Path, options: argparse.Namespace) -> Fits:
    epochs = YAML(typ="safe").load(card)["parameters"]["epochs"]
    kept = options.output / f"n3fit_{options.replicas}_{epochs}.npz"
    if kept.exists():
        result = dict(np.load(kept))
    elif options.n3fit_python:
        result = n3fit_pdfs(
            options.n3fit_python,
            card,
            options.replicas,
            problem.theory.xgrid,
            options.theory_path,
            options.lhapdf_path,
            kept,
        )
    else:
        raise SystemExit(f"{kept} is not there: --n3fit-python is needed to make it")
    predictions = problem.theory.predict(result.pop("pdfs"))
    return Fits(predictions[:, : problem.ndata], **result)


def _ours(problem: FitProblem, card: Path, exact: bool = False) -> Fits:
    runcard = load_runcard(card)
    trainer = ModelTrainer(problem, runcard)
    if exact:
        trainer.inputs = dataclasses.replace(trainer.inputs, accuracy=None)
        trainer.training = Training(trainer.inputs, trainer.dtype)
    fit = trainer.fit(runcard.parameters)
    epochs = fit.seconds["train"] / max(fit.epochs_run, 1)
    print(f"n3hyper{', exact tables' if exact else ''}: {1e3 * epochs:.2f} ms an epoch", flush=True)
    return Fits(
        fit.predictions[0, :, : problem.ndata],
        fit.training_chi2[0],
        fit.validation_chi2[0],
        fit.best_epoch[0],
    )


def _check_chi2(problem: FitProblem, fits: Fits) -> None:
    """Compare n3fit's training chi2 with that of its PDFs for our data, covariance and split."""
    ours = []
    for replica, mask in enumerate(problem.training_masks):
        data, covariance = problem.replica_data[replica][mask], problem.fit_covariance.masked(mask)
        ours.append(chi2_per_replica(fits.predictions[[replica]][:, mask], data, covariance)[0])
    difference = np.abs(np.array(ours) / fits.training_chi2 - 1).max()
    print(f"n3fit's training chi2, by its own account and by ours: {difference:.1e} apart at most")


def chi2_by_dataset(problem: FitProblem, predictions: Any) -> dict[str, Any]:
    """Return chi2 per point of the measured values, (R,) for each dataset and for all of them."""
    result = {}
    slices = [(dataset.name, dataset.slice) for dataset in problem.datasets]
    for name, place in [*slices, ("total", slice(0, problem.ndata))]:
        mask = np.zeros(problem.ndata, dtype=bool)
        mask[place] = True
        covariance = problem.fit_covariance.masked(mask)
        result[name] = chi2_per_replica(predictions[:, mask], problem.central[mask], covariance)
    return result


def table(problem: FitProblem, theirs: Fits, ours: Fits, name_of_theirs: str) -> list[str]:
    """Return the comparison, a line for each dataset."""
    points = {
        dataset.name: dataset.slice.stop - dataset.slice.start for dataset in problem.datasets
    }
    heads = f"{name_of_theirs:>24s} {'n3hyper':>24s}"
    lines = [f"{'chi2/N: median (16 %, 84 %)':38s} {'N':>5s} {heads}  within"]
    both = [chi2_by_dataset(problem, fits.predictions) for fits in (theirs, ours)]
    rows = [(name, both[0][name], both[1][name]) for name in both[0]]
    for name in ("training_chi2", "validation_chi2", "best_epoch"):
        rows.append((name.replace("_", " "), getattr(theirs, name), getattr(ours, name)))
    for name, n3fit, n3hyper in rows:
        lines.append(
            f"{name:38s} {points.get(name, ''):>5} {_spread(n3fit)} {_spread(n3hyper)}"
            f"  {_verdict(n3fit, n3hyper)}"
        )
    return lines


def _spread(values: Sequence[float]) -> str:
    lower, median, upper = np.percentile(values, CENTRAL_68)
    return f"{median:8.4g} ({lower:.4g}, {upper:.4g})".rjust(24)


def _verdict(n3fit: Sequence[float], n3hyper: Sequence[float]) -> str:
    """Return whether our median lies in n3fit's spread, and how many half-widths of it away."""
    lower, median, upper = np.percentile(n3fit, CENTRAL_68)
    within = "yes" if lower <= np.median(n3hyper) <= upper else "NO"
    if lower == upper:
        return within
    away = (np.median(n3hyper) - median) / (0.5 * (upper - lower))
    return f"{within:3s} {away:+.1f}"


if __name__ == "__main__":
    main()
