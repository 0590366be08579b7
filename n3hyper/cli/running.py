"""Running of a scan with a display, signals, a clean end and a summary."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from n3hyper.hyper_optimization.serial_loop import ScanOutcome
    from n3hyper.scanning.parallel import ParallelRequest
    from n3hyper.scanning.request import ScanRequest

ENDING = 45.0
"""Seconds that a parallel scan has to end its workers and its database."""


def run(
    request: ScanRequest,
    quiet: bool = False,
    parallel: ParallelRequest | None = None,
    history: Path | None = None,
) -> int:
    """Run the requested scan and return the exit status of the command.

    0 when all trials were run or the time is up, 1 when none succeeded or too many failed in a row,
    130 when a signal ended it.
    """
    from n3hyper.cli.summary import restart_command, summary
    from n3hyper.system.interruption import GRACE, INTERRUPTED, interrupted_by_signals

    def last_words() -> str:
        return f"interrupted; {resume_hint(request, parallel)}"

    try:
        with interrupted_by_signals(last_words, grace=ENDING if parallel else GRACE):
            outcome = _perform(request, parallel, quiet, history)
    except KeyboardInterrupt:
        click.echo(last_words(), err=True)
        return INTERRUPTED
    click.echo(summary(request, outcome, parallel))
    if outcome.stopped:
        click.echo(f"ended early: {outcome.stopped}; {resume_hint(request, parallel)}", err=True)
    elif request.restart and request.done >= request.max_evals:
        click.echo(
            f"the scan has {request.done} trials already, and -n asks for {request.max_evals}; "
            f"continue with: {restart_command(request, request.done + 10, parallel)}",
            err=True,
        )
    if outcome.stopped and not outcome.gave_up:
        return 0
    return 0 if outcome.best is not None and not outcome.gave_up else 1


def _perform(
    request: ScanRequest, parallel: ParallelRequest | None, quiet: bool, history: Path | None
) -> ScanOutcome:
    """Run the scan itself, with the display that suits it."""
    from n3hyper.cli.displays.scan_display import make_display
    from n3hyper.scanning.other_scans import with_tries
    from n3hyper.scanning.skip_missing import with_what_theory_has

    def note(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    complete = with_what_theory_has(with_tries(request), note)
    if history is not None:
        from n3hyper.cli.history import read_history

        complete = replace(complete, history=read_history(history, complete, note))
    if parallel is None:
        from n3hyper.scanning.serial import perform_scan

        with make_display(request.max_evals, request.done, quiet) as display:
            display.best, display.faults.pickle = request.best, request.pickle
            return perform_scan(complete, display)
    from n3hyper.cli.displays.parallel_display import make_parallel_display
    from n3hyper.scanning.parallel import perform_parallel_scan

    with make_parallel_display(request.max_evals, request.done, quiet) as live:
        live.best, live.faults.pickle = request.best, request.pickle
        return perform_parallel_scan(complete, parallel, live)


def resume_hint(request: ScanRequest, parallel: ParallelRequest | None = None) -> str:
    """Return the command that continues the scan."""
    from n3hyper.cli.summary import restart_command

    if not request.pickle.exists():
        return "no trial had finished, nothing is saved"
    return (
        "what is finished is saved; continue with: "
        f"{restart_command(request, request.max_evals, parallel)}"
    )
