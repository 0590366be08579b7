"""Summary of data, folds, constraints and theory of a runcard, in plain types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.data.commondata import load_commondata
from n3hyper.data.problem import FitProblem, fitted_points
from n3hyper.runcard import Runcard
from n3hyper.theory.folders import find_theory


def findings(problem: FitProblem, runcard: Runcard, theory_path: Path | None) -> dict[str, Any]:
    """Return what a problem is made of: theory, data sets, folds, constraints."""
    folder = find_theory(runcard.theory.theoryid, theory_path)
    card = folder.card()
    return {
        "theory": {
            "id": card.theoryid,
            "order": "N" * card.pto + "LO" if card.pto else "LO",
            "q0": card.q0,
            "folder": str(folder.path),
        },
        "points": problem.ndata,
        "datasets": _datasets(problem, runcard),
        "folds": _folds(problem),
        "never left out": _never_left_out(problem),
        "positivity": {each.name: each.ndata for each in problem.positivity},
        "integrability": {each.name: each.ndata for each in problem.integrability},
        "notes": list(runcard.notes),
    }


def _datasets(problem: FitProblem, runcard: Runcard) -> list[dict[str, Any]]:
    """Return each data set of the runcard, also one of which the cuts leave nothing."""
    kept = {dataset.name: dataset for dataset in problem.datasets}
    rows = []
    for entry in runcard.dataset_inputs:
        whole = load_commondata(entry.dataset, entry.variant, say_new_name=False)
        found = kept.get(entry.dataset)
        training = problem.training_masks[:, found.slice].sum(axis=1) if found else np.zeros(1)
        rows.append(
            {
                "name": entry.dataset,
                "process": whole.process,
                "points": found.ndata if found else 0,
                "of": whole.ndata,
                "training": float(training.mean()),
            }
        )
    return rows


def _folds(problem: FitProblem) -> list[dict[str, Any]]:
    fitted = fitted_points(problem.folds, problem.ndata)
    return [
        {
            "datasets": list(fold.datasets),
            "left out": int(fold.mask.sum()),
            "fitted": int(fitted[number].sum()),
        }
        for number, fold in enumerate(problem.folds)
    ]


def _never_left_out(problem: FitProblem) -> list[str]:
    """Return the data sets that no fold leaves out."""
    left_out = np.zeros(problem.ndata, dtype=bool)
    for fold in problem.folds:
        left_out |= fold.mask
    return [each.name for each in problem.datasets if not left_out[each.slice].any()]
