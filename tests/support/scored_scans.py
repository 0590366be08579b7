"""Scans of toy fits with replicas that cannot be used, as their scorer has scored them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.hyper_optimization.record import finished_state
from n3hyper.hyper_optimization.scores.scoring import make_scorer
from n3hyper.runcard.model import KFold, Partition
from tests.support.make_trials import write_tries
from tests.support.synthetic import synthetic_problem
from tests.support.toy_trainer import toy_fit

FOLDS, REPLICAS, TRIALS = 3, 6, 12
WEIGHTS = (1.0, 2.0, 0.5)


def weighted_problem() -> FitProblem:
    problem = synthetic_problem(dis=(8, 6, 7), hadronic=0, folds=FOLDS, replicas=REPLICAS, nx=12)
    folds = [
        dataclasses.replace(fold, weight=weight)
        for fold, weight in zip(problem.folds, WEIGHTS, strict=True)
    ]
    return dataclasses.replace(problem, folds=tuple(folds))


PROBLEM = weighted_problem()


def kfold(**changes: Any) -> KFold:
    partitions = tuple(
        Partition(fold.datasets, weight=weight)
        for fold, weight in zip(PROBLEM.folds, WEIGHTS, strict=True)
    )
    penalties = ("saturation", "patience", "integrability")
    return KFold(partitions=partitions, **{"penalties": penalties, "threshold": 1e9, **changes})


def fits() -> list[Any]:
    """Good ones, some with replicas that cannot be used, some that fail."""
    rng = np.random.default_rng(3)
    made = []
    for number in range(TRIALS):
        scales = 1 + (0.01 + 0.01 * number) * rng.random((FOLDS, REPLICAS))
        passed = rng.random((FOLDS, REPLICAS)) > (0.5 if number in (4, 9) else 0.1)
        validation = toy_fit(PROBLEM, scales).validation_chi2 + rng.random((FOLDS, REPLICAS))
        changes = {"positivity_passed": passed, "validation_chi2": validation}
        made.append(toy_fit(PROBLEM, scales, **changes))
    return made


def write(folder: Path, settings: KFold) -> Path:
    """The folder of a scan that was scored by `settings`."""
    score = make_scorer(PROBLEM, settings)
    records = []
    for tid, fit in enumerate(fits()):
        result = score(fit)
        misc = {"tid": tid, "vals": {}, "idxs": {}, "space_vals": {"epochs": 100 + tid}}
        records.append(
            {"tid": tid, "state": finished_state(result), "misc": misc, "result": result}
        )
    write_tries(folder / "nnfit" / "replica_1" / "tries.json", records)
    card = dataclasses.asdict(settings)
    card["partitions"] = [
        {"datasets": list(p.datasets), "weight": p.weight} for p in settings.partitions
    ]
    card["penalties"] = list(settings.penalties)
    (folder / "filter.yml").write_text(json.dumps({"kfold": card}))
    return folder
