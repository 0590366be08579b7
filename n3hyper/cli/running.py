"""Runs a scan under a display: signals, the clean end, and the summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from n3hyper.cli.display import make_display
from n3hyper.cli.summary import summary

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.session import ScanRequest


def run(request: ScanRequest, quiet: bool = False) -> int:
    """Run the scan that was asked for; the exit status of the command.

    0 when all trials were run or the time is up, 1 when none succeeded or too many failed in a row,
    130 when a signal ended it.
    """
    from n3hyper.hyper_optimization.interruption import INTERRUPTED, interrupted_by_signals
    from n3hyper.hyper_optimization.session import finished_trials, perform_scan

    def last_words() -> str:
        return f"interrupted; {resume_hint(request)}"

    try:
        with interrupted_by_signals(last_words):
            done = finished_trials(request)
            with make_display(request.max_evals, done, quiet) as display:
                outcome = perform_scan(request, display)
    except KeyboardInterrupt:
        click.echo(last_words(), err=True)
        return INTERRUPTED
    click.echo(summary(request, outcome))
    if outcome.stopped:
        click.echo(f"ended early: {outcome.stopped}; {resume_hint(request)}", err=True)
    elif request.restart and done >= request.max_evals:
        click.echo(
            f"the scan has {done} trials already, no more than -n asks for; "
            f"go on with: n3hyper restart --pkl {request.pickle} -n {done + 10}",
            err=True,
        )
    if outcome.stopped and not outcome.gave_up:
        return 0
    return 0 if outcome.best is not None and not outcome.gave_up else 1


def resume_hint(request: ScanRequest) -> str:
    """What to type to go on."""
    if not request.pickle.exists():
        return "no trial had finished, nothing is saved"
    return (
        "what is finished is saved; go on with: "
        f"n3hyper restart --pkl {request.pickle} -n {request.max_evals}"
    )
