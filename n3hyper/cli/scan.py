"""Command ``n3hyper scan``."""

from __future__ import annotations

from pathlib import Path

import click

from n3hyper.cli.help import PARALLEL, GroupedCommand
from n3hyper.cli.options import (
    algo,
    keep,
    log_formats,
    log_options,
    max_failures,
    memory,
    parallel_options,
    parallel_request,
    quiet,
    theory_path,
    timeout,
)
from n3hyper.cli.running import run


@click.command(
    "scan",
    cls=GroupedCommand,
    groups={
        "Scan": ("output", "max_evals", "replicas", "history", "seed", "algo"),
        "Run": ("timeout", "max_failures", "memory", "keep", "log", "log_json"),
        "Theory": ("theory_path", "skip_missing"),
        **PARALLEL,
    },
)
@click.argument("runcard", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    show_default="the runcard's stem",
    help="Folder of the scan.",
)
@click.option(
    "-n",
    "--max-evals",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Trials of the scan in all.",
)
@click.option(
    "-r",
    "--replicas",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Networks fitted in each fold.",
)
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Learn from the trials of another scan, n3hyper's or n3fit's, which are not run again.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), show_default="42", help="Seed of the suggestions."
)
@algo
@timeout
@theory_path
@click.option(
    "--skip-missing",
    is_flag=True,
    help="Leave out the data sets, positivity and integrability sets that the theory has no FK "
    "tables or K-factors for, also in the folds; OUTPUT/filter.yml says which.",
)
@max_failures
@memory
@keep
@parallel_options
@log_options
@quiet
def command(
    runcard: Path,
    output: Path | None,
    max_evals: int,
    replicas: int,
    history: Path | None,
    seed: int | None,
    algo: str | None,
    timeout: float | None,
    theory_path: Path | None,
    skip_missing: bool,
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
    """Scan hyperparameters as RUNCARD says.

    Every trial is saved when it ends: tries.json and tries.pkl in OUTPUT/nnfit/replica_1.
    """
    from n3hyper.scanning.request import ScanRequest

    request = ScanRequest(
        runcard=runcard,
        output=Path(runcard.stem) if output is None else output,
        max_evals=max_evals,
        replicas=replicas,
        seed=seed,
        algo=algo,
        timeout=timeout,
        theory_path=theory_path,
        skip_missing=skip_missing,
        max_failures=max_failures,
        memory=memory,
        keep=keep,
        log=log_formats(log, log_json),
    )
    shared = parallel_request(parallel, mongo_uri, workers, lease, database_timeout)
    return run(request, quiet=quiet, parallel=shared, history=history)
