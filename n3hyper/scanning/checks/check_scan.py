"""The recipe of ``n3hyper check`` for the runcard of a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.record import Record
from n3hyper.scanning.checks.findings import findings
from n3hyper.scanning.checks.measure import Cost, measured
from n3hyper.scanning.other_scans import with_tries
from n3hyper.scanning.prepare import prepare_scan
from n3hyper.scanning.request import ScanRequest
from n3hyper.scanning.skip_missing import with_what_theory_has


class Notes:
    """Listener that keeps what it is told of the preparation."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def stage(self, text: str) -> None:
        """Keep the text."""
        self.lines.append(text)

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        """Ignore this: no trial is run."""

    def fit_progress(self, progress: Progress) -> None:
        """Ignore this."""

    def trial_ended(self, trial: Record) -> None:
        """Ignore this."""


def check_scan(request: ScanRequest, measure: bool = True) -> dict[str, Any]:
    """Return what a scan would find, and what its trials would take; nothing is written.

    Parameters
    ----------
    measure
        Whether to measure time and memory by a few epochs.

    Raises
    ------
    RuncardError, DataError, TheoryError
        when the input is wrong.
    FitError
        when the fit of a setup fails.
    """
    notes = Notes()
    complete = with_what_theory_has(with_tries(request), notes.stage)
    left_out = list(notes.lines)
    runcard = complete.load()
    trainer, scanner, _ = prepare_scan(complete, runcard, notes)
    # hyperopt takes a second to import, which mistakes are not to wait for
    from n3hyper.hyper_optimization.sampling.draws import dimensions, first_setups

    space = scanner.as_dict()
    setups = first_setups(space, request.seed)
    found = findings(trainer.problem, runcard, request.theory_path)
    return {
        "kind": "scan",
        **found,
        "notes": [*left_out, *found["notes"]],
        "replicas": request.replicas,
        "networks": len(found["folds"]) * request.replicas,
        "loss": None if runcard.kfold is None else runcard.kfold.loss_type,
        "dimensions": dimensions(space),
        "trials": request.max_evals,
        "cost": _cost(trainer.problem, runcard, setups, request) if measure else None,
    }


def _cost(
    problem: Any, runcard: Any, setups: Sequence[dict[str, Any]], request: ScanRequest
) -> Any:
    """Return what the middle and the largest one of the first trials take, in plain types."""
    ordered = sorted(setups, key=work_of)
    chosen = {"middle": ordered[len(ordered) // 2], "largest": ordered[-1]}
    if chosen["middle"] == chosen["largest"]:
        chosen.pop("largest")
    costs = measured(problem, runcard, list(chosen.values()), request.memory)
    rows = {
        name: described(setup, cost)
        for (name, setup), cost in zip(chosen.items(), costs, strict=True)
    }
    return {
        **rows,
        "memory": max(cost.memory for cost in costs),
        "all trials": request.max_evals * rows["middle"]["seconds"],
    }


def described(setup: Mapping[str, Any], cost: Cost) -> dict[str, Any]:
    """Return a setup and what its fit takes at most, in plain types."""
    epochs = int(setup["epochs"])
    return {
        "nodes_per_layer": list(setup["nodes_per_layer"]),
        "epochs": epochs,
        "seconds": cost.seconds(epochs),
        "compile": cost.compile,
        "epoch": cost.epoch,
        "rest": cost.rest,
        "memory": cost.memory,
        "batches": cost.batches,
    }


def work_of(setup: Mapping[str, Any]) -> float:
    """Return what the time of a setup's fit grows with: epochs times weights of a network.

    >>> work_of({"epochs": 100, "nodes_per_layer": [20, 8]})
    20800.0
    """
    widths: list[int] = [1, *setup["nodes_per_layer"]]
    weights = sum((below + 1) * above for below, above in pairwise(widths))
    return float(setup["epochs"]) * weights
