"""Command ``n3hyper check``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from n3hyper.cli.help import GroupedCommand
from n3hyper.cli.options import memory, theory_path


@click.command("check", cls=GroupedCommand)
@click.argument("runcards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-r",
    "--replicas",
    type=click.IntRange(min=1),
    show_default="1 and 100, as in scan and fit",
    help="Networks of each fold of a scan, replicas of a fit.",
)
@click.option(
    "-n",
    "--max-evals",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Trials of a scan, for the time that it takes.",
)
@click.option("--seed", type=click.IntRange(min=0), show_default="42", help="Seed of a scan.")
@click.option("--fit", is_flag=True, help="Check what n3hyper fit would do with each runcard.")
@click.option(
    "--skip-missing", is_flag=True, help="Leave out the sets without theory, as n3hyper scan does."
)
@click.option("--no-measure", is_flag=True, help="Do not measure time and memory.")
@click.option("--json", "as_json", is_flag=True, help="Print it for programs: a list, one a card.")
@theory_path
@memory
def command(
    runcards: tuple[Path, ...],
    replicas: int | None,
    max_evals: int,
    seed: int | None,
    fit: bool,
    skip_missing: bool,
    no_measure: bool,
    as_json: bool,
    theory_path: Path | None,
    memory: int | None,
) -> int:
    """Say what scans or fits of RUNCARDS would find and take; nothing is written.

    Data and theory are read as the scan or fit would read them, and a few epochs are run to measure
    time and memory on this machine. A runcard with folds or ranges is that of a scan, any other, of
    n3fit too, that of a fit.

    Exit status: 0 where all can be run, 2 where something is wrong or missing, 1 where a fit fails.
    """
    import json

    from n3hyper.cli.inquiries.check_text import check_text
    from n3hyper.errors import N3HyperError
    from n3hyper.hyper_optimization.record import plain

    status, results = 0, []
    for path in runcards:
        result: dict[str, Any] = {"runcard": str(path), "ok": True}
        if not (no_measure or as_json):
            click.echo(f"{path}: reading data and theory, then running a few epochs", err=True)
        try:
            if fit or not is_scan(path):
                result |= _of_fit(path, replicas, theory_path, memory, not no_measure)
            else:
                result |= _of_scan(
                    path, replicas, max_evals, seed, theory_path, memory, skip_missing,
                    not no_measure,
                )  # fmt: skip
        except N3HyperError as error:
            status = max(status, error.exit_code)
            result |= {"ok": False, "error": str(error)}
            if not as_json:
                click.echo(f"n3hyper: {error}", err=True)
        else:
            if not as_json:
                click.echo(check_text(result))
        results.append(result)
    if as_json:
        click.echo(json.dumps(plain(results), indent=1))
    return status


def is_scan(path: Path) -> bool:
    """Return whether a runcard has folds or ranges; RuncardError where it is no YAML."""
    from n3hyper.runcard.sections.hyperscan import GROUPS, OTHER_SPACE
    from n3hyper.runcard.yaml_file import read_yaml

    card = read_yaml(path)
    if not isinstance(card, dict):
        return True
    searches = [card.get(key) for key in ("hyperscan_config", "hyperscan")]
    inner = {key for search in searches if isinstance(search, dict) for key in search}
    return "kfold" in card or bool(inner & {"kfold", OTHER_SPACE, *GROUPS})


def _of_scan(
    path: Path,
    replicas: int | None,
    max_evals: int,
    seed: int | None,
    theory_path: Path | None,
    memory: int | None,
    skip_missing: bool,
    measure: bool,
) -> dict[str, Any]:
    from n3hyper.scanning.checks.check_scan import check_scan
    from n3hyper.scanning.request import ScanRequest

    request = ScanRequest(
        runcard=path,
        output=Path(path.stem),
        max_evals=max_evals,
        replicas=replicas or 1,
        seed=seed,
        theory_path=theory_path,
        skip_missing=skip_missing,
        memory=memory,
    )
    return check_scan(request, measure)


def _of_fit(
    path: Path,
    replicas: int | None,
    theory_path: Path | None,
    memory: int | None,
    measure: bool,
) -> dict[str, Any]:
    from n3hyper.cli.fits.fit import REPLICAS
    from n3hyper.replicas.check import check_fit

    return check_fit(path, replicas or REPLICAS, theory_path, memory, measure)
