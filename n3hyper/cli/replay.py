"""Command ``n3hyper replay``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from n3hyper.cli.faults import Faults, debugging
from n3hyper.cli.help import GroupedCommand
from n3hyper.cli.options import folder, memory, pkl, quiet, store_of, theory_path

if TYPE_CHECKING:
    from n3hyper.scanning.replay import Replay

# Rows of the table, if the trial has them; all other entries are compared as well.
SHOWN = (
    "loss",
    "validation_loss",
    "experimental_loss",
    "kfold_meta.hyper_losses_chi2",
    "kfold_meta.hyper_losses_phi2",
    "kfold_meta.hyper_losses_logp",
    "kfold_meta.trvl_losses_chi2exp",
    "epochs_run",
)


@click.command("replay", cls=GroupedCommand)
@click.argument("tid", type=click.IntRange(min=0))
@folder
@pkl
@theory_path
@memory
@quiet
def command(
    tid: int,
    folder: Path | None,
    pkl: Path | None,
    theory_path: Path | None,
    memory: int | None,
    quiet: bool,
) -> int:
    """Run trial TID of the scan in FOLDER again, and show its metrics beside the recorded ones.

    Parameters, seeds, data and theory are the same; nothing is written.
    """
    from n3hyper.cli.displays.scan_display import make_display
    from n3hyper.scanning.replay import replay

    store = store_of(folder, pkl)
    with make_display(1, quiet=quiet) as display:
        outcome = replay(store, tid, display, theory_path, memory)
    for line in table(outcome):
        click.echo(line)
    faults = Faults(store, debugging())
    for line in faults.lines({"tid": tid, "result": outcome.again}):
        click.echo(line, err=True)
    return 0


def table(outcome: Replay) -> Iterator[str]:
    """Yield the lines to show.

    >>> from n3hyper.scanning.replay import Replay
    >>> print("\\n".join(table(Replay(3, {"loss": 1.5}, {"loss": 1.5}, ()))))
    trial 3                             recorded         again
    status                                  None          None
    loss                                     1.5           1.5
    all numbers are the same
    """
    yield row(f"trial {outcome.tid}", "recorded", "again")
    yield row("status", status(outcome.recorded), status(outcome.again))
    for name, before, after in outcome.compared():
        if name in SHOWN:
            label = name.removeprefix("kfold_meta.")
            if isinstance(before, list) and isinstance(after, list):
                for fold, pair in enumerate(zip(before, after, strict=False)):
                    yield row(f"{label}, fold {fold + 1}", *pair)
            else:
                yield row(label, before, after)
    if outcome.differences:
        yield f"not as it was: {', '.join(outcome.differences)}"
    if outcome.same:
        yield "all numbers are the same"
    else:
        yield f"largest relative difference of two numbers: {outcome.largest_difference():.2g}"


def status(result: dict[str, Any]) -> str | None:
    """Return the status, with the reason of a failure."""
    return result.get("failure", {}).get("reason") or result.get("status")


def row(name: str, before: object, after: object) -> str:
    """Return one line of the table."""
    return f"{name:<30}{number(before):>14}{number(after):>14}"


def number(value: object) -> str:
    """Return a number with the digits of single precision."""
    return f"{value:.7g}" if isinstance(value, float) else str(value)
