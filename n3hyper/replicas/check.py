"""The recipe of ``n3hyper check`` for the runcard of a fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.fitting.training.memory import SMALLEST
from n3hyper.replicas.card import load_fit_card
from n3hyper.replicas.ensemble import jobs_of
from n3hyper.replicas.preparation import prepare_fit
from n3hyper.scanning.checks.check_scan import Notes, described, work_of
from n3hyper.scanning.checks.findings import findings
from n3hyper.scanning.checks.measure import measured


def check_fit(
    path: Path,
    replicas: int,
    theory_path: Path | None = None,
    memory: int | None = None,
    measure: bool = True,
) -> dict[str, Any]:
    """Return what a fit would find, and what its jobs would take; nothing is written.

    Parameters
    ----------
    path
        File of the runcard.
    replicas
        Replicas of the fit.
    theory_path, memory
        See `n3hyper.replicas.request.FitRequest`.
    measure
        Whether to measure time and memory by a few epochs.

    Raises
    ------
    RuncardError, DataError, TheoryError
        when the input is wrong.
    FitError
        when the fit of a setup fails.
    """
    card = load_fit_card(path)
    prepared = prepare_fit(card, replicas, Notes().stage, theory_path, memory)
    found = findings(prepared.problem, card.runcard, theory_path)
    jobs = list(jobs_of(range(1, replicas + 1), len(card.setups)))
    cost = None
    if measure:
        largest = max(job.count for job in jobs)
        together = np.arange(max(largest, SMALLEST)) % replicas
        setup = max(card.setups, key=work_of)
        (one,) = measured(
            prepared.problem.of_replicas(together), card.runcard, [dict(setup)], memory
        )
        row = described(setup, one)
        new = len({tuple(setup["nodes_per_layer"]) for setup in card.setups})
        seconds = len(jobs) * one.seconds(int(setup["epochs"]), new=False) + new * one.compile
        cost = {"largest": row, "memory": one.memory, "all jobs": seconds}
    return {
        "kind": "fit",
        **found,
        "notes": list(card.notes),
        "replicas": replicas,
        "networks": max(max(job.count for job in jobs), SMALLEST),
        "setups": len(card.setups),
        "jobs": len(jobs),
        "cost": cost,
    }
