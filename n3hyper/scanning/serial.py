"""Recipe of ``n3hyper scan`` and ``restart``: a scan in this process, with its fits in another."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

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
from n3hyper.scanning.run_recorder import RunRecorder

if TYPE_CHECKING:
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
    recorder = RunRecorder(listener, "scan", request.max_evals, request.log)
    with ExitStack() as held:

        def prepare(request: ScanRequest, runcard: Runcard, listener: Listener) -> PreparedScan:
            # the process of the fits gets ready while data and theory are being read
            fits = held.enter_context(IsolatedTrainer(recorder.fit_progress, WARM_UP))
            prepared = prepare_scan(request, runcard, listener)
            fits.prepare(partial(make_trainer, prepared.trainer.problem, runcard, request.memory))
            return PreparedScan(fits, prepared.scanner, prepared.identity)

        scan = held.enter_context(held_scan(request, recorder, prepare))
        held.enter_context(recorder.recording(request.replica_folder))
        # hyperopt takes its time to import, while the process of the fits gets ready
        from n3hyper.hyper_optimization.serial_loop import ScanSettings, run_scan
        from n3hyper.scanning.follower import ScanFollower

        settings = ScanSettings(
            seed=request.seed,
            algo=request.algo,
            restart=request.restart,
            fingerprint=scan.identity,
            keep=request.kept,
            max_failures=request.max_failures,
            lock=False,
        )
        return run_scan(
            request.replica_folder,
            scan.trainer,
            scan.scanner,
            request.max_evals,
            settings,
            ScanFollower(request, recorder, budget),
        )
