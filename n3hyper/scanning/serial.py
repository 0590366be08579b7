"""Recipe of ``n3hyper scan`` and ``restart``: a scan in this process, with its fits in another."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from n3hyper.hyper_optimization.record import Record
from n3hyper.runcard import Runcard
from n3hyper.scanning.budget import Budget
from n3hyper.scanning.isolation import IsolatedTrainer
from n3hyper.scanning.listener import Listener
from n3hyper.scanning.prepare import (
    WARM_UP,
    PreparedScan,
    held_scan,
    make_trainer,
    prepare_scan,
)
from n3hyper.scanning.request import ScanRequest

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.filetrials import FileTrials
    from n3hyper.hyper_optimization.serial_loop import ScanOutcome


def perform_scan(request: ScanRequest, listener: Listener) -> ScanOutcome:
    """Load the runcard, build the problem and scan; nothing is written before input is checked.

    Raises
    ------
    RuncardError, DataError, TheoryError
        when the input is wrong.
    StoreError
        when the folder holds a scan already, or the trials cannot be read or written.
    """
    budget = None if request.timeout is None else Budget(request.timeout)
    with ExitStack() as held:

        def prepare(request: ScanRequest, runcard: Runcard, listener: Listener) -> PreparedScan:
            # the process of the fits gets ready while data and theory are being read
            fits = held.enter_context(IsolatedTrainer(listener.fit_progress, WARM_UP))
            prepared = prepare_scan(request, runcard, listener)
            fits.prepare(partial(make_trainer, prepared.trainer.problem, runcard, request.memory))
            return PreparedScan(fits, prepared.scanner, prepared.identity)

        scan = held.enter_context(held_scan(request, listener, prepare))
        from n3hyper.hyper_optimization.serial_loop import run_scan
        from n3hyper.hyper_optimization.stores.trial_pdfs import BestPDFs

        def on_open(trials: FileTrials, notes: list[str]) -> None:
            for note in notes:
                listener.stage(note)
            if budget:
                budget.learn(trials.finished)

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
            scan.trainer,
            scan.scanner,
            request.max_evals,
            seed=request.seed,
            algo=request.algo,
            restart=request.restart,
            fingerprint=scan.identity,
            keep=request.kept,
            max_failures=request.max_failures,
            on_start=on_start,
            on_trial=on_trial,
            on_open=on_open,
            stop=budget.spent if budget else None,
            lock=False,
            take=BestPDFs(request.replica_folder, request.keep).take,
        )
