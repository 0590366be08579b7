"""Worker, which takes jobs from the database and evaluates them, one after the other.

Nothing that it reads is trusted: a scan is refused if its document is malformed or its inputs
differ from this host's, and a job that is not a point of the scan's space fails. The worker goes on
in either case.
"""

from __future__ import annotations

import math
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from n3hyper.errors import ObjectiveError, StoreError
from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.mongo.attachments import TrialAttachments
from n3hyper.hyper_optimization.mongo.connection import (
    SELECTION,
    Retrying,
    address_of,
    open_database,
)
from n3hyper.hyper_optimization.mongo.jobs import Claim, Jobs, trial_number
from n3hyper.hyper_optimization.mongo.objectives import (
    ObjectiveDocument,
    decode_document,
    find_objective,
)
from n3hyper.hyper_optimization.mongo.scan_document import ScanDocument, scan_name
from n3hyper.hyper_optimization.record import Record, failed_result
from n3hyper.hyper_optimization.standing.state import encode_progress
from n3hyper.services.evaluator import Evaluator, PrepareFits, prepare_fits
from n3hyper.services.objective_evaluator import ObjectiveEvaluator
from n3hyper.services.worker_settings import WorkerSettings
from n3hyper.system.interruption import interrupted_by_signals

_IDLE_BEAT: Final = 10.0
"""Seconds between heartbeats of a worker without a scan."""
_BUSY_BEAT, _SHORTEST_BEAT = 3.0, 1.0
"""Seconds between heartbeats of a worker that runs a trial, for those who watch it: usually, and
at least where trials take less."""
_REFUSED_AGAIN: Final = 30.0
"""Seconds after which a refused scan is tried again: it may have been restarted."""
_LOYALTY: Final = 10.0
"""Seconds without a job of its scan before a worker prepares for another, which takes long."""
_LEAVING: Final = 5.0
"""Seconds after a signal to give the job back."""
_MAX_PAUSE: Final = 1.0
"""Seconds between queries of a worker that has been idle for long."""


class Worker:
    """Worker in the main thread of a process.

    Parameters
    ----------
    settings
        Settings of the worker.
    say
        Receives a line for each event.
    prepare
        Function that makes the trainer of a scan; see `n3hyper.services.evaluator`.

    Raises
    ------
    ObjectiveError
        when an allowed objective cannot be imported.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        say: Callable[[str], None],
        prepare: PrepareFits = prepare_fits,
    ) -> None:
        self.settings = settings
        self.say = say
        self.prepare = prepare
        self.objectives = {name: find_objective(name) for name in settings.objectives}
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        database = open_database(settings.uri)
        self.jobs = Jobs(database)
        self.retrying = Retrying(address_of(database), settings.database_timeout, say)
        self.done = 0
        self._begun = self._beaten = time.monotonic()
        self._progress: Progress | None = None
        self._evaluator: Evaluator | ObjectiveEvaluator | None = None
        self._refused: dict[str, float] = {}
        self._claim: Claim | None = None
        self._note = ""
        self._refuses: str | None = None
        self._worked = -math.inf
        self._leaving = threading.Event()
        self._sooner = threading.Event()
        self._signing = threading.Lock()

    # ------------------------------------------------------------ the loop
    def run(self) -> int:
        """Work until there is nothing left to do; return the number of jobs done.

        Raises
        ------
        StoreError
            when the database does not answer for too long, or refuses.
        """
        self.retrying(self.jobs.create_jobs_indexes)
        self.say(f"waiting for jobs at {self.retrying.address}")
        heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        heart.start()
        try:
            self._work()
        finally:
            self.leave()
            self._forget_scan()
            heart.join(timeout=1.0)
        return self.done

    def _work(self) -> None:
        idle_since, pause = time.monotonic(), self.settings.poll_interval
        while self.settings.max_jobs is None or self.done < self.settings.max_jobs:
            if self._one_job():
                self.done += 1
                idle_since, pause = time.monotonic(), self.settings.poll_interval
                continue
            if time.monotonic() - idle_since > self.settings.reserve_timeout:
                self.say(f"no job for {self.settings.reserve_timeout:.0f} s: ending")
                return
            time.sleep(pause)
            if time.monotonic() - idle_since > 10.0:
                pause = min(2 * pause, max(_MAX_PAUSE, self.settings.poll_interval))
        self.say(f"{self.done} jobs done: ending")

    def _one_job(self) -> bool:
        """Find a job, take it and do it; return whether there was one."""
        for candidate in self.retrying(self._candidates):
            key = candidate.get("exp_key")
            evaluator = self._evaluator_of(key) if isinstance(key, str) else None
            if evaluator is None:
                continue
            claim = self.retrying(partial(self.jobs.claim, candidate["_id"], self.name))
            if claim is not None:
                self._do(claim, evaluator)
                return True
        return False

    def _candidates(self) -> list[dict[str, Any]]:
        """Return jobs of the scan that is prepared, else of any scan, in random order."""
        now = time.monotonic()
        for key in [key for key, since in self._refused.items() if now - since > _REFUSED_AGAIN]:
            del self._refused[key]
        found: list[dict[str, Any]] = []
        warm = [] if self._evaluator is None else [self._evaluator.scan.exp_key]
        loyal = warm and now - self._worked < _LOYALTY
        for wanted in warm if loyal else dict.fromkeys([*warm, self.settings.exp_key]):
            if wanted not in self._refused:
                found = self.jobs.candidates(wanted, without=set(self._refused))
            if found:
                break
        random.shuffle(found)
        return found

    # ------------------------------------------------------------ scans
    def _evaluator_of(self, key: str) -> Evaluator | ObjectiveEvaluator | None:
        """Return the evaluator of a scan's jobs; None if the scan is refused."""
        if self._evaluator is not None and self._evaluator.scan.exp_key == key:
            return self._evaluator
        if key in self._refused:
            return None
        document = self.retrying(lambda: self.jobs.scans.find_one({"_id": key}))
        try:
            scan = decode_document(key, document)
            self.say(f"preparing for {scan.name}")
            self._forget_scan()
            self._evaluator = self._prepared(scan)
        except (StoreError, ObjectiveError) as err:
            self._refuse(key, str(err))
        except Exception as err:  # noqa: BLE001  # an unforeseen document
            self._refuse(key, f"{scan_name(key)}: {type(err).__name__}: {err}")
        else:
            self._note, self._refuses = "", None
            # the heartbeat may be in a longer pause than the lease of this scan allows
            self._sooner.set()
            return self._evaluator
        return None

    def _prepared(self, scan: ScanDocument | ObjectiveDocument) -> Evaluator | ObjectiveEvaluator:
        if isinstance(scan, ObjectiveDocument):
            return ObjectiveEvaluator(scan, self.objectives)
        return Evaluator(
            scan, self.prepare, self.settings.theory_path, self.say, self._note_progress
        )

    def _note_progress(self, progress: Progress) -> None:
        """Keep the progress of the fit for the next heartbeat."""
        self._progress = progress

    def _forget_scan(self) -> None:
        evaluator, self._evaluator = self._evaluator, None
        if evaluator is not None:
            evaluator.close()

    def _refuse(self, key: str, text: str) -> None:
        self._refused[key] = time.monotonic()
        self._refuses = key
        if self._note != text:
            self._note = text
            self.say(f"refused: {text}")
        with suppress(StoreError):
            self.retrying(self._sign_of_life)

    # ------------------------------------------------------------ one job
    def _do(self, claim: Claim, evaluator: Evaluator | ObjectiveEvaluator) -> None:
        self._claim, self._progress = claim, None
        if time.monotonic() - self._beaten > _SHORTEST_BEAT:
            self._sooner.set()
        begin = time.perf_counter()
        try:
            misc = self.retrying(lambda: self.jobs.point(claim))
            result = self._attached(claim, evaluator(misc))
            seconds = result.get("seconds")
            result["seconds"] = {
                **(seconds if isinstance(seconds, dict) else {}),
                "total": time.perf_counter() - begin,
            }
            self._finish(claim, result)
        except (KeyboardInterrupt, SystemExit):
            raise
        except StoreError:
            raise
        except Exception as err:  # noqa: BLE001  # an unforeseen document
            self._finish(claim, failed_result("exception", f"{type(err).__name__}: {err}"))
        self._claim = None
        self._worked = time.monotonic()

    def _attached(self, claim: Claim, result: Record) -> Record:
        """Store the attachments of a result in the database, and return the rest of it."""
        attachments = TrialAttachments(self.jobs, claim.id)
        for name, value in result.pop("attachments", {}).items():
            try:
                self.retrying(partial(attachments.__setitem__, name, value))
            except ObjectiveError as err:
                return failed_result("exception", str(err))
        return result

    def _finish(self, claim: Claim, result: Record) -> None:
        from pymongo.errors import PyMongoError

        try:
            kept = self.retrying(lambda: self.jobs.finish(claim, result))
        except (PyMongoError, OverflowError, ValueError) as err:
            # too large for the database, or of a type unknown to it
            failure = failed_result("exception", f"the result cannot be stored: {err}")
            kept = self.retrying(lambda: self.jobs.finish(claim, failure))
        loss = result.get("loss")
        outcome = f"failed: {result['failure']['reason']}" if loss is None else f"loss {loss:.4f}"
        late = "" if kept else " (too late: another worker has taken it)"
        self.say(
            f"trial {trial_number(claim.id)}: {outcome}, {result['seconds']['total']:.1f} s{late}"
        )

    # ------------------------------------------------------------ signs of life
    def _beat(self) -> None:
        """Renew the lease and report that the worker is alive; run by a thread."""
        from pymongo.errors import PyMongoError

        while not self._leaving.is_set():
            claim, self._beaten = self._claim, time.monotonic()
            with suppress(PyMongoError):  # the main loop will report it
                self._sign_of_life()
                if claim is not None:
                    self.jobs.beat(claim)
            self._sooner.wait(self._pause)
            self._sooner.clear()

    @property
    def _pause(self) -> float:
        """Seconds until the next heartbeat."""
        longest = _IDLE_BEAT if self._claim is None else _BUSY_BEAT
        return longest if self._evaluator is None else min(self._evaluator.scan.beat, longest)

    def _sign_of_life(self) -> None:
        evaluator, claim, progress = self._evaluator, self._claim, self._progress
        state = {
            "exp_key": None if evaluator is None else evaluator.scan.exp_key,
            "note": self._note,
            "refuses": self._refuses,
            "busy": claim is not None,
            # for those who watch: see `n3hyper.hyper_optimization.mongo.watching.work`
            "trial": None if claim is None else trial_number(claim.id),
            "progress": None if claim is None or progress is None else encode_progress(progress),
            "done": self.done,
            "age": time.monotonic() - self._begun,
            "beat": self._pause,
        }
        with self._signing:
            if self._leaving.is_set():
                return  # the worker has signed off
            self.jobs.workers.update_one(
                {"_id": self.name},
                {"$set": state, "$currentDate": {"seen": True}},
                upsert=True,
            )

    def leave(self) -> None:
        """Give back an unfinished job; safe to be called from any thread, and twice."""
        from pymongo.errors import PyMongoError

        self._leaving.set()
        self._sooner.set()
        claim, self._claim = self._claim, None
        with suppress(PyMongoError):
            if claim is not None:
                self.jobs.give_back(claim)
        # a heartbeat under way would arrive after the worker has signed off
        if self._signing.acquire(timeout=SELECTION):
            with suppress(PyMongoError):
                self.jobs.workers.delete_one({"_id": self.name})
            self._signing.release()


def run_worker(
    settings: WorkerSettings, say: Callable[[str], None], prepare: PrepareFits = prepare_fits
) -> int:
    """Run a worker in the main thread of a process until nothing is left, or a signal comes.

    Returns
    -------
    int
        Exit status of the process: 0, or 130 after a signal.
    """
    worker = Worker(settings, say, prepare)

    def last_words() -> str:
        worker.leave()
        return "interrupted in the middle of a job, which is left to others"

    try:
        with interrupted_by_signals(last_words, grace=_LEAVING):
            worker.run()
    except KeyboardInterrupt:
        say("interrupted; what was under way is left to others")
        return 130
    return 0
