"""Display of a parallel scan: its workers, its jobs, its rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from n3hyper.cli.displays.duration import clock
from n3hyper.cli.displays.scan_display import ScanDisplay
from n3hyper.cli.outcome import outcome
from n3hyper.hyper_optimization.parallel_loop import Status
from n3hyper.hyper_optimization.standing.state import RunningTrial, short_worker


class ParallelDisplay(ScanDisplay):
    """Display of plain lines, one when a trial ends or workers come, go or report something."""

    def __init__(self, total: int, done: int = 0, console: Console | None = None) -> None:
        super().__init__(total, done, console)
        self._status: Status | None = None
        self._told: set[str] = set()

    def __enter__(self) -> ParallelDisplay:
        return self

    def status(self, status: Status) -> None:
        """Print the status of the scan when it changes."""
        before, self._status = self._status, status
        for note in status.notes:
            if note not in self._told:
                self._told.add(note)
                self._say(f"a worker says: {note}")
        if before is None or before.workers != status.workers or _lost(before) != _lost(status):
            self._workers_changed(status)

    def _workers_changed(self, status: Status) -> None:
        self._say(summary(status), style="dim")

    def _say(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, highlight=False, soft_wrap=True, markup=False)

    def time_left(self) -> float:
        """Return seconds until the scan is done, from the recent rate; 0 if it is not known."""
        left = math.nan if self._status is None else self._status.seconds_left
        return 0.0 if math.isnan(left) else left

    def _line(self, trial: dict[str, Any], better: bool) -> str:
        result = trial["result"]
        seconds = (result.get("seconds") or {}).get("total")
        took = "" if seconds is None else f"  {seconds:.1f} s"
        left = f"  time left {clock(self.time_left())}" if self.time_left() else ""
        ended = outcome(result, better)
        return f"trial {self.done}/{self.total} (number {trial['tid']})  {ended}{took}{left}"


class _Bar(Progress):
    """Bar with a line below it that is wrapped on a narrow terminal."""

    below = Text(style="dim")

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        yield self.below


class LiveParallelDisplay(ParallelDisplay):
    """Display of a bar on a terminal, with the status of the scan below it."""

    def __init__(self, total: int, done: int = 0, console: Console | None = None) -> None:
        super().__init__(total, done, console)
        self._bars = _Bar(
            TextColumn("scan"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            console=self.console,
            expand=True,
            transient=True,
        )
        self._scan = self._bars.add_task("scan", total=total, completed=done)

    def __enter__(self) -> LiveParallelDisplay:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def status(self, status: Status) -> None:
        super().status(status)
        self._bars.below = Text(summary(status), style="dim")
        self._bars.update(self._scan, completed=status.done)

    def trial_ended(self, trial: dict[str, Any]) -> None:
        super().trial_ended(trial)
        self._bars.update(self._scan, completed=self.done)

    def _workers_changed(self, status: Status) -> None:
        """Show the status below the bar."""


def _lost(status: Status) -> tuple[tuple[int, str], ...]:
    """Return the trials that wait for the leases of lost workers, and these workers."""
    return tuple((trial.tid, trial.worker) for trial in status.lost)


def summary(status: Status) -> str:
    """Return the status in one line.

    >>> summary(Status(10, 4, 1, 2, 1, 2, per_hour=360.0, seconds_left=60.0))
    '2 workers, 2 running, 1 queued, 4 done, 1 failed, 360 trials/h, 1 m 00 s left'
    >>> lost = RunningTrial(7, 20.0, worker="node7:4711:0a", lost=True, lease_left=48.0)
    >>> summary(Status(10, 9, 1, 1, 0, 2, math.nan, seconds_left=54.0, trials=(lost,)))
    '2 workers, 0 running, trial 7 of lost node7:4711 starts anew in 48 s, 0 queued, 9 done, 1 \
failed, 54 s left'
    """
    workers = f"{status.workers} worker{'' if status.workers == 1 else 's'}"
    parts = [
        workers if status.workers else "no workers",
        f"{status.running - len(status.lost)} running",
        *map(lost_words, status.lost),
        f"{status.queued} queued",
        f"{status.done} done",
        f"{status.failed} failed",
    ]
    if not math.isnan(status.per_hour):
        digits = 0 if status.per_hour >= 10 else 1
        parts.append(f"{status.per_hour:.{digits}f} trials/h")
    if not math.isnan(status.seconds_left):
        parts.append(f"{clock(status.seconds_left)} left")
    return ", ".join(parts)


def lost_words(trial: RunningTrial) -> str:
    """Return what becomes of a trial whose worker is lost."""
    words = f"trial {trial.tid} of lost {short_worker(trial.worker)}"
    if math.isnan(trial.lease_left):
        return f"{words} waits for the scan to be gone on with"
    return f"{words} starts anew in {clock(trial.lease_left)}"


def make_parallel_display(total: int, done: int = 0, quiet: bool = False) -> ParallelDisplay:
    """Return the display that suits the destination of the output."""
    console = Console(stderr=True, quiet=quiet)
    live = console.is_terminal and not console.is_dumb_terminal and not quiet
    return (LiveParallelDisplay if live else ParallelDisplay)(total, done, console)
