"""Command ``n3hyper theories``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from n3hyper.cli.help import GroupedCommand
from n3hyper.cli.options import theory_path


@click.command("theories", cls=GroupedCommand)
@theory_path
@click.option("--json", "as_json", is_flag=True, help="Print it for programs.")
def command(theory_path: Path | None, as_json: bool) -> int:
    """List the theories (folders of FK tables) that are found, and where they are looked for.

    Of a number that is in several folders the first one is taken. The exit status is 1 where none
    is found.
    """
    import json

    from n3hyper.theory.folders import search_path

    folders = [theory_path] if theory_path is not None else list(search_path())
    rows = _found(theory_path)
    if as_json:
        searched = [str(folder) for folder in folders]
        click.echo(json.dumps({"searched": searched, "theories": rows}, indent=1))
    else:
        click.echo("\n".join(_lines(folders, rows)))
    return 0 if rows else 1


def _found(theory_path: Path | None) -> list[dict[str, Any]]:
    """Return what is known of each theory, in the order in which they are looked for."""
    from n3hyper.errors import TheoryError
    from n3hyper.theory.folders import known_theories

    rows: list[dict[str, Any]] = []
    for folder, theory in known_theories(theory_path):
        row: dict[str, Any] = {
            "id": theory.theoryid,
            "path": str(theory.path),
            "searched": str(folder),
            "tables": len(theory.tables()),
            "taken": theory.theoryid not in {other["id"] for other in rows},
        }
        try:
            card = theory.card()
        except TheoryError as error:
            row["problem"] = str(error)
        else:
            order = "N" * card.pto + "LO" if card.pto else "LO"
            row |= {"order": order, "q0": card.q0, "fns": card.fns, "comments": card.comments}
        rows.append(row)
    return rows


def _lines(folders: list[Path], rows: list[dict[str, Any]]) -> Iterator[str]:
    for folder in folders:
        there = "" if folder.is_dir() else " (no such folder)"
        yield f"{folder}{there}"
        for row in rows:
            if row["searched"] == str(folder):
                yield f"  theory {row['id']}: {_about(row)}"


def _about(row: dict[str, Any]) -> str:
    if "problem" in row:
        return f"cannot be used: {row['problem']}"
    words = f"{row['order']}, Q0 = {row['q0']:g} GeV, {row['fns']}, {row['tables']} FK tables"
    if row["comments"]:
        words += f"; {' '.join(row['comments'].split())}"
    return words if row["taken"] else f"{words} (not taken: one of that number comes before)"
