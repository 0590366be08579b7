"""A fit in numbers: chi2 by data set, and what became of each replica (``fit.json``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from n3hyper import __version__
from n3hyper.data.problem import FitProblem
from n3hyper.hyper_optimization.record import plain
from n3hyper.physics.chi2 import chi2_per_replica, phi2
from n3hyper.replicas.card import FitCard
from n3hyper.replicas.folder import PDFScale
from n3hyper.replicas.replica_fit import ReplicaFit
from n3hyper.replicas.results import FitResults
from n3hyper.replicas.vetoes import Vetoes


def fit_summary(
    card: FitCard,
    problem: FitProblem,
    results: FitResults,
    vetoes: Vetoes,
    chosen: Sequence[ReplicaFit],
    scale: PDFScale,
) -> dict[str, Any]:
    """Return the content of ``fit.json``, in plain types.

    chi2 are per point, with the experimental covariance: ``chi2`` of the mean prediction of the
    chosen replicas, ``mean`` and ``std`` of theirs.
    """
    failures = results.failures(vetoes)
    return dict(
        plain(
            {
                "version": __version__,
                "theory": card.runcard.theory.theoryid,
                "q0": scale.q0,
                "setups": [] if card.from_runcard() else list(card.setups),
                "chosen": [fit.number for fit in chosen],
                "replicas": [_replica(fit, failures.get(fit.number, "")) for fit in results.fits],
                "failures": {str(number): why for number, why in failures.items()},
                "thresholds": vars(vetoes.thresholds),
                "chi2": _chi2_table(problem, chosen),
            }
        )
    )


def _replica(fit: ReplicaFit, failure: str) -> dict[str, Any]:
    names = ("number", "setup", "chi2", "training_chi2", "validation_chi2", "best_epoch")
    more = {"stop_epoch": fit.stop_epoch, "arc_lengths": fit.arc_lengths}
    more["integrability"] = fit.integrability
    return {**{name: getattr(fit, name) for name in names}, **more, "failure": failure}


def _chi2_table(problem: FitProblem, chosen: Sequence[ReplicaFit]) -> list[dict[str, Any]]:
    """Each data set, and all of them; nothing where no replica was chosen."""
    if not chosen:
        return []
    predictions = np.stack([fit.predictions for fit in chosen])
    rows = [
        {"name": data.name, "experiment": data.group, **_chi2(problem, predictions, data.slice)}
        for data in problem.datasets
    ]
    everything = slice(0, problem.ndata)
    return [*rows, {"name": "total", "experiment": "", **_chi2(problem, predictions, everything)}]


def _chi2(problem: FitProblem, predictions: Any, where: slice) -> dict[str, Any]:
    covariance = problem.exp_covariance.masked(np.arange(where.start, where.stop))
    data, made = problem.central[where], predictions[:, where]
    of_replicas = chi2_per_replica(made, data, covariance)
    return {
        "ndata": where.stop - where.start,
        "chi2": float(chi2_per_replica(made.mean(axis=0), data, covariance)),
        "mean": float(of_replicas.mean()),
        "std": float(of_replicas.std()),
        "phi2": phi2(made, data, covariance),
    }
