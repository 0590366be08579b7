"""Fits whose replicas take a millisecond, in processes that may be killed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.hyper_optimization.record import Record, read_tries
from n3hyper.hyper_optimization.stores.scan_lock import locked_scan
from n3hyper.physics.xgrid import export_xgrid
from n3hyper.replicas.card import FitCard, load_fit_card
from n3hyper.replicas.ensemble import Job, setup_of
from n3hyper.replicas.folder import PDFScale
from n3hyper.replicas.preparation import PreparedFit
from n3hyper.replicas.replica_fit import ReplicaFit, Weights
from n3hyper.replicas.request import FitRequest
from n3hyper.replicas.running.rounds import FitOutcome
from n3hyper.replicas.running.serial import begin, run_serial
from n3hyper.replicas.trainer import FitPlan
from tests.support.small_card import small_card, write_card
from tests.support.synthetic import synthetic_problem, toy_pdf

IDENTITY = {"data": "toy", "theory": "toy", "replicas": "1"}
PROBLEM = synthetic_problem(dis=(8, 6), hadronic=0, folds=0, replicas=2, nx=12)


def toy_fit(number: int, setups: int = 1) -> ReplicaFit:
    """Return a replica near the toy proton; each fifth is not positive, each seventh not finite."""
    rng = np.random.default_rng(number)
    finite = number % 7 != 0
    size = 1.0 + 0.05 * rng.normal()
    return ReplicaFit(
        number=number,
        setup=setup_of(number, setups),
        training_chi2=1.0 + 0.1 * rng.random(),
        validation_chi2=1.1 + 0.1 * rng.random(),
        chi2=1.05 + 0.05 * rng.random() if finite else float("nan"),
        best_epoch=int(rng.integers(100, 200)),
        stop_epoch=249,
        positive=number % 5 != 0,
        finite=finite,
        arc_lengths=1.0 + 0.1 * rng.random(5),
        integrability=0.1 * rng.random(5),
        pdf=size * toy_pdf(export_xgrid()),
        predictions=size * PROBLEM.central,
        curves=np.array([[2.0, 2.1], [1.0, 1.1]]),
        weights=Weights(
            ((rng.normal(size=(1, 2, 6)), np.zeros((1, 6))),
             (rng.normal(size=(1, 6, 8)), np.zeros((1, 8)))),
            rng.random(8),
            rng.random(8),
        ),
    )  # fmt: skip


class ToyReplicas:
    """Fits jobs of toys."""

    def __init__(self, setups: int, misbehave: Any = None) -> None:
        self.setups, self.misbehave = setups, misbehave
        self.jobs: list[tuple[int, ...]] = []

    def hyperparametrizable(self, params: Mapping[str, Any]) -> Record:
        """Return the result of a job, as the real trainer does."""
        numbers = Job.checked(params).replicas(self.setups)
        self.jobs.append(numbers)
        if self.misbehave is not None:
            self.misbehave({"epochs": 0})
        if 11 in numbers:
            raise ValueError("replica 11 is not to my liking")
        fits = [toy_fit(number, self.setups) for number in numbers]
        return {"status": "ok", "loss": 1.0, "replicas": [fit.encode() for fit in fits]}


class Silent:
    """Listens, and says nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


def toy_card(folder: Path, setups: int = 1) -> FitCard:
    """Return the card of a fit with so many setups, which differ in their epochs."""
    card = small_card()
    if setups > 1:
        card["hyperscan_config"] = {"parameters": [{"epochs": 30 + n} for n in range(setups)]}
    return load_fit_card(write_card(folder / "toy.yml", card))


def toy_prepared(card: FitCard) -> PreparedFit:
    """Return what `prepare_fit` gives, without data or theory."""
    plan = FitPlan(PROBLEM, card.runcard, card.setups)
    return PreparedFit(card, plan, PDFScale(1.65, 4), IDENTITY)


def toy_run(
    folder: Path, replicas: int, at_most: int = 40, setups: int = 1, trainer: Any = None
) -> FitOutcome:
    """Begin a fit in `folder`, or continue the one that is there."""
    there = any((folder / "jobs" / name).exists() for name in ("tries.pkl", "tries.json"))
    (folder / "jobs").mkdir(parents=True, exist_ok=True)
    card = toy_card(folder.parent, setups)
    prepared = toy_prepared(card)
    request = FitRequest(
        runcard=folder / "filter.yml",
        output=folder,
        replicas=replicas,
        at_most=at_most,
        restart=there,
    )
    with locked_scan(folder / "jobs"):
        begin(request, prepared)
        return run_serial(request, prepared, trainer or ToyReplicas(setups), Silent())


def contents(folder: Path) -> dict[str, Any]:
    """Return what all files of a fit hold by name, times and durations aside; links as such."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file() and not name.startswith("jobs/"):
            found[name] = path.read_bytes()
            if path.name == f"{folder.name}.json":
                content = json.loads(found[name])
                content.pop("timing", None)
                found[name] = content
    records = read_tries(folder / "jobs" / "tries.json")
    for record in records:
        for time in ("book_time", "refresh_time"):
            record.pop(time)
        record["result"].pop("seconds")
    return {**found, "jobs": records}
