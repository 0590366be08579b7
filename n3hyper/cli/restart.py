"""Command ``n3hyper restart``."""

from __future__ import annotations

from pathlib import Path

import click

from n3hyper.cli.help import PARALLEL, GroupedCommand
from n3hyper.cli.options import (
    folder,
    keep,
    log_formats,
    log_options,
    max_failures,
    memory,
    parallel_options,
    parallel_request,
    pkl,
    quiet,
    store_of,
    theory_path,
    timeout,
)
from n3hyper.cli.running import run


@click.command(
    "restart",
    cls=GroupedCommand,
    groups={
        "Scan": ("pkl", "output", "max_evals"),
        "Run": ("timeout", "max_failures", "memory", "keep", "theory_path", "log", "log_json"),
        **PARALLEL,
    },
)
@folder
@pkl
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Make a new scan folder of the pickle alone, and go on there.",
)
@click.option(
    "-n",
    "--max-evals",
    type=click.IntRange(min=1),
    show_default="as many as were asked for the last time",
    help="Trials of the scan in all.",
)
@timeout
@theory_path
@max_failures
@memory
@keep
@parallel_options
@log_options
@quiet
def command(
    folder: Path | None,
    pkl: Path | None,
    output: Path | None,
    max_evals: int | None,
    timeout: float | None,
    theory_path: Path | None,
    max_failures: int | None,
    memory: int | None,
    keep: int,
    parallel: bool,
    mongo_uri: str | None,
    workers: int | None,
    lease: float | None,
    database_timeout: float | None,
    log: bool,
    log_json: bool,
    quiet: bool,
) -> int:
    """Continue the scan in FOLDER as if it had never stopped.

    FOLDER is the output folder of the scan, which may have been moved, or a file of trials in it.
    Where only one of the files is left, the others are made again: tries.json and the runcard from
    tries.pkl, tries.pkl from tries.json.
    """
    from n3hyper.scanning.restart import restart_request

    request = restart_request(
        store_of(folder, pkl),
        max_evals,
        output=output,
        timeout=timeout,
        theory_path=theory_path,
        max_failures=max_failures,
        memory=memory,
        keep=keep,
        log=log_formats(log, log_json),
    )
    shared = parallel_request(parallel, mongo_uri, workers, lease, database_timeout)
    return run(request, quiet=quiet, parallel=shared)
