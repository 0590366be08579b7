"""Common measure of both programs' fits: chi2 per point of the fitted data and of the others.

n3fit divides a fold's validation chi2 by the points of all folds, and caches the predictions of its
first fold for some of the others' numbers. So its PDFs are taken, and what they are worth is
computed here, with the covariance and the predictions that this package's scores are made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.physics.arrays import Array
from n3hyper.physics.chi2 import chi2_per_replica

PLATEAU: Final = 1.5
"""A model whose training chi2 is so many times the median one has not found its minimum."""


@dataclass(frozen=True, eq=False)
class Reached:
    """chi2 per point of the fits of a trial, (folds, replicas); NaN where a fit has no numbers."""

    training: Array
    """On the pseudodata that trained."""
    validation: Array
    """On the pseudodata that validated."""
    left_out: Array
    """On the measured values of the data that the fold leaves out."""

    def summary(self) -> dict[str, float]:
        """Return medians over the models, and the number of models on a plateau.

        In both programs a few of a hundred models are, which mean values would be made of.
        """
        medians = {
            "training": float(np.nanmedian(self.training)),
            "validation": float(np.nanmedian(self.validation)),
            "left out": float(np.nanmedian(self.left_out)),
        }
        stuck = ~(self.training < PLATEAU * medians["training"])
        return {**medians, "on a plateau": int(stuck.sum())}


def reached_by_pdfs(problem: FitProblem, pdfs: Array) -> Reached:
    """Return the chi2 of PDFs (folds, replicas, nx, 14) on the x-grid of the problem."""
    folds, replicas = pdfs.shape[:2]
    predictions = problem.theory.predict(pdfs)[..., : problem.ndata]
    training, validation, left_out = np.full((3, folds, replicas), np.nan)
    for fold in range(folds):
        mask = problem.folds[fold].mask
        usable = np.isfinite(predictions[fold]).all(axis=-1)
        for replica in np.flatnonzero(usable):
            for found, masks in (
                (training, problem.training_masks),
                (validation, problem.validation_masks),
            ):
                seen = masks[replica] & ~mask
                found[fold, replica] = chi2_per_replica(
                    predictions[fold, replica : replica + 1, seen].reshape(1, -1),
                    problem.replica_data[replica][seen],
                    problem.fit_covariance.masked(seen),
                )[0]
        left_out[fold, usable] = chi2_per_replica(
            predictions[fold][usable][:, mask],
            problem.central[mask],
            problem.fit_covariance.masked(mask),
        )
    return Reached(training, validation, left_out)


def reached_by_record(result: dict[str, Any]) -> Reached:
    """Return the chi2 of a trial of this package, from its record."""
    meta = result["kfold_meta"]
    return Reached(
        training=np.array(meta["training_losses"], dtype=float),
        validation=np.array(meta["validation_losses"], dtype=float),
        left_out=np.array(meta["experimental_losses"], dtype=float),
    )
