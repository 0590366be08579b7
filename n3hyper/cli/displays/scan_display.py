"""Display of a running scan: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from n3hyper.cli.displays.duration import clock
from n3hyper.cli.faults import Faults, debugging
from n3hyper.cli.outcome import outcome
from n3hyper.fitting.result import Progress as FitProgress


class ScanDisplay:
    """Display of plain lines, one when a trial ends; the base of the live display.

    Parameters
    ----------
    total
        Total number of trials of the scan.
    done
        Number of trials that an earlier run has finished.
    console
        Console to write to; standard error by default, so that output can be piped.
    """

    def __init__(self, total: int, done: int = 0, console: Console | None = None) -> None:
        self.total, self.done = total, done
        self.console = console or Console(stderr=True)
        self.best: float | None = None
        self.faults = Faults(debug=debugging())
        self.seconds: list[float] = []
        self._started = time.monotonic()

    def __enter__(self) -> ScanDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def stage(self, text: str) -> None:
        """Print what is being done before the first trial."""
        self.console.print(text, style="dim", highlight=False, soft_wrap=True, markup=False)

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        """Note that a trial begins."""
        self._started = time.monotonic()

    def fit_progress(self, progress: FitProgress) -> None:
        """Ignore that some epochs have passed."""

    def trial_ended(self, trial: dict[str, Any]) -> None:
        """Print the outcome of a trial; `trial` is its record."""
        self.done += 1
        self.seconds.append(time.monotonic() - self._started)
        loss = trial["result"].get("loss")
        better = loss is not None and (self.best is None or loss < self.best)
        if better:
            self.best = loss
        for line in (self._line(trial, better), *self.faults.lines(trial)):
            self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def time_left(self) -> float:
        """Return the seconds that the remaining trials are expected to take."""
        mean = sum(self.seconds) / len(self.seconds) if self.seconds else 0.0
        return mean * max(self.total - self.done, 0)

    def _line(self, trial: dict[str, Any], better: bool) -> str:
        return (
            f"trial {self.done}/{self.total}  {outcome(trial['result'], better)}"
            f"  {self.seconds[-1]:.1f} s  time left {clock(self.time_left())}"
        )


class LiveDisplay(ScanDisplay):
    """Display of two bars on a terminal: the scan's trials, and the epochs of the current trial."""

    names = ("scan ", "trial")
    """Of the bars."""

    def __init__(self, total: int, done: int = 0, console: Console | None = None) -> None:
        super().__init__(total, done, console)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            expand=True,
            transient=True,
        )
        self._scan: TaskID = self._bars.add_task(
            self.names[0], total=total, completed=done, note=""
        )
        self._trial: TaskID = self._bars.add_task(
            self.names[1], total=1, note="starting", visible=False
        )

    def __enter__(self) -> ScanDisplay:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        super().trial_started(tid, params)
        self._bars.reset(self._trial, total=1, note="preparing", visible=True)

    def fit_progress(self, progress: FitProgress) -> None:
        if progress.stage == "compile":
            note = "compiling"
        else:
            note = f"median validation chi2 {progress.validation_chi2:.3f}"
        if progress.batches > 1:
            note += f", batch {progress.batch}/{progress.batches}"
        self._bars.update(
            self._trial,
            total=progress.epochs * progress.batches,
            completed=progress.epochs * (progress.batch - 1) + progress.epoch,
            note=note,
            visible=True,
        )

    def trial_ended(self, trial: dict[str, Any]) -> None:
        super().trial_ended(trial)
        self._bars.update(self._scan, completed=self.done, note=self._note())
        self._bars.update(self._trial, visible=False)

    def _note(self) -> str:
        """Return the text behind the first bar."""
        best = "none yet" if self.best is None else f"{self.best:.4f}"
        return f"best loss {best}, {clock(self.time_left())} left"


def make_display(total: int, done: int = 0, quiet: bool = False) -> ScanDisplay:
    """Return the display that suits the destination of the output.

    >>> type(make_display(3, quiet=True)).__name__
    'ScanDisplay'
    """
    console = Console(stderr=True, quiet=quiet)
    live = console.is_terminal and not console.is_dumb_terminal and not quiet
    return (LiveDisplay if live else ScanDisplay)(total, done, console)
