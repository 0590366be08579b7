"""The loop of a parallel scan: suggest, queue, take up what workers have finished.

The scan's trials are the numbers 0 to N - 1. A number is put into the database once, whoever is
first, so that several scan processes, or one that was killed and started again, never make more.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.connection import Retrying
from n3hyper.hyper_optimization.mongo.jobs import job_id
from n3hyper.hyper_optimization.mongo.scan_document import LEASE
from n3hyper.hyper_optimization.mongo.stale_jobs import StaleJobs
from n3hyper.hyper_optimization.mongo.watching.work import REMEMBERED, Work
from n3hyper.hyper_optimization.mongofiletrials import MongoFileTrials
from n3hyper.hyper_optimization.record import (
    STATE_NEW,
    STATE_RUNNING,
    STATUS_OK,
    Record,
    seconds_of,
)
from n3hyper.hyper_optimization.sampling.suggest import Suggests
from n3hyper.hyper_optimization.serial_loop import ScanOutcome
from n3hyper.hyper_optimization.standing.state import RunningTrial, WorkerState
from n3hyper.hyper_optimization.standing.time_left import seconds_left

POLL: Final = 0.1
"""Seconds between looks at the database."""
_STATUS: Final = 1.0
"""Seconds between looks at who is working."""
_AHEAD: Final = 2.0
"""Seconds for which there should be jobs in the queue."""
_WINDOW: Final = 50
"""Trials that the rate is taken from."""


@dataclass(frozen=True)
class Status:
    """State of a parallel scan."""

    total: int
    done: int
    failed: int
    running: int
    queued: int
    workers: int
    """Of those that give signs of life."""
    per_hour: float
    """Trials, of late; NaN before there are two."""
    notes: tuple[str, ...] = ()
    """Why workers refuse the scan, each once."""
    seconds_left: float = math.nan
    """Until the last trial, with these workers; NaN where that cannot be said."""
    trials: tuple[RunningTrial, ...] = ()
    """Those that run."""
    seen: tuple[WorkerState, ...] = ()
    """The workers, and those that were lost within the last hour."""

    @property
    def lost(self) -> tuple[RunningTrial, ...]:
        """The trials whose workers are lost."""
        return tuple(trial for trial in self.trials if trial.lost)


class ParallelScan:
    """A scan whose trials are run by workers.

    Parameters
    ----------
    trials
        Its store; a scan has been published there.
    suggester
        Of its space.
    max_evals
        Trials in all.
    retrying
        Repeats requests while the database is away.
    max_failures
        Failed trials in a row that end the scan; None for no limit.
    on_trial
        Is told of each trial that has finished.
    on_status
        Is told how the scan stands, now and then.
    stop
        Asked again and again; a reason ends the scan when no trial runs any more.
    deadline
        Asked once `stop` has given a reason: whether to end although trials run.
    tend
        Called again and again: looks after what this process has started.
    """

    def __init__(
        self,
        trials: MongoFileTrials,
        suggester: Suggests,
        max_evals: int,
        retrying: Retrying,
        *,
        max_failures: int | None = None,
        on_trial: Callable[[Record], None] = lambda record: None,
        on_status: Callable[[Status], None] = lambda status: None,
        stop: Callable[[], str] = lambda: "",
        deadline: Callable[[], bool] = lambda: False,
        tend: Callable[[], None] = lambda: None,
    ) -> None:
        self.trials = trials
        self.suggester = suggester
        self.max_evals = max_evals
        self.retrying = retrying
        self.max_failures = max_failures
        self.on_trial, self.on_status, self.stop = on_trial, on_status, stop
        self.deadline, self.tend = deadline, tend
        document = trials.scan_document
        self.stale = StaleJobs(LEASE if document is None else document.lease)
        self.lease = self.stale.lease
        self.work = Work((), (), ())
        self._told = {int(record["tid"]) for record in trials.finished}
        self._ends: deque[float] = deque([time.monotonic()], maxlen=_WINDOW)
        self._durations: deque[float] = deque(maxlen=_WINDOW)
        for record in trials.finished[-_WINDOW:]:
            self._learn(record)
        self._failed_in_a_row = 0
        self._looked = -math.inf

    def run(self) -> ScanOutcome:
        """Run trials until there are `max_evals`.

        Raises
        ------
        StoreError
            The database is away for too long, or refuses; the files cannot be written.
        """
        try:
            reason = self._run()
        finally:
            self._sign_off()
            self.trials.write()
        return ScanOutcome(self.trials.files, reason, gave_up=bool(self._gave_up()))

    def _run(self) -> str:
        while True:
            outages = self.retrying.outages
            self.retrying(lambda: self.trials.refresh_tids(None))
            self.trials.write(at_once=False)
            if self.retrying.outages != outages:
                self.stale.forget()
            self._tell()
            if self._looked == -math.inf:
                # what has finished while no scan was there says nothing of the rate
                self._ends = deque([time.monotonic()], maxlen=_WINDOW)
            if len(self._told) >= self.max_evals:
                return ""
            if reason := self._gave_up():
                self.retrying(self._withdraw)
                return reason
            self.retrying(self._release)
            if reason := self.stop():
                self.retrying(self._withdraw)
                if not self._running() or self.deadline():
                    return reason
            else:
                self.retrying(self._trim)
                self._fill()
            self.tend()
            self._look()
            time.sleep(POLL)

    def _sign_off(self) -> None:
        from pymongo.errors import PyMongoError

        with suppress(PyMongoError):  # those who ask how the scan stands see it by its silence, too
            self.trials.sign_off()

    # ------------------------------------------------------------ what has happened
    def _tell(self) -> None:
        # in the order in which they were taken up
        for record in self.trials.files.trials[len(self._told) :]:
            self._told.add(int(record["tid"]))
            self._note(record)

    def _note(self, record: Record) -> None:
        failed = record["result"]["status"] != STATUS_OK
        self._failed_in_a_row = self._failed_in_a_row + 1 if failed else 0
        self._last = record
        self._ends.append(time.monotonic())
        self._learn(record)
        self.on_trial(record)

    def _learn(self, record: Record) -> None:
        seconds = seconds_of(record)
        if seconds is not None:
            self._durations.append(seconds)

    def _gave_up(self) -> str:
        if self.max_failures is None or self._failed_in_a_row < self.max_failures:
            return ""
        failure = self._last["result"]["failure"]
        return (
            f"{self._failed_in_a_row} trials in a row failed, the last by {failure['reason']}: "
            f"{failure['text']}"
        )

    def _release(self) -> None:
        """Make jobs new whose workers are gone."""
        for tid in self.stale.look(self.trials.headers):
            header = self.trials.headers[tid]
            self.trials.handle.release({**header, "_id": job_id(self.trials.exp_key, tid)})

    # ------------------------------------------------------------ what is to be done
    def _running(self) -> int:
        states = [header.get("state") for header in self.trials.headers.values()]
        return states.count(STATE_RUNNING)

    def _queued(self) -> list[int]:
        headers = self.trials.headers.items()
        return [tid for tid, header in headers if header.get("state") == STATE_NEW]

    def _wanted(self) -> int:
        """Return the number of jobs that workers will ask for in the next seconds.

        Few, since a suggestion that is made later knows more; enough, that nobody waits.
        """
        workers = max(self.work.alive, self._running(), 1)
        if not self._durations:
            return workers
        return min(workers, max(1, math.ceil(workers * _AHEAD / max(self._mean, 1e-9))))

    @property
    def _mean(self) -> float:
        """Seconds of a trial, of late; NaN where none has ended."""
        return sum(self._durations) / len(self._durations) if self._durations else math.nan

    def _fill(self) -> None:
        for _ in range(self._wanted() - len(self._queued())):
            tid = self._next()
            if tid is None:
                return
            (document,) = self.suggester.suggest(self.trials, tid)
            try:
                self.retrying(partial(self.trials.insert, document))
            except StoreError:
                self.retrying(lambda: self.trials.refresh_tids(None))
                if tid not in self.trials.known.documents:
                    raise

    def _trim(self) -> None:
        """Take back jobs that nobody has begun, the latest first, where there are too many.

        A scan that was to be longer, and was interrupted, has left some.
        """
        excess = len(self.trials.known.documents) - self.max_evals
        if excess > 0:
            self.trials.withdraw(sorted(self._queued())[-excess:])

    def _next(self) -> int | None:
        """The first number that is not taken; None where there are enough trials."""
        taken = self.trials.known.documents
        if len(taken) >= self.max_evals:
            return None
        return next(tid for tid in range(self.max_evals) if tid not in taken)

    def _withdraw(self) -> None:
        """Take back what nobody has begun."""
        self.trials.withdraw(self._queued())

    # ------------------------------------------------------------ how it stands
    def _look(self) -> None:
        from pymongo.errors import PyMongoError

        now = time.monotonic()
        if now - self._looked < _STATUS:
            return
        self._looked = now
        try:
            self.trials.sign_of_life(self.max_evals)
            self.work = self.trials.work(REMEMBERED, self.lease)
        except PyMongoError:
            return  # the next refresh will say so
        self.on_status(self.status())

    def status(self) -> Status:
        """Return the state of the scan."""
        finished = self.trials.files.trials
        span = time.monotonic() - self._ends[0]
        work, running = self.work, self._running()
        missing = max(self.max_evals - len(finished) - len(work.trials), 0)
        return Status(
            total=self.max_evals,
            done=len(finished),
            failed=sum(trial["result"]["status"] != STATUS_OK for trial in finished),
            running=running,
            queued=len(self._queued()),
            workers=work.alive,
            per_hour=3600.0 * (len(self._ends) - 1) / span if len(self._ends) > 1 else math.nan,
            notes=work.refusals,
            seconds_left=seconds_left(missing, work.trials, work.alive, self._mean),
            trials=work.trials,
            seen=work.workers,
        )
