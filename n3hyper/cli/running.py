"""Runs a scan under a display: signals, the clean end, and the summary."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from n3hyper.cli.display import make_display
from n3hyper.cli.summary import summary

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.session import ScanRequest

# What batch systems send before they kill.
TERMINATION = ("SIGTERM", "SIGUSR1")


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """Let the signals of `TERMINATION` end the scan as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in TERMINATION if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(request: ScanRequest, quiet: bool = False) -> int:
    """Run the scan that was asked for; the exit status of the command."""
    from n3hyper.hyper_optimization.session import finished_trials, perform_scan

    done = finished_trials(request)
    try:
        with termination_interrupts(), make_display(request.max_evals, done, quiet) as display:
            outcome = perform_scan(request, display)
    except KeyboardInterrupt:
        click.echo(f"interrupted; {resume_hint(request)}", err=True)
        return 130
    click.echo(summary(request, outcome))
    if outcome.stopped:
        click.echo(f"ended early: {outcome.stopped}; {resume_hint(request)}", err=True)
    return 0 if outcome.best is not None else 1


def resume_hint(request: ScanRequest) -> str:
    """What to type to go on."""
    if not request.pickle.exists():
        return "no trial had finished, nothing is saved"
    return (
        "what is finished is saved; go on with: "
        f"n3hyper restart --pkl {request.pickle} -n {request.max_evals}"
    )
