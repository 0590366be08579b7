"""Listeners that the loop of a serial scan or fit tells what happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.serial_loop import LoopListener
from n3hyper.hyper_optimization.stores.trial_pdfs import BestPDFs
from n3hyper.scanning.budget import Budget
from n3hyper.scanning.listener import Listener
from n3hyper.scanning.request import ScanRequest


class TimedFollower(LoopListener):
    """Listener of the loop that keeps the time, and tells the display.

    Parameters
    ----------
    ended
        Called with the record of each trial that has ended.
    """

    def __init__(
        self, listener: Listener, budget: Budget | None, ended: Callable[[Record], None]
    ) -> None:
        self.listener = listener
        self.budget = budget
        self.ended = ended

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        if self.budget:
            self.budget.begin()
        self.listener.trial_started(tid, params)

    def trial_ended(self, trial: Record) -> None:
        if self.budget:
            self.budget.end()
        self.ended(trial)

    def stop_reason(self) -> str:
        return self.budget.spent() if self.budget else ""


class ScanFollower(TimedFollower):
    """Listener of the loop of a scan, which keeps the best PDFs as well."""

    def __init__(self, request: ScanRequest, listener: Listener, budget: Budget | None) -> None:
        super().__init__(listener, budget, listener.trial_ended)
        self.pdfs = BestPDFs(request.replica_folder, request.keep)

    def opened(self, trials: FileTrials, notes: list[str]) -> None:
        for note in notes:
            self.listener.stage(note)
        if self.budget:
            self.budget.learn(trials.finished)

    def take(self, tid: int, result: Record) -> None:
        self.pdfs.take(tid, result)
