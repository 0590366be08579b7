"""``n3hyper restart``."""

from __future__ import annotations

from pathlib import Path

import click

from n3hyper.cli.options import max_failures, quiet, theory_path, timeout
from n3hyper.cli.running import run


@click.command("restart")
@click.option(
    "--pkl",
    required=True,
    type=click.Path(path_type=Path),
    help="The tries.pkl of the scan; its folder may have been moved.",
)
@click.option(
    "-n",
    "--max-evals",
    type=click.IntRange(min=1),
    help="Trials of the scan in all. Default: one more than there are.",
)
@timeout
@theory_path
@max_failures
@quiet
def command(
    pkl: Path,
    max_evals: int | None,
    timeout: float | None,
    theory_path: Path | None,
    max_failures: int | None,
    quiet: bool,
) -> int:
    """Go on with a scan."""
    from n3hyper.hyper_optimization.session import restart_request

    request = restart_request(
        pkl, max_evals, timeout=timeout, theory_path=theory_path, max_failures=max_failures
    )
    return run(request, quiet=quiet)
