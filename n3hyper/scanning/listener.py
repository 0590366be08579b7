"""Interface of the listeners that follow a scan."""

from __future__ import annotations

from typing import Any, Protocol

from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.record import Record


class Listener(Protocol):
    """Listener that follows the progress of a scan; see `n3hyper.cli.displays.scan_display`."""

    def stage(self, text: str) -> None:
        """Report the stage of the preparation."""

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        """Report that a trial begins."""

    def fit_progress(self, progress: Progress) -> None:
        """Report that a chunk of epochs has passed."""

    def trial_ended(self, trial: Record) -> None:
        """Report that a trial has ended and is saved."""
