"""``n3hyper make-theory``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("make-theory")
@click.argument("datasets", nargs=-1, required=True)
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
    help="Theory card in NNPDF's keys. Default: that of theory 1650, NLO.",
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
    jobs: int,
    cache: Path | None,
) -> None:
    """Compute FK tables for DATASETS, DIS sets by their names in nnpdf_data.

    Needs the extra n3hyper[theory]. The first run compiles for a quarter of an hour and then takes
    minutes for the evolution; both are kept for the next ones.
    """
    from n3hyper.data.theory_maker.cards import read_card
    from n3hyper.data.theory_maker.make import make_theory

    card = read_card(theory_card) if theory_card else None
    click.echo(make_theory(datasets, output, card, cache=cache, jobs=jobs))
