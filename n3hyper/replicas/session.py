"""A fit from its runcard to its folder: the recipe behind ``n3hyper fit``."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.identity import complete_identity
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.recovery import reopen
from n3hyper.hyper_optimization.scan_lock import locked_scan
from n3hyper.hyper_optimization.serial_loop import ScanOutcome, mend, run_scan
from n3hyper.replicas.card import load_fit_card
from n3hyper.replicas.folder import FitFolder, write
from n3hyper.replicas.jobs import JobSpace, JobSuggester, jobs_of_rounds, rounds_of
from n3hyper.replicas.preparation import PreparedFit, prepare_fit
from n3hyper.replicas.replica_fit import ReplicaFit
from n3hyper.replicas.results import FitResults, next_round
from n3hyper.replicas.summary import fit_summary
from n3hyper.replicas.trainer import make_trainer
from n3hyper.replicas.vetoes import Thresholds, Vetoes, with_files
from n3hyper.scanning.budget import Budget
from n3hyper.scanning.isolation import IsolatedTrainer
from n3hyper.scanning.listener import Listener
from n3hyper.scanning.prepare import WARM_UP

ALGORITHM: Final = "replicas"
"""What the store of a fit says in place of the algorithm of a scan."""
_REQUEST: Final = "request.json"


class FitListener(Listener, Protocol):
    """Who is told how a fit goes; see `n3hyper.cli.fit_display`."""

    def jobs_planned(self, total: int, done: int) -> None:
        """Take how many jobs the fit has so far, and how many of them are done."""


class Trainer(Protocol):
    """What fits jobs; see `n3hyper.replicas.trainer.ReplicaTrainer`."""

    def hyperparametrizable(self, params: Mapping[str, Any]) -> Record:
        """Return the result of a job."""


@dataclass(frozen=True)
class FitRequest:
    """What a user asked for.

    Parameters
    ----------
    runcard
        File of the runcard; of a restart, that in the folder.
    output
        Folder of the fit.
    replicas
        How many must pass the vetoes.
    at_most
        Largest number of a replica that is fitted to make up for those that fail.
    trials, origin
        See `load_fit_card`.
    thresholds
        Of the vetoes.
    timeout
        Seconds; no job is started that is not expected to end within them.
    theory_path
        Where to look for the theory first.
    max_failures
        Failed jobs in a row that end the fit; None for no limit.
    memory
        Bytes that the fits may take; None for most of what is free.
    restart
        Go on with the fit in `output`.
    """

    runcard: Path
    output: Path
    replicas: int
    at_most: int
    trials: tuple[Mapping[str, Any], ...] = ()
    origin: str = ""
    thresholds: Thresholds = field(default_factory=Thresholds)
    timeout: float | None = None
    theory_path: Path | None = None
    max_failures: int | None = None
    memory: int | None = None
    restart: bool = False

    @property
    def folder(self) -> FitFolder:
        """The folder with its paths."""
        return FitFolder(self.output)


@dataclass(frozen=True, eq=False)
class FitOutcome:
    """What became of a fit."""

    results: FitResults
    vetoes: Vetoes
    chosen: tuple[ReplicaFit, ...]
    """The replicas of ``postfit``, by rising number."""
    wanted: int
    stopped: str = ""
    """Why it ended before so many passed; empty where they did, or where all were tried."""
    gave_up: bool = False
    """Whether too many failures are why."""

    @property
    def complete(self) -> bool:
        """Whether as many passed as were wanted."""
        return len(self.chosen) >= self.wanted

    @property
    def failures(self) -> Counter[str]:
        """How many replicas failed, by reason."""
        return Counter(why.partition(":")[0] for why in self.results.failures(self.vetoes).values())


def perform_fit(request: FitRequest, listener: FitListener) -> FitOutcome:
    """Load, build, fit, judge. Nothing is written before all input has been found right.

    Raises
    ------
    RuncardError, DataError, TheoryError
        The input is wrong.
    StoreError
        The folder holds a fit already, or cannot be written.
    """
    budget = None if request.timeout is None else Budget(request.timeout)
    folder = request.folder
    with ExitStack() as held:
        if request.restart:
            held.enter_context(locked_scan(folder.store))
        else:
            folder.check_name()
            folder.refuse_used()
        card = load_fit_card(request.runcard, request.trials, request.origin)
        # its process gets ready while data and theory are being read
        fits = held.enter_context(IsolatedTrainer(listener.fit_progress, WARM_UP))
        prepared = prepare_fit(
            card, request.at_most, listener.stage, request.theory_path, request.memory
        )
        fits.prepare(partial(make_trainer, prepared.plan))
        if not request.restart:
            held.enter_context(claimed(folder))
        return run_serial(request, prepared, fits, listener, budget)


def run_serial(
    request: FitRequest,
    prepared: PreparedFit,
    trainer: Trainer,
    listener: FitListener,
    budget: Budget | None = None,
) -> FitOutcome:
    """Run a fit that has been prepared, in a folder that is held, job after job.

    Parameters
    ----------
    trainer
        What fits the replicas of a job.
    budget
        The time of the fit; None for no limit.
    """
    begin(request, prepared)
    files = FitFiles(request, prepared, listener)
    records = files.opened()
    if budget:
        budget.learn(records)

    def on_start(tid: int, params: dict[str, Any]) -> None:
        if budget:
            budget.begin()
        listener.trial_started(tid, params)

    def on_trial(record: Record) -> None:
        if budget:
            budget.end()
        files.job_ended(record)

    def run(rounds: Sequence[int], jobs: int) -> ScanOutcome:
        return run_scan(
            request.folder.store,
            trainer,
            JobSpace(),
            jobs,
            algo=ALGORITHM,
            restart=request.folder.has_store,
            fingerprint=prepared.identity,
            keep={"runcard": prepared.card.text, "max_evals": jobs},
            max_failures=request.max_failures,
            on_start=on_start,
            on_trial=on_trial,
            stop=budget.spent if budget else None,
            lock=False,
            suggester=JobSuggester(rounds, prepared.setups),
        )

    return run_rounds(request, prepared, files, records, run)


def run_rounds(
    request: FitRequest,
    prepared: PreparedFit,
    files: FitFiles,
    records: Sequence[Record],
    run: Callable[[Sequence[int], int], ScanOutcome],
) -> FitOutcome:
    """Run jobs in rounds, each of as many replicas as are missing, until enough have passed.

    Parameters
    ----------
    records
        Of the jobs that have finished before.
    run
        Runs the jobs of some rounds, so many in all.
    """
    stopped, gave_up = "", False
    while True:
        rounds = rounds_of(records)
        jobs = len(jobs_of_rounds(rounds, prepared.setups))
        if len(records) >= jobs:
            results = FitResults.of(records, prepared.setups)
            passed = len(results.vetoes(request.thresholds).chosen)
            further = next_round(results.last, passed, request.replicas, request.at_most)
            if further is None:
                break
            rounds = [*rounds, further]
            jobs = len(jobs_of_rounds(rounds, prepared.setups))
        files.listener.jobs_planned(jobs, len(records))
        outcome = run(rounds, jobs)
        records = outcome.trials.finished
        if outcome.stopped:
            stopped, gave_up = outcome.stopped, outcome.gave_up
            break
    return files.finish(records, stopped, gave_up)


class FitFiles:
    """Writes the folder of a fit as its jobs end.

    The store is written first: what the folder lacks of it, after a kill, is made of it again.
    """

    def __init__(self, request: FitRequest, prepared: PreparedFit, listener: FitListener) -> None:
        self._request, self._prepared, self.listener = request, prepared, listener
        self._folder = request.folder

    def opened(self) -> list[Record]:
        """Return the records of the jobs that have finished; replicas without files get theirs."""
        if not self._folder.has_store:
            return []
        identity = complete_identity(self._prepared.identity, JobSpace().as_dict())
        trials, notes = reopen(self._folder.store, JobSpace().as_dict(), identity)
        for note in notes:
            self.listener.stage(note)
        mend(trials, self._folder.store, notes)
        records: list[Record] = trials.finished
        self._write(FitResults.of(records, self._prepared.setups), anew=False)
        return records

    def job_ended(self, record: Record) -> None:
        """Write the replicas of a job, and tell of it."""
        self._write(FitResults.of([record], self._prepared.setups), anew=True)
        self.listener.trial_ended(record)

    def _write(self, results: FitResults, anew: bool) -> None:
        prepared = self._prepared
        for fit in with_files(results.fits):
            if anew or not self._folder.has_replica(fit.number):
                self._folder.write_replica(
                    fit, prepared.card, prepared.scale, results.seconds[fit.number]
                )

    def finish(self, records: Sequence[Record], stopped: str, gave_up: bool) -> FitOutcome:
        """Judge all replicas, and write ``postfit`` and ``fit.json``."""
        request, prepared = self._request, self._prepared
        results = FitResults.of(records, prepared.setups)
        vetoes = results.vetoes(request.thresholds)
        passed = set(vetoes.chosen)
        chosen = tuple(fit for fit in results.fits if fit.number in passed)[: request.replicas]
        outcome = FitOutcome(results, vetoes, chosen, request.replicas, stopped, gave_up)
        if results.fits:
            self._folder.write_postfit(chosen, vetoes, prepared.scale, postfit_log(outcome))
            self._folder.write_summary(
                fit_summary(
                    prepared.card, prepared.problem, results, vetoes, chosen, prepared.scale
                )
            )
        return outcome


def postfit_log(outcome: FitOutcome) -> str:
    """Return who failed what, one line a replica."""
    failures = outcome.results.failures(outcome.vetoes)
    lines = [f"replica {number}: {why}" for number, why in failures.items()]
    head = f"{len(outcome.chosen)} replicas chosen, {outcome.wanted} asked for"
    return "\n".join([head, *lines]) + "\n"


def claimed(folder: FitFolder) -> AbstractContextManager[None]:
    """Make the folder of a new fit, to be held.

    Raises
    ------
    StoreError
        It cannot be made.
    """
    try:
        folder.store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder.path}: {error.strerror or error}") from error
    return locked_scan(folder.store)


def begin(request: FitRequest, prepared: PreparedFit) -> None:
    """Write what is known before the first job."""
    folder = request.folder
    if not request.restart:
        # while this one was reading, another may have begun here
        folder.refuse_used()
        folder.begin(prepared.card, prepared.problem)
    path = None if request.theory_path is None else os.path.abspath(request.theory_path)
    wanted = {"replicas": request.replicas, "at_most": request.at_most, "theory_path": path}
    write(folder.store / _REQUEST, json.dumps(wanted))


def restart_request(
    output: Path, replicas: int | None, at_most: int | None, **options: Any
) -> FitRequest:
    """Return the request that goes on with the fit of a folder.

    Parameters
    ----------
    replicas, at_most
        None for what was asked for the last time.

    Raises
    ------
    StoreError
        There is no fit.
    """
    folder = FitFolder(output)
    if not folder.store.is_dir() or not folder.runcard.is_file():
        raise StoreError(f"{output}: no fit of n3hyper; a new one begins with a runcard")
    before = _asked_before(folder)
    wanted = replicas or before.get("replicas") or 1
    theory = before.get("theory_path")
    if options.get("theory_path") is None and theory is not None and Path(theory).is_dir():
        options["theory_path"] = Path(theory)
    limit = at_most or (before.get("at_most") if replicas is None else None) or at_most_of(wanted)
    return FitRequest(
        runcard=folder.runcard,
        output=output,
        replicas=wanted,
        at_most=max(limit, wanted),
        restart=True,
        **options,
    )


def at_most_of(replicas: int) -> int:
    """Return how many replicas are tried where nothing else is said: half as many again, or ten.

    >>> at_most_of(4), at_most_of(100)
    (14, 150)
    """
    return replicas + max(replicas // 2, 10)


def _asked_before(folder: FitFolder) -> dict[str, Any]:
    """What `begin` has kept; nothing where it is lost."""
    try:
        found = json.loads((folder.store / _REQUEST).read_text(encoding="utf-8"))
        numbers = {name: int(found[name]) for name in ("replicas", "at_most")}
        return {**numbers, "theory_path": found.get("theory_path")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
