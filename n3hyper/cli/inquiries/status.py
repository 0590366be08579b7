"""Command ``n3hyper status``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from n3hyper.cli.help import GroupedCommand

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.standing.overview import Standing


@click.command("status", cls=GroupedCommand)
@click.argument("place", required=False, metavar="[FOLDER|URI]")
@click.option("--json", "as_json", is_flag=True, help="Print it for programs: a list, one a scan.")
@click.option(
    "--mongo-uri",
    help="Database, as for n3hyper mongo-worker: its URI without a password, or a file with one.",
)
def command(place: str | None, as_json: bool, mongo_uri: str | None) -> int:
    """Show how a scan or a fit stands, from any terminal; nothing is written.

    FOLDER is that of a scan or fit, by default the newest below this one; URI the address of a
    database of parallel scans, mongodb://host:port/name, or the file that holds it.

    Exit status: 0 while it runs and when it is complete, 1 where it has stopped before.
    """
    from n3hyper.cli.inquiries.status_text import as_json_text, status_text

    standings = _standings(place, mongo_uri)
    click.echo(as_json_text(standings) if as_json else status_text(standings))
    return int(any(each.stopped for each in standings))


def _standings(place: str | None, mongo_uri: str | None) -> list[Standing]:
    from n3hyper.hyper_optimization.paths import JOBS, NNFIT
    from n3hyper.hyper_optimization.standing.folder import newest_store, standing_of, store_of
    from n3hyper.replicas.standing import standing_of_fit

    if mongo_uri is not None and place is not None:
        raise click.UsageError("--mongo-uri goes without FOLDER|URI")
    address = mongo_uri or (place if place is not None and _is_address(place) else None)
    if address is not None:
        from n3hyper.hyper_optimization.mongo.watching.overview import standings_in

        return standings_in(address)
    store = newest_store(Path()) if place is None else store_of(Path(place))
    if store.name == JOBS:
        return [standing_of_fit(store.parent)]
    folder = store.absolute()
    root = store.parent.parent if folder.parent.name == NNFIT else store
    return [standing_of(store, root, "scan")]


def _is_address(place: str) -> bool:
    """Return whether it is a URI, or a file (not of trials) that may hold one."""
    return "://" in place or (Path(place).is_file() and Path(place).suffix not in (".json", ".pkl"))
