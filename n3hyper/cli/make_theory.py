"""Command ``n3hyper make-theory``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from n3hyper.cli.help import GroupedCommand

if TYPE_CHECKING:
    from n3hyper.theory_maker.cards import CalculationCard


@click.command(
    "make-theory",
    cls=GroupedCommand,
    groups={
        "Tables": ("output", "theory_card", "listed"),
        "Check": ("check_against", "points"),
        "Run": ("jobs", "cache"),
    },
)
@click.argument("datasets", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("."),
    show_default=True,
    help="Folder in which theory_<ID> is written.",
)
@click.option(
    "--theory-card",
    type=click.Path(path_type=Path),
    show_default="that of theory 1650, NLO; for a check, the card that each table records",
    help="Theory card with NNPDF's keys.",
)
@click.option(
    "--check-against",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write nothing: compute some points of DATASETS and compare the tables of this theory.",
)
@click.option(
    "--points",
    type=click.IntRange(min=0),
    show_default="3",
    help="With --check-against: points of each table, 0 for all that usual cuts keep.",
)
@click.option(
    "--list", "listed", is_flag=True, help="List what can be made, and why the rest cannot."
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="Where operators and coefficients are kept, so that an interrupted run goes on.",
)
def command(
    datasets: tuple[str, ...],
    output: Path,
    theory_card: Path | None,
    check_against: Path | None,
    points: int | None,
    listed: bool,
    jobs: int,
    cache: Path | None,
) -> None:
    """Compute FK tables for DATASETS, by their names in nnpdf_data.

    They may be any unpolarised structure functions and cross sections of deep-inelastic scattering
    (F2, FL, reduced cross sections of neutral and charged currents, of charm and bottom), and
    positivity and integrability sets. The tables go to OUTPUT/theory_<ID>, beside those that are
    there, and are scanned with --theory-path OUTPUT.

    Needs the extra n3hyper[theory]. The first run compiles for a quarter of an hour and then takes
    minutes for the evolution; both are kept for the next ones.

    \b
    Examples:
      n3hyper make-theory CHORUS_CC_NOTFIXED_PB_NU-SIGMARED -o theories --jobs 4
      n3hyper make-theory NMC_NC_NOTFIXED_P_EM-SIGMARED --theory-card nnlo.yml -o theories
      n3hyper make-theory HERA_CC_318GEV_EP-SIGMARED --check-against theories/theory_40000000
    """
    if listed:
        _list()
        return
    if not datasets:
        raise click.UsageError("Missing argument 'DATASETS...'; --list says what there is")
    if points is not None and check_against is None:
        raise click.UsageError("--points belongs to --check-against")
    from n3hyper.theory_maker.cards import read_card

    card = read_card(theory_card) if theory_card else None
    if check_against is not None:
        _check(datasets, check_against, card, points, jobs, cache)
        return
    from n3hyper.theory_maker.make import make_theory

    click.echo(make_theory(datasets, output, card, cache=cache, jobs=jobs))


def _check(
    datasets: tuple[str, ...],
    folder: Path,
    card: CalculationCard | None,
    points: int | None,
    jobs: int,
    cache: Path | None,
) -> None:
    from n3hyper.theory_maker.check import HEAD, check_theory, differences

    for line in differences(card, folder) if card else ():
        click.echo(f"the theories differ: {line}")
    number = {None: 3, 0: None}.get(points, points)
    found = check_theory(datasets, folder, card, points=number, cache=cache, jobs=jobs)
    click.echo(HEAD)
    for deviation in found:
        click.echo(str(deviation))


def _list() -> None:
    from n3hyper.errors import TheoryError
    from n3hyper.theory_maker.kinematics import observables, requests

    for name in observables():
        try:
            tables = requests(name)
        except TheoryError as error:
            click.echo(f"no   {error}")
        else:
            click.echo(f"yes  {name}: {', '.join(table.name for table in tables)}")
