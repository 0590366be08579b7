"""Who is told how a scan goes."""

from __future__ import annotations

from typing import Any, Protocol

from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.record import Record


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
