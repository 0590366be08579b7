"""One ruler for the fits of both programs: chi2 per point of what was fitted, and of what was not.

n3fit divides a fold's validation chi2 by the points of all folds, and caches the predictions of its
first fold for some of the others' numbers. So its PDFs are taken, and what they are worth is
computed here, with the covariance and the predictions that this package's scores are made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from n3hyper.data.problem import Array, FitProblem
from n3hyper.hyper_optimization.metrics import ExperimentalData
from n3hyper.physics.chi2 import chi2_per_replica


@dataclass(frozen=True, eq=False)
class Reached:
    """What the fits of one trial have reached, per point; NaN where a fit has no numbers."""

    validation: Array
    """(folds, replicas): on the pseudodata that validated."""
    left_out: Array
    """(folds, replicas): on the measured values of the data that the fold leaves out."""
    fitted: Array
    """(folds,): mean prediction of the replicas against the measured values of the other data."""

    def summary(self) -> dict[str, float]:
        """Medians over the models (over the folds), by name."""
        return {
            "validation": float(np.nanmedian(self.validation)),
            "left out": float(np.nanmedian(self.left_out)),
            "fitted": float(np.nanmedian(self.fitted)),
        }


def reached_by_pdfs(problem: FitProblem, pdfs: Array) -> Reached:
    """Of PDFs on the x-grid of the problem in the evolution basis, (folds, replicas, nx, 14)."""
    folds, replicas = pdfs.shape[:2]
    predictions = problem.theory.predict(pdfs)[..., : problem.ndata]
    validation, left_out = np.full((2, folds, replicas), np.nan)
    fitted = np.full(folds, np.nan)
    for fold in range(folds):
        mask = problem.folds[fold].mask
        usable = np.isfinite(predictions[fold]).all(axis=-1)
        for replica in np.flatnonzero(usable):
            seen = problem.validation_masks[replica] & ~mask
            validation[fold, replica] = chi2_per_replica(
                predictions[fold, replica : replica + 1, seen].reshape(1, -1),
                problem.replica_data[replica][seen],
                problem.fit_covariance.masked(seen),
            )[0]
        left_out[fold, usable] = chi2_per_replica(
            predictions[fold][usable][:, mask],
            problem.central[mask],
            problem.fit_covariance.masked(mask),
        )
        rest = ExperimentalData.of_problem(problem, ~mask)
        fitted[fold] = rest.metrics(rest.select(predictions[fold][usable])).chi2exp
    return Reached(validation, left_out, fitted)


def reached_by_record(result: dict[str, Any]) -> Reached:
    """Of a trial of this package, from its record."""
    meta = result["kfold_meta"]
    return Reached(
        validation=np.array(meta["validation_losses"], dtype=float),
        left_out=np.array(meta["experimental_losses"], dtype=float),
        fitted=np.array(meta["trvl_losses_chi2exp"], dtype=float),
    )
