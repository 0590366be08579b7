"""Display of a fit while it runs: that of a scan, with replicas in place of trials."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from n3hyper.cli.displays.duration import clock
from n3hyper.cli.displays.parallel_display import LiveParallelDisplay, ParallelDisplay
from n3hyper.cli.displays.scan_display import LiveDisplay, ScanDisplay


def job_line(record: dict[str, Any]) -> str:
    """Return a line on a job that has ended.

    >>> job_line({"misc": {"vals": {"first": [3.0], "count": [2.0]}}, "result": {
    ...     "status": "fail", "failure": {"reason": "memory", "text": ""}}})
    '2 replicas from 3 on  failed: memory'
    """
    result, vals = record["result"], record["misc"]["vals"]
    first, count = int(vals["first"][0]), int(vals["count"][0])
    which = f"replica {first}" if count == 1 else f"{count} replicas from {first} on"
    made = result.get("replicas") or []
    good = [fit["chi2"] for fit in made if fit["positive"] and fit["chi2"] is not None]
    if good:
        outcome = f"chi2 {sum(good) / len(good):.4f}"
        if len(good) < count:
            outcome += f", {count - len(good)} failed"
    else:
        outcome = f"failed: {(result.get('failure') or {}).get('reason', 'unknown')}"
    seconds = (result.get("seconds") or {}).get("total")
    return f"{which}  {outcome}" + ("" if seconds is None else f"  {seconds:.1f} s")


class FitDisplay(ScanDisplay):
    """Plain lines: one when a job ends. A listener of `n3hyper.replicas.running.rounds`."""

    def jobs_planned(self, total: int, done: int) -> None:
        """Take how many jobs the fit has so far, and how many of them are done."""
        self.total, self.done = total, done

    def _line(self, trial: dict[str, Any], better: bool) -> str:
        return job_line(trial)


class LiveFitDisplay(FitDisplay, LiveDisplay):
    """Two bars on a terminal: the jobs of the fit, and the epochs of the one under way."""

    names = ("fit  ", "job  ")

    def jobs_planned(self, total: int, done: int) -> None:
        super().jobs_planned(total, done)
        self._bars.update(self._scan, total=total, completed=done)

    def _note(self) -> str:
        return f"{clock(self.time_left())} left"


class ParallelFitDisplay(FitDisplay, ParallelDisplay):
    """Plain lines: one when a job ends, one when workers come, go, or have something to say."""


class LiveParallelFitDisplay(FitDisplay, LiveParallelDisplay):
    """A bar on a terminal, and below it how the jobs stand."""

    def jobs_planned(self, total: int, done: int) -> None:
        super().jobs_planned(total, done)
        self._bars.update(self._scan, total=total, completed=done)


def make_fit_display(quiet: bool = False) -> FitDisplay:
    """Return the display that suits where the output goes.

    >>> type(make_fit_display(quiet=True)).__name__
    'FitDisplay'
    """
    console = Console(stderr=True, quiet=quiet)
    return (LiveFitDisplay if _live(console) else FitDisplay)(1, 0, console)


def make_parallel_fit_display(quiet: bool = False) -> ParallelFitDisplay | LiveParallelFitDisplay:
    """Return the display of a parallel fit that suits where the output goes."""
    console = Console(stderr=True, quiet=quiet)
    return (LiveParallelFitDisplay if _live(console) else ParallelFitDisplay)(1, 0, console)


def _live(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal and not console.quiet
