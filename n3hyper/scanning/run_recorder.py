"""A listener that keeps what others ask for: the state file and the log, beside the trials."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from n3hyper import __version__
from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.standing.state import RunningTrial
from n3hyper.hyper_optimization.standing.state_file import RunState, state_file
from n3hyper.scanning.run_log import RunLog
from n3hyper.system.folder_lock import this_process


class RunRecorder:
    """Listener that passes on what it hears, and keeps the state file and the log up to date.

    Nothing is written outside of `recording`.

    Parameters
    ----------
    listener
        A `n3hyper.scanning.listener.Listener`, or one that follows a parallel scan or a fit.
    kind
        ``scan`` or ``fit``.
    total
        Trials in all.
    log
        Formats of the log, of `n3hyper.scanning.run_log.FORMATS`; none by default.
    """

    def __init__(self, listener: Any, kind: str, total: int, log: Sequence[str] = ()) -> None:
        self._listener, self._log = listener, RunLog(log)
        self._state = RunState(kind, total, begun=time.time())
        self._trial_begun = 0.0

    @contextmanager
    def recording(self, folder: Path, database: str = "", parallel: bool = False) -> Iterator[None]:
        """Write the state file, and the log, during the block, in a folder that is held.

        Parameters
        ----------
        database
            See `RunState.database`.
        parallel
            Whether workers run the trials.
        """
        workers = () if parallel else None
        self._state = replace(self._state, stage="", database=database, workers=workers)
        with ExitStack() as held:
            held.enter_context(self._log.open(folder))
            about = f"{self._state.kind} in {folder.absolute()}: n3hyper {__version__}"
            self._log.note("begin", f"{about}, {this_process()}", version=__version__)
            held.enter_context(state_file(folder, lambda: self._state, self._listener.stage))
            yield

    # ------------------------------------------------------------ what a listener hears
    def stage(self, text: str) -> None:
        """Pass on the stage of the preparation."""
        self._state = replace(self._state, stage=text)
        self._log.note("stage", text)
        self._listener.stage(text)

    def jobs_planned(self, total: int, done: int) -> None:
        """Pass on how many jobs a fit has so far, and how many of them are done."""
        self._state = replace(self._state, total=total)
        self._log.note("planned", f"{total} jobs, {done} done", total=total, done=done)
        self._listener.jobs_planned(total, done)

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        """Pass on that a trial begins."""
        self._trial_begun = time.monotonic()
        self._state = replace(self._state, stage="", trials=(RunningTrial(tid, 0.0),))
        self._log.trial_started(tid, params)
        self._listener.trial_started(tid, params)

    def fit_progress(self, progress: Progress) -> None:
        """Pass on that a chunk of epochs has passed."""
        seconds = time.monotonic() - self._trial_begun
        trials = tuple(
            replace(trial, seconds=seconds, progress=progress) for trial in self._state.trials
        )
        self._state = replace(self._state, trials=trials)
        self._listener.fit_progress(progress)

    def trial_ended(self, trial: Record) -> None:
        """Pass on that a trial has ended and is saved."""
        going_on = tuple(each for each in self._state.trials if each.tid != trial["tid"])
        self._state = replace(self._state, trials=going_on)
        self._log.trial_ended(trial)
        self._listener.trial_ended(trial)

    def status(self, status: Any) -> None:
        """Pass on how a parallel scan stands; see `n3hyper.hyper_optimization.parallel_loop`."""
        self._state = replace(
            self._state,
            stage="",
            total=status.total,
            trials=status.trials,
            workers=status.seen,
            queued=status.queued,
            notes=status.notes,
        )
        self._log.status(status)
        self._listener.status(status)
