"""Fits the replicas of a job: what `ModelTrainer` is to a trial of a scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from n3hyper.data.build import build_problem
from n3hyper.data.problem import FitProblem
from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.fitting.network.pdf_model import NetworkWeights
from n3hyper.fitting.result import BatchFit, Progress
from n3hyper.fitting.training.memory import SMALLEST
from n3hyper.hyper_optimization.record import STATUS_OK, Record, failed_result
from n3hyper.physics.distributions import INTEGRABILITY_X, arc_lengths, integrability_numbers
from n3hyper.physics.xgrid import export_xgrid
from n3hyper.replicas.ensemble import Job, setup_of
from n3hyper.replicas.replica_fit import ReplicaFit, Weights
from n3hyper.runcard import Runcard

_ROOM: Final = 1.25
"""By how much more than needed pseudodata are made, when there are too few."""


class StartOf(Protocol):
    """Gives the weights that replicas start from."""

    def __call__(self, replicas: Sequence[int]) -> NetworkWeights | None:
        """Return those of some replicas; None where all are drawn."""


def drawn(replicas: Sequence[int]) -> None:
    """Let all weights be drawn, by the seeds of the replicas."""
    return


@dataclass(frozen=True)
class FitPlan:
    """Plan from which a process fits any replica of a fit; it is pickled.

    Parameters
    ----------
    problem
        Without folds, of replicas 1 to some number.
    runcard
        Of the fit.
    setups
        The ensemble.
    theory_path
        Where to look for the theory first, should more replicas be needed.
    memory
        Bytes that the fits may take; None for most of what is free.
    start_of
        The weights that replicas start from.
    """

    problem: FitProblem
    runcard: Runcard
    setups: tuple[Mapping[str, Any], ...]
    theory_path: Path | None = None
    memory: int | None = None
    start_of: StartOf = drawn


def make_trainer(plan: FitPlan, on_progress: Callable[[Progress], None]) -> ReplicaTrainer:
    """Return what fits the jobs of a fit; TensorFlow is imported by its first one."""
    return ReplicaTrainer(plan, on_progress)


class ReplicaTrainer:
    """Fits one job after the other; tables and compiled programs stay.

    The fit of a replica depends on its number, its setup and the runcard, and on nothing else: not
    on the replicas that it is trained with, nor on jobs before.
    """

    def __init__(self, plan: FitPlan, on_progress: Callable[[Progress], None]) -> None:
        self._plan, self._problem = plan, plan.problem
        self._trainer = ModelTrainer(
            plan.problem,
            plan.runcard,
            on_progress=on_progress,
            memory=plan.memory,
            few_alone=False,
        )

    def hyperparametrizable(self, params: Mapping[str, Any]) -> Record:
        """Return the result of a job: see `n3hyper.replicas.results`.

        Parameters
        ----------
        params
            A point of `n3hyper.replicas.jobs.JobSpace`.

        Raises
        ------
        FitError
            There is no such job, or its setup describes no fit.
        """
        plan = self._plan
        numbers = Job.checked(params).replicas(len(plan.setups))
        setup = setup_of(numbers[0], len(plan.setups))
        # where a batch is smaller, the last bits of a fit depend on its size
        together = [*numbers, *[numbers[-1]] * (SMALLEST - len(numbers))]
        self._make_enough(max(numbers))
        problem = self._problem.of_replicas(np.array(together) - 1)
        fit = self._trainer.with_problem(problem).fit(plan.setups[setup], plan.start_of(together))
        fits = replica_fits(fit, numbers, setup, problem.ndata)
        return job_result(fits, fit)

    def _make_enough(self, replicas: int) -> None:
        """Make pseudodata and splits of so many replicas, where they are not made yet."""
        if replicas > self._problem.replicas:
            wanted = int(_ROOM * replicas)
            self._problem = build_problem(self._plan.runcard, wanted, self._plan.theory_path)


def replica_fits(fit: BatchFit, numbers: Sequence[int], setup: int, ndata: int) -> list[ReplicaFit]:
    """Return the replicas of a batch without folds, of which the first have these numbers."""
    model = fit.pdf_model()
    pdf = model.evaluate(export_xgrid())
    with np.errstate(all="ignore"):
        lengths = arc_lengths(model.evaluate)
        integrable = integrability_numbers(model.evaluate(np.array(INTEGRABILITY_X)))
    return [
        ReplicaFit(
            number=number,
            setup=setup,
            training_chi2=float(fit.training_chi2[0, place]),
            validation_chi2=float(fit.validation_chi2[0, place]),
            chi2=float(fit.experimental_chi2[0, place]),
            best_epoch=int(fit.best_epoch[0, place]),
            stop_epoch=int(fit.stop_epoch[0, place]),
            positive=bool(fit.positivity_passed[0, place]),
            finite=not fit.nan[0, place],
            arc_lengths=lengths[place],
            integrability=integrable[place],
            pdf=pdf[place],
            predictions=fit.predictions[0, place, :ndata],
            curves=fit.curves[0, place],
            weights=Weights(
                tuple((layer.kernel[place], layer.bias[place]) for layer in model.layers),
                model.alpha[place],
                model.beta[place],
            ),
        )
        for place, number in enumerate(numbers)
    ]


def job_result(fits: Sequence[ReplicaFit], batch: BatchFit) -> Record:
    """Return the result of a job, with all of its replicas; it fails where all of them do."""
    shared: Record = {
        "replicas": [fit.encode() for fit in fits],
        "epochs_run": batch.epochs_run,
        "seconds": dict(batch.seconds),
    }
    good = [fit.chi2 for fit in fits if not fit.failure]
    if good:
        return {"status": STATUS_OK, "loss": float(np.mean(good)), **shared}
    reason = fits[0].failure
    text = f"none of {len(fits)} replicas can be used"
    return failed_result(reason, text, **shared)
