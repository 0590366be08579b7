"""A scan from its runcard to its files: the recipe behind ``n3hyper scan`` and ``restart``."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from n3hyper import __version__
from n3hyper.errors import StoreError
from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.scan import ScanOutcome, run_scan
from n3hyper.runcard import Runcard, load_runcard, require_scan

RUNCARD_COPY: Final = "filter.yml"
REPLICA_FOLDER: Final = Path("nnfit") / "replica_1"
PICKLE: Final = "tries.pkl"


class Listener(Protocol):
    """Who is told how the scan goes; see `n3hyper.cli.display`."""

    def stage(self, text: str) -> None:
        """What is being prepared."""

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        """A trial begins."""

    def fit_progress(self, progress: Progress) -> None:
        """A chunk of epochs has passed."""

    def trial_ended(self, trial: Record) -> None:
        """A trial has ended, and is saved."""


@dataclass(frozen=True)
class ScanRequest:
    """What a user asked for.

    Parameters
    ----------
    runcard
        File of the runcard.
    output
        Folder of the scan.
    max_evals
        Trials of the scan in all, those before a restart counted.
    replicas
        Networks of each fold.
    seed, algo
        Of the suggestions; None for the defaults, or those of the scan that is restarted.
    timeout
        Seconds; no trial is started that is not expected to end within them.
    theory_path
        Where to look for the theory first.
    restart
        Go on with the trials in `output`.
    max_failures
        Failed trials in a row that end the scan; None for no limit.
    """

    runcard: Path
    output: Path
    max_evals: int
    replicas: int = 1
    seed: int | None = None
    algo: str | None = None
    timeout: float | None = None
    theory_path: Path | None = None
    restart: bool = False
    max_failures: int | None = None

    @property
    def replica_folder(self) -> Path:
        """Where the trials are kept."""
        return self.output / REPLICA_FOLDER

    @property
    def pickle(self) -> Path:
        """The file that a restart is given."""
        return self.replica_folder / PICKLE


@dataclass
class Budget:
    """Says when a scan has to end so that the time it was given is kept.

    >>> budget = Budget(100.0, clock=iter([0.0, 40.0, 75.0]).__next__)
    >>> budget.begin(), budget.end()
    (None, None)
    >>> budget.spent()
    'the next trial is expected to take 40 s, and 25 s are left of 100 s'
    """

    seconds: float
    clock: Callable[[], float] = time.monotonic
    durations: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start = self._begun = self.clock()

    def begin(self) -> None:
        """A trial starts; the first one's compilation counts with it."""
        self._begun = self._start if not self.durations else self.clock()

    def end(self) -> None:
        """A trial has ended."""
        self.durations.append(self.clock() - self._begun)

    def spent(self) -> str:
        """Why no further trial should start, or nothing.

        A trial is expected to take as long as the longest so far: a job that its batch system kills
        loses the trial under way.
        """
        left = self._start + self.seconds - self.clock()
        expected = max(self.durations, default=0.0)
        if left > expected:
            return ""
        return (
            f"the next trial is expected to take {expected:.0f} s, "
            f"and {max(left, 0.0):.0f} s are left of {self.seconds:.0f} s"
        )


def perform_scan(request: ScanRequest, listener: Listener) -> ScanOutcome:
    """Load, build, scan. Nothing is written before all input has been found right.

    Raises
    ------
    RuncardError, DataError, TheoryError
        The input is wrong.
    StoreError
        The folder holds a scan already, or the trials cannot be read or written.
    """
    budget = None if request.timeout is None else Budget(request.timeout)
    runcard = load_runcard(request.runcard)
    if not request.restart:
        refuse_used_folder(request)
    trainer, scanner, fingerprint = prepare(request, runcard, listener)
    if not request.restart:
        keep_runcard(request)

    def on_start(tid: int, params: dict[str, Any]) -> None:
        if budget:
            budget.begin()
        listener.trial_started(tid, params)

    def on_trial(trial: Record) -> None:
        if budget:
            budget.end()
        listener.trial_ended(trial)

    return run_scan(
        request.replica_folder,
        trainer,
        scanner,
        request.max_evals,
        seed=request.seed,
        algo=request.algo,
        restart=request.restart,
        fingerprint=fingerprint,
        max_failures=request.max_failures,
        on_start=on_start,
        on_trial=on_trial,
        stop=budget.spent if budget else None,
    )


def prepare(
    request: ScanRequest, runcard: Runcard, listener: Listener
) -> tuple[Any, Any, dict[str, str]]:
    """What fits, what is scanned, and what tells this scan from others.

    Returns
    -------
    ModelTrainer, HyperScanner, dict
    """
    from n3hyper.data.build import build_problem
    from n3hyper.hyper_optimization.hyper_scan import HyperScanner

    kfold = require_scan(runcard)
    for note in runcard.notes:
        listener.stage(note)
    scanner = HyperScanner(runcard.parameters, runcard.hyperscan)
    listener.stage("reading data and theory")
    problem = build_problem(runcard, request.replicas, request.theory_path)
    listener.stage(
        f"{problem.ndata} points of {len(problem.datasets)} data sets, {len(problem.folds)} folds"
        f" x {request.replicas} {'replica' if request.replicas == 1 else 'replicas'}"
    )
    from n3hyper.fitting.model_trainer import ModelTrainer
    from n3hyper.hyper_optimization.scoring import make_scorer

    score = make_scorer(problem, kfold)
    trainer = ModelTrainer(problem, runcard, score, on_progress=listener.fit_progress)
    fingerprint = {
        "problem": problem.fingerprint,
        "replicas": str(request.replicas),
        "version": __version__.split(".", maxsplit=1)[0],
    }
    return trainer, scanner, fingerprint


def refuse_used_folder(request: ScanRequest) -> None:
    """Raise StoreError where the output folder holds trials; touch nothing."""
    for name in (PICKLE, "tries.json"):
        if (request.replica_folder / name).exists():
            raise StoreError(
                f"{request.output} holds a scan already; go on with it by "
                f"n3hyper restart --pkl {request.pickle}, or choose another folder with -o"
            )
    if request.output.exists() and not request.output.is_dir():
        raise StoreError(f"{request.output} is a file; choose a folder with -o")


def keep_runcard(request: ScanRequest) -> None:
    """Put the runcard, as it is being run, into the output folder."""
    try:
        request.replica_folder.mkdir(parents=True, exist_ok=True)
        copy = request.output / RUNCARD_COPY
        if not (copy.exists() and copy.samefile(request.runcard)):
            shutil.copyfile(request.runcard, copy)
    except OSError as error:
        raise StoreError(f"{request.output}: {error.strerror or error}") from error


def restart_request(pickle: Path, max_evals: int | None, **options: Any) -> ScanRequest:
    """The request that goes on with the scan of `pickle`, found by where the pickle lies.

    Raises
    ------
    StoreError
        The pickle cannot be read, or its folder has no runcard.
    """
    from n3hyper.hyper_optimization.filetrials import FileTrials

    trials = FileTrials.from_pkl(pickle)
    output = pickle.resolve().parent.parent.parent
    runcard = output / RUNCARD_COPY
    if not runcard.is_file():
        raise StoreError(f"{pickle}: the runcard of its scan, {runcard}, is missing")
    known = trials.scan.get("fingerprint", {})
    return ScanRequest(
        runcard=runcard,
        output=output,
        max_evals=len(trials.finished) + 1 if max_evals is None else max_evals,
        replicas=int(known.get("replicas", 1)),
        restart=True,
        **options,
    )


def finished_trials(request: ScanRequest) -> int:
    """How many trials the scan has before it is run: none unless it is a restart."""
    if not request.restart:
        return 0
    from n3hyper.hyper_optimization.filetrials import FileTrials

    return len(FileTrials.from_pkl(request.pickle).finished)
