"""A fit in this process and one beside it: the recipe behind ``n3hyper fit``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.evaluation import Trainer
from n3hyper.hyper_optimization.serial_loop import (
    ScanOutcome,
    ScanSettings,
    run_scan,
)
from n3hyper.hyper_optimization.stores.scan_lock import locked_scan
from n3hyper.replicas.card import FitCard, load_fit_card
from n3hyper.replicas.jobs import JobSpace, JobSuggester
from n3hyper.replicas.preparation import PreparedFit, prepare_fit
from n3hyper.replicas.request import FitRequest, keep_request
from n3hyper.replicas.running.rounds import ALGORITHM, FitFiles, FitListener, FitOutcome, run_rounds
from n3hyper.replicas.trainer import make_trainer
from n3hyper.scanning.budget import Budget
from n3hyper.scanning.follower import TimedFollower
from n3hyper.scanning.isolation import IsolatedTrainer
from n3hyper.scanning.prepare import WARM_UP
from n3hyper.scanning.run_recorder import RunRecorder


@contextmanager
def held_fit(
    request: FitRequest, prepare: Callable[[FitCard], PreparedFit]
) -> Iterator[PreparedFit]:
    """Load the runcard, refuse what is wrong, prepare, hold the folder and begin there.

    This is the one recipe of serial and parallel fits. Nothing is written before `prepare` has
    returned; the folder is held until the block ends.

    Raises
    ------
    RuncardError, DataError, TheoryError
        The input is wrong.
    StoreError
        The folder holds a fit already, another process is writing there, or nothing can be written.
    """
    folder = request.folder
    with ExitStack() as held:
        if request.restart:
            held.enter_context(locked_scan(folder.store))
        else:
            folder.check_name()
            folder.refuse_used()
        prepared = prepare(load_fit_card(request.runcard, request.trials, request.origin))
        if not request.restart:
            try:
                folder.store.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"{folder.path}: {error.strerror or error}") from error
            held.enter_context(locked_scan(folder.store))
        begin(request, prepared)
        yield prepared


def begin(request: FitRequest, prepared: PreparedFit) -> None:
    """Write what is known before the first job to a folder that is held."""
    if not request.restart:
        # while this one was reading, another may have begun here
        request.folder.refuse_used()
        request.folder.begin(prepared.card, prepared.problem)
    keep_request(request)


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
    recorder = RunRecorder(listener, "fit", 0, request.log)
    with ExitStack() as held:
        # its process gets ready while data and theory are being read
        fits = held.enter_context(IsolatedTrainer(recorder.fit_progress, WARM_UP))

        def prepare(card: FitCard) -> PreparedFit:
            prepared = prepare_fit(
                card, request.at_most, recorder.stage, request.theory_path, request.memory
            )
            fits.prepare(partial(make_trainer, prepared.plan))
            return prepared

        prepared = held.enter_context(held_fit(request, prepare))
        held.enter_context(recorder.recording(request.folder.store))
        return run_serial(request, prepared, fits, recorder, budget)


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
    files = FitFiles(request, prepared, listener)
    records = files.opened()
    if budget:
        budget.learn(records)

    def run(rounds: Sequence[int], jobs: int) -> ScanOutcome:
        settings = ScanSettings(
            algo=ALGORITHM,
            restart=request.folder.has_store,
            fingerprint=prepared.identity,
            keep={"runcard": prepared.card.text, "max_evals": jobs},
            max_failures=request.max_failures,
            lock=False,
        )
        follower = TimedFollower(listener, budget, files.job_ended)
        suggester = JobSuggester(rounds, prepared.setups)
        return run_scan(
            request.folder.store, trainer, JobSpace(), jobs, settings, follower, suggester
        )

    return run_rounds(request, prepared, files, records, run)
