"""Theory folder with made-up FK tables for all unpolarised data sets of nnpdf_data.

It lets two programs be compared where real tables are not available: operations of up to 20
operands, tables in a row, shifts, factors of tables and of data sets, totals that divide. With a
given PDF, the rows of a table give about the size of the data that need it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.data.commondata import CommonData, commondata_folder, load_commondata
from n3hyper.data.cuts import kept_points
from n3hyper.errors import DataError
from n3hyper.theory.lhapdf import evolution_grid
from tests.support.fktable_files import write_table

NODES = np.array([1e-4, 3e-3, 0.05, 0.2, 0.6])
ONE_HADRON = ("DIS", "HERA", "POS_DIS", "POS_XPDF", "POS_POL", "INTEG")
"""Beginnings of the process types that one PDF enters."""
SINGLE = [[100], [21], [103], [108], [200], [203]]
PAIRS = [[100, 100], [100, 21], [21, 21], [203, 100], [103, 108]]
_PLACES = {100: 1, 21: 2, 200: 3, 203: 4, 103: 9, 108: 10}
Q0 = 1.65


@dataclass
class _Wanted:
    """Rows and size that the data sets need of a table."""

    rows: int
    hadronic: bool
    size: float
    polarized: tuple[bool, bool] = (False, False)


def usable_sets() -> Iterator[tuple[str, str | None, Any]]:
    """Yield name, variant and metadata of all data sets with theory, in all their variants."""
    from nnpdf_data.commondataparser import parse_new_metadata, parse_set_metadata

    for file in sorted(commondata_folder().glob("*/metadata.yaml")):
        set_metadata = parse_set_metadata(file)
        for observable in set_metadata.implemented_observables:
            name = f"{set_metadata.setname}_{observable.observable_name}"
            for variant in (None, *observable.variants):
                data = parse_new_metadata(file, observable.observable_name, variant=variant)
                usable = data.is_nnpdf_special or data.data_uncertainties
                if usable and data.theory is not None:
                    yield name, variant, data


def write_theory(folder: Path, pdf: str) -> None:
    """Write the tables of all sets that `load_commondata` reads, except polarised ones.

    Parameters
    ----------
    folder
        ``theory_<id>``.
    pdf
        LHAPDF set with which predictions have the size of the data.
    """
    chosen = []
    for name, variant, metadata in usable_sets():
        process = str(metadata.process_type)
        if process.endswith("_POL") or process.startswith("SHP"):
            continue
        try:
            chosen.append(load_commondata(name, variant))
        except DataError as error:
            print(f"left out: {error}", file=sys.stderr)
    write_tables(folder, chosen, pdf)


def write_tables(folder: Path, sets: Sequence[CommonData], pdf: str, seed: int = 1) -> None:
    """Write the tables of some sets; other seeds give other theories."""
    wanted: dict[str, _Wanted] = {}
    for data in sets:
        _ask(wanted, data)
    rng = np.random.default_rng(seed)
    xf = evolution_grid(pdf, NODES, Q0)
    for name, table in sorted(wanted.items()):
        path = folder / "fastkernel" / f"{name}.pineappl.lz4"
        values, channels = _coefficients(table, xf, rng)
        write_table(path, values, channels, NODES, polarized=table.polarized)


def _ask(wanted: dict[str, _Wanted], data: CommonData) -> None:
    """Request rows of all tables of a set, divided evenly among the tables of each operand."""
    recipe = data.theory
    assert recipe is not None
    hadronic = not data.process.startswith(ONE_HADRON)
    # validphys takes coefficients below 1e-8 for zero when it looks for totals
    size = max(float(np.median(np.abs(data.central))), 1e-3)
    for number, names in enumerate(recipe.fk_tables):
        # a total cross section divides all points
        total = number == 1 and recipe.operation == "RATIO" and len(names) == 1
        single = total and any(word in names[0].upper() for word in ("TOT", "INTEGRATED"))
        for tables, points in _rows_in_turn(names, data):
            rows = 1 if single else -(-points // len(tables))
            for name in tables:
                table = wanted.setdefault(name, _Wanted(rows, hadronic, size))
                table.rows = max(table.rows, rows)
                table.polarized = _polarized(data, number)


def _polarized(data: CommonData, operand: int) -> tuple[bool, bool]:
    """Return which protons of an operand's tables are polarised."""
    assert data.theory is not None
    if "AL" not in data.name and not data.process.endswith("_POL") and "-POLA" not in data.name:
        return False, False
    if data.theory.operation.startswith("SUBTRACT"):
        # unpolarised PDFs less the magnitude of polarised ones
        bound = operand >= len(data.theory.fk_tables) // 2
        return bound, bound
    # W asymmetries have one polarised proton, and quotients divide by unpolarised cross sections
    return operand == 0, operand == 0 and not data.process.startswith("DY_W")


def _rows_in_turn(names: Sequence[str], data: CommonData) -> list[tuple[list[str], int]]:
    """Return the tables that follow one another without a shift, with their number of points."""
    shifts = dict(data.theory.shifts) if data.theory else {}
    groups: list[list[str]] = [[]]
    for name in names:
        if name in shifts:
            groups.append([])
        groups[-1].append(name)
    if len(groups) == 1:
        return [(groups[0], data.ndata)]
    # what a shift passes over are points that are cut
    kept = kept_points(data, 3.49, 12.5, 2)
    runs = np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)
    return [(group, len(run)) for group, run in zip(groups, runs, strict=True)]


def _coefficients(
    table: _Wanted, xf: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, list[list[int]]]:
    """Return coefficients of f, and the channels."""
    channels = PAIRS if table.hadronic else SINGLE
    nodes = (len(NODES),) * len(channels[0])
    values = rng.uniform(0.5, 1.5, (table.rows, len(channels), *nodes))
    places = np.array([[_PLACES[pid] for pid in channel] for channel in channels])
    first = xf[:, places[:, 0]].T  # c channel, x and y nodes, n row
    if table.hadronic:
        row = np.einsum("ncxy,cx,cy->n", values, first, xf[:, places[:, 1]].T)
        values *= np.outer(NODES, NODES)
    else:
        row = np.einsum("ncx,cx->n", values, first)
        values *= NODES
    wanted = table.size * rng.uniform(0.8, 1.2, table.rows)
    return values * (wanted / row).reshape(-1, 1, *[1] * len(nodes)), channels
