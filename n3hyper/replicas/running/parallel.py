"""A fit whose jobs are run by workers: the recipe behind ``n3hyper fit --parallel``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

from n3hyper.hyper_optimization.mongo.scan_document import FIT, ScanDocument, printable_label
from n3hyper.hyper_optimization.parallel_loop import ParallelScan
from n3hyper.hyper_optimization.serial_loop import ScanOutcome
from n3hyper.hyper_optimization.stores.identity import complete_identity
from n3hyper.replicas.card import FitCard
from n3hyper.replicas.jobs import JobSpace, JobSuggester
from n3hyper.replicas.preparation import PreparedFit, prepare_fit
from n3hyper.replicas.request import FitRequest
from n3hyper.replicas.running.rounds import ALGORITHM, FitFiles, FitListener, FitOutcome, run_rounds
from n3hyper.replicas.running.serial import held_fit
from n3hyper.scanning.budget import Budget
from n3hyper.scanning.parallel import (
    ParallelListener,
    ParallelRequest,
    await_database,
    database_in_use,
    deadline,
    open_files,
    shared_trials,
    timed,
)
from n3hyper.scanning.run_recorder import RunRecorder


class ParallelFitListener(FitListener, ParallelListener, Protocol):
    """Who is told how a parallel fit goes."""


def perform_parallel_fit(
    request: FitRequest,
    parallel: ParallelRequest,
    listener: ParallelFitListener,
    *,
    prepare: Callable[[FitCard], PreparedFit] | None = None,
    worker_command: tuple[str, ...] | None = None,
) -> FitOutcome:
    """Load, build, find or start a database and workers, fit, judge.

    Parameters
    ----------
    prepare, worker_command
        In place of real fits, for tests.

    Raises
    ------
    RuncardError, DataError, TheoryError
        The input is wrong.
    StoreError
        The folder holds a fit already, cannot be written, or the database does not answer.
    """
    budget = None if request.timeout is None else Budget(request.timeout)
    recorder = RunRecorder(listener, "fit", 0, request.log)
    uri: str | None = None

    def prepare_with_database(card: FitCard) -> PreparedFit:
        nonlocal uri
        uri = database_in_use(request, parallel, recorder)
        if prepare is None:
            prepared = prepare_fit(
                card, request.at_most, recorder.stage, request.theory_path, request.memory
            )
        else:
            prepared = prepare(card)
        if uri is not None:
            await_database(uri, parallel.database_timeout, recorder)
        return prepared

    with ExitStack() as held:
        prepared = held.enter_context(held_fit(request, prepare_with_database))
        held.enter_context(
            recorder.recording(request.folder.store, parallel.database, parallel=True)
        )
        files = FitFiles(request, prepared, recorder)
        records = files.opened()
        if budget:
            budget.learn(records)
        identity = complete_identity(prepared.identity, JobSpace().as_dict())
        store = open_files(
            request.replica_folder,
            JobSpace().as_dict(),
            identity,
            recorder,
            restart=request.folder.has_store,
            algo=ALGORITHM,
            keep={"runcard": prepared.card.text},
        )
        document = ScanDocument(
            "",
            prepared.card.text,
            request.at_most,
            identity,
            parallel.lease,
            FIT,
            label=printable_label(request.output.resolve().name),
        )
        shared = held.enter_context(
            shared_trials(uri, store, document, request, parallel, recorder, worker_command)
        )
        over = deadline(request.timeout)

        def run(rounds: Sequence[int], jobs: int) -> ScanOutcome:
            return ParallelScan(
                shared.trials,
                JobSuggester(rounds, prepared.setups),
                jobs,
                shared.retrying,
                max_failures=request.max_failures,
                on_trial=timed(files.job_ended, budget),
                on_status=recorder.status,
                stop=budget.spent if budget else lambda: "",
                deadline=over,
                tend=shared.tend,
            ).run()

        return run_rounds(request, prepared, files, records, run)
