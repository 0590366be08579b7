"""Command ``n3hyper mongod``."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from n3hyper.cli.help import GroupedCommand

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.mongo.server import MongodRunner


@click.command(
    "mongod",
    cls=GroupedCommand,
    groups={
        "Server": ("dbpath", "engine", "mongod", "restore"),
        "Network": ("port", "bind_ip", "auth"),
    },
)
@click.option(
    "--dbpath",
    type=click.Path(path_type=Path),
    default=Path("hyperopt-db"),
    show_default=True,
    help="Folder of the data, the log (mongod.log) and the address (uri).",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=27017,
    show_default=True,
    help="Port to listen on.",
)
@click.option(
    "--bind-ip",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; one that other hosts can reach needs --auth.",
)
@click.option(
    "--auth", is_flag=True, help="Ask for user and password; they are made and kept in DBPATH/uri."
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "mongod", "embedded"]),
    default="auto",
    show_default=True,
    help="auto: a mongod on PATH, else the embedded server.",
)
@click.option("--mongod", type=click.Path(path_type=Path), help="A mongod that is not on PATH.")
@click.option(
    "--restore",
    type=click.Path(exists=True, path_type=Path),
    help="First put in what an archive of a database holds, or the folder it was unpacked to.",
)
def command(
    dbpath: Path,
    port: int,
    bind_ip: str,
    auth: bool,
    engine: str,
    mongod: Path | None,
    restore: Path | None,
) -> int:
    """Run the database of parallel scans until Ctrl-C, SIGTERM or SIGUSR1.

    Shells let what a script starts in the background ignore Ctrl-C; the other two always act.
    """
    from n3hyper.hyper_optimization.mongo.archive import opened_dump
    from n3hyper.hyper_optimization.mongo.server import MongodRunner
    from n3hyper.system.interruption import interrupted_by_signals

    runner = MongodRunner(
        db_port=port, dbpath=dbpath, bind_ip=bind_ip, auth=auth, engine=engine, mongod=mongod
    )
    try:
        with ExitStack() as held:
            held.enter_context(
                interrupted_by_signals(lambda: "the server does not end", grace=45.0)
            )
            # what is no archive is refused before a server is started
            dump = None if restore is None else held.enter_context(opened_dump(restore))
            held.enter_context(runner)
            if dump is not None:
                number = runner.restore(dump)
                click.echo(f"restored {number} documents of {restore}", err=True)
            if runner.restored:
                click.echo(f"restored {runner.restored} documents unpacked in {dbpath}", err=True)
            click.echo(greeting(runner), err=True)
            return _watch(runner)
    except KeyboardInterrupt:
        click.echo(f"stopped; the data stay in {dbpath}", err=True)
        return 0


def greeting(runner: MongodRunner) -> str:
    """Return the lines that say where the database is and how to use it, without a password."""
    from n3hyper.hyper_optimization.commands import command_line
    from n3hyper.hyper_optimization.mongo.address import DEFAULT_URI, checked, without_password
    from n3hyper.hyper_optimization.mongo.server import server_name

    where = without_password(runner.uri)
    usual = checked(DEFAULT_URI).replace("localhost", "127.0.0.1")
    uri = None if where == usual else runner.uri_file.resolve()
    return "\n".join(
        (
            f"database  {where}",
            f"server    {server_name(runner.command)}, log {runner.log_file}",
            f"workers   {command_line('mongo-worker', mongo_uri=uri)}",
            f"scan      {command_line('scan', 'RUNCARD', parallel=True, mongo_uri=uri)}",
            "stop      Ctrl-C",
        )
    )


def _watch(runner: MongodRunner) -> int:
    while runner.process is not None and runner.process.poll() is None:
        time.sleep(0.2)
    click.echo(f"n3hyper: the server has ended by itself; see {runner.log_file}", err=True)
    return 1
