"""Command ``n3hyper datasets``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from n3hyper.cli.help import GroupedCommand
from n3hyper.cli.options import theory_path

if TYPE_CHECKING:
    from n3hyper.data.catalogue.known_sets import Kinematic, KnownSet
    from n3hyper.theory.folders import TheoryFolder

_FEW: Final = 5
"""Sets that are shown with all that is known."""


@click.command("datasets", cls=GroupedCommand)
@click.argument("pattern", required=False, default="")
@theory_path
@click.option("--json", "as_json", is_flag=True, help="Print all that is known, for programs.")
def command(pattern: str, theory_path: Path | None, as_json: bool) -> None:
    """List the data sets of nnpdf_data that are like PATTERN, all by default.

    PATTERN is part of a name (also one of old), a process or an experiment, or has the wildcards *
    and ? of a shell, in quotes. Points and kinematic ranges are those before cuts. Few sets are
    shown with their variants, old names and FK tables.
    """
    import json

    from n3hyper.data.catalogue.known_sets import known_sets
    from n3hyper.hyper_optimization.record import plain

    sets = known_sets(pattern)
    theories = _theories(theory_path)
    with_theory = {each.name: _having(each, theories) for each in sets}
    if as_json:
        rows = [as_dict(each, with_theory[each.name]) for each in sets]
        click.echo(json.dumps(plain(rows), indent=1))
    elif len(sets) <= _FEW:
        blocks = ["\n".join(_block(each, with_theory[each.name])) for each in sets]
        click.echo("\n\n".join(blocks))
    else:
        click.echo("\n".join(_table(sets, with_theory)))


def _theories(theory_path: Path | None) -> dict[int, TheoryFolder]:
    """Return the theories that fits would find, by number."""
    from n3hyper.errors import TheoryError
    from n3hyper.theory.folders import known_theories

    found: dict[int, TheoryFolder] = {}
    for _, folder in known_theories(theory_path):
        found.setdefault(folder.theoryid, folder)
    if theory_path is not None and not found:
        raise TheoryError(f"{theory_path}: no theory there; name the folder that holds theory_<id>")
    return found


def _having(known: KnownSet, theories: dict[int, TheoryFolder]) -> list[int]:
    """Return the theories that have all FK tables of a set."""
    return [
        number
        for number, folder in theories.items()
        if known.tables and all(folder.has_table(table) for table in known.tables)
    ]


def as_dict(known: KnownSet, theories: Sequence[int]) -> dict[str, Any]:
    """Return a set for programs."""
    from dataclasses import asdict

    return {**asdict(known), "old_names": known.old_names, "theories": list(theories)}


def _table(sets: Sequence[KnownSet], theories: dict[str, list[int]]) -> Iterator[str]:
    heads = ("data set", "process", "points", "theories", "kinematic ranges")
    rows = [
        (
            each.name,
            each.process,
            str(each.points),
            _numbers(theories[each.name], each),
            ", ".join(_range(kinematic) for kinematic in each.kinematics),
        )
        for each in sets
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()


def _block(known: KnownSet, theories: Sequence[int]) -> Iterator[str]:
    yield known.name
    about = {
        "measurement": known.label,
        "experiment": known.experiment,
        "process": known.process,
        "points": str(known.points),
        "variants": ", ".join(known.variants) or "none",
        "old names": ", ".join(known.old_names),
        "FK tables": ", ".join(known.tables) or "none: nnpdf_data has no theory for it",
        "theories": _numbers(list(theories), known),
    }
    for kinematic in known.kinematics:
        about[f"range of {kinematic.name}"] = _range(kinematic, named=False)
    width = max(map(len, about)) + 2
    yield from (f"  {name:<{width}}{text}" for name, text in about.items() if text)


def _numbers(theories: Sequence[int], known: KnownSet) -> str:
    if not known.tables:
        return "-"
    return ", ".join(map(str, theories)) or "none found"


def _range(kinematic: Kinematic, named: bool = True) -> str:
    name = f"{kinematic.name} " if named else ""
    units = kinematic.units.strip("$ ")
    if math.isnan(kinematic.low):
        return f"{name}-"
    words = f"{name}{kinematic.low:.5g}"
    if kinematic.high > kinematic.low:
        words += f" to {kinematic.high:.5g}"
    return f"{words} {units}".rstrip()
