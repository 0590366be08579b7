"""Command ``n3hyper mongo-worker``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from n3hyper.cli.help import GroupedCommand
from n3hyper.cli.options import Duration, memory, mongo_uri, theory_path


@click.command(
    "mongo-worker",
    cls=GroupedCommand,
    groups={
        "Jobs": ("mongo_uri", "exp_key", "objectives", "poll_interval"),
        "Processes": ("workers", "memory", "theory_path"),
        "End": (*("max_jobs", "reserve_timeout", "database_timeout", "max_consecutive_failures"),),
    },
)
@mongo_uri
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes; they share the cores, and take one GPU each, in turn.",
)
@click.option("--max-jobs", type=click.IntRange(min=1), help="A worker ends after this many jobs.")
@click.option(
    "--poll-interval",
    type=click.FloatRange(min=0.01),
    default=0.1,
    show_default=True,
    help="Seconds between queries for a job.",
)
@click.option(
    "--reserve-timeout",
    type=Duration(),
    default="600s",
    show_default=True,
    help="A worker ends when there has been no job for this long.",
)
@click.option(
    "--database-timeout",
    type=Duration(),
    default="600s",
    show_default=True,
    help="How long to wait for a database that does not answer.",
)
@click.option("--exp-key", help="Work only for the scan of this name.")
@click.option(
    "--max-consecutive-failures",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Give up a worker that has been killed this often in a row.",
)
@click.option(
    "--allow-objective",
    "objectives",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="Run this function, imported here, for searches (fmin) that name it. May be repeated.",
)
@theory_path
@memory
def command(
    mongo_uri: str | None,
    workers: int,
    max_jobs: int | None,
    poll_interval: float,
    reserve_timeout: float,
    database_timeout: float,
    exp_key: str | None,
    max_consecutive_failures: int,
    objectives: tuple[str, ...],
    theory_path: Path | None,
    memory: int | None,
) -> int:
    """Evaluate trials of parallel scans, until there are none.

    Data and theory are those of this host; a scan that is made of others is refused. The workers
    divide its cores and memory. They run no code but n3hyper's and the functions that are allowed
    by name.
    """
    from n3hyper.hyper_optimization.mongo.address import find_uri
    from n3hyper.hyper_optimization.mongo.objectives import find_objective
    from n3hyper.services.fleet import Fleet, run_fleet
    from n3hyper.services.worker_settings import WorkerSettings
    from n3hyper.system.interruption import INTERRUPTED, interrupted_by_signals
    from n3hyper.system.memory import share

    if objectives:
        # the processes of the workers search there as well
        sys.path.insert(0, os.getcwd())
    for name in objectives:
        find_objective(name)
    settings = WorkerSettings(
        uri=find_uri(mongo_uri),
        exp_key=exp_key,
        poll_interval=poll_interval,
        max_jobs=max_jobs,
        reserve_timeout=reserve_timeout,
        database_timeout=database_timeout,
        theory_path=None if theory_path is None else theory_path.resolve(),
        memory=share(memory, workers),
        objectives=objectives,
    )

    def say(text: str) -> None:
        click.echo(text, err=True)

    fleet = Fleet(settings, workers, say, max_consecutive_failures)
    try:
        with interrupted_by_signals(lambda: "the workers do not end", grace=25.0):
            return run_fleet(fleet)
    except KeyboardInterrupt:
        return INTERRUPTED
