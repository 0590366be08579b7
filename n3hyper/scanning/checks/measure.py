"""Measurement of the time and memory that a fit takes on this machine, by a few epochs of it.

The fits run in a process of their own, as those of a scan do, whose memory is measured.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from n3hyper.data.problem import FitProblem
from n3hyper.errors import FitError
from n3hyper.fitting.result import BatchFit, Progress
from n3hyper.hyper_optimization.record import STATUS_OK, Record
from n3hyper.runcard import Runcard
from n3hyper.scanning.isolation import IsolatedTrainer
from n3hyper.scanning.prepare import WARM_UP
from n3hyper.system.memory import resident

if TYPE_CHECKING:
    from n3hyper.fitting.model_trainer import ModelTrainer

_FIRST: Final = 100
"""Epochs after which it is known how long an epoch takes, roughly."""
_SECONDS: Final = 2.0
"""Seconds of training that are measured then."""
_MOST: Final = 2000

Score = Callable[[BatchFit], Mapping[str, Any]]


@dataclass(frozen=True)
class Cost:
    """Time and memory that fits of some networks at once take."""

    networks: int
    compile: float
    """Seconds of compiling, where the architecture is new."""
    epoch: float
    """Seconds of an epoch of all networks."""
    rest: float
    """Seconds before and after the training, the scores included."""
    memory: int
    """Bytes, of the process of the fits and of the one that holds data and theory."""
    batches: int
    """How many batches the networks train in, one after the other."""

    def seconds(self, epochs: int, new: bool = True) -> float:
        """Return the time of a fit of so many epochs.

        >>> Cost(8, 3.0, 0.001, 0.5, 10**9, 1).seconds(2000)
        5.5
        """
        return epochs * self.epoch + self.rest + (self.compile if new else 0.0)


@dataclass(frozen=True)
class _Measurer:
    """Fits a few epochs; what a process of fits takes for a trainer."""

    trainer: ModelTrainer
    score: Score | None

    def hyperparametrizable(self, params: Mapping[str, Any]) -> Record:
        """Return what the fit of a setup takes, as the result of a trial."""
        first = self._fit(params, _FIRST)
        pace = first.seconds["train"] / max(first.epochs_run, 1)
        wanted = min(max(round(_SECONDS / max(pace, 1e-6)), _FIRST), _MOST)
        begin = time.perf_counter()
        second = self._fit(params, wanted)
        if self.score is not None:
            self.score(second)
        took = time.perf_counter() - begin
        train = second.seconds["train"]
        return {
            "status": STATUS_OK,
            "loss": 0.0,
            "compile": first.seconds["compile"],
            "epoch": train / max(second.epochs_run, 1),
            "rest": max(took - train - second.seconds["compile"], 0.0),
            "peak": _peak(),
            "batches": second.batches,
        }

    def _fit(self, params: Mapping[str, Any], epochs: int) -> BatchFit:
        # no network stops early
        return self.trainer.fit({**params, "epochs": epochs, "stopping_patience": 1.0})


def _peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) * (1 if sys.platform == "darwin" else 1024)


def make_measurer(
    problem: FitProblem,
    runcard: Runcard,
    memory: int | None,
    on_progress: Callable[[Progress], None],
) -> _Measurer:
    """Return what measures fits; its first fit imports TensorFlow."""
    from n3hyper.fitting.model_trainer import ModelTrainer
    from n3hyper.hyper_optimization.scores.scoring import make_scorer

    score = None if runcard.kfold is None else make_scorer(problem, runcard.kfold)
    return _Measurer(ModelTrainer(problem, runcard, on_progress=on_progress, memory=memory), score)


def measured(
    problem: FitProblem, runcard: Runcard, setups: list[dict[str, Any]], memory: int | None
) -> list[Cost]:
    """Return what fits of some setups take, each of all folds and replicas of a problem.

    Raises
    ------
    FitError
        when a fit fails; the message says why.
    """
    costs = []
    networks = max(len(problem.folds), 1) * problem.replicas
    with IsolatedTrainer(lambda progress: None, WARM_UP) as fits:
        fits.prepare(partial(make_measurer, problem, runcard, memory))
        for setup in setups:
            result = fits.hyperparametrizable(setup)
            if result["status"] != STATUS_OK:
                raise FitError(f"a fit failed: {result['failure']['text']}")
            costs.append(
                Cost(
                    networks,
                    result["compile"],
                    result["epoch"],
                    result["rest"],
                    int(result["peak"]) + resident(),
                    int(result["batches"]),
                )
            )
    return costs
