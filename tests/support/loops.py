"""`run_scan` with the settings and the events of a scan as keywords."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from n3hyper.hyper_optimization import serial_loop
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.serial_loop import LoopListener, ScanOutcome, ScanSettings


class Events(LoopListener):
    """Listener that calls the functions that it is given."""

    def __init__(
        self,
        on_open: Callable[..., None] | None = None,
        on_start: Callable[..., None] | None = None,
        take: Callable[..., None] | None = None,
        on_trial: Callable[[Record], None] | None = None,
        stop: Callable[[], str] | None = None,
    ) -> None:
        self.functions = (on_open, on_start, take, on_trial, stop)

    def _call(self, place: int, *arguments: Any) -> Any:
        function = self.functions[place]
        return function(*arguments) if function else ""

    def opened(self, *arguments: Any) -> None:
        self._call(0, *arguments)

    def trial_started(self, *arguments: Any) -> None:
        self._call(1, *arguments)

    def take(self, *arguments: Any) -> None:
        self._call(2, *arguments)

    def trial_ended(self, *arguments: Any) -> None:
        self._call(3, *arguments)

    def stop_reason(self) -> str:
        return str(self._call(4))


EVENTS = ("on_open", "on_start", "take", "on_trial", "stop")


def run_scan(folder: Path, trainer: Any, scanner: Any, trials: int, **options: Any) -> ScanOutcome:
    """Run a scan with `ScanSettings` and functions for `Events` as keywords."""
    events = Events(**{name: options.pop(name) for name in EVENTS if name in options})
    return serial_loop.run_scan(folder, trainer, scanner, trials, ScanSettings(**options), events)
