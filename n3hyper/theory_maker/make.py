"""Recipe that makes a folder of FK tables from datasets and a theory card."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from pathlib import Path

import numpy as np

from n3hyper.data.cache import cache_folder
from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import Array
from n3hyper.system.atomic_write import write_atomically
from n3hyper.theory_maker.bases import X_GRID
from n3hyper.theory_maker.cards import CalculationCard, read_card, write_card
from n3hyper.theory_maker.coefficients.cross_sections import bound_in, coefficients
from n3hyper.theory_maker.coefficients.structure_functions import Calculator, Probe
from n3hyper.theory_maker.fktables import SUFFIX, write_fktable
from n3hyper.theory_maker.kinematics import (
    Parton,
    StructureFunctions,
    TableRequest,
    requests,
)
from n3hyper.theory_maker.operators.evolution import Evolution, make_evolution
from n3hyper.theory_maker.partons import combination_rows, parton_rows
from n3hyper.theory_maker.proton import Proton, Wanted, wanted_rows
from n3hyper.theory_maker.requirements import own_compiler_cache, require
from n3hyper.theory_maker.sum_rules import pulled_back_rules, violation, write_rules

FIRST_COMBINATION = 100
"""First of PineAPPL's identifiers of combinations in the evolution basis."""
Rows = Mapping[tuple[Wanted, float, float], Array]


def make_theory(
    datasets: Sequence[str],
    output: Path,
    theory_card: CalculationCard | None = None,
    *,
    cache: Path | None = None,
    jobs: int = 1,
    report: Callable[[str], None] = print,
) -> Path:
    """Make all FK tables that the given datasets need.

    Parameters
    ----------
    datasets
        Names in nnpdf_data, e.g. ``NMC_NC_NOTFIXED_P_EM-SIGMARED``.
    output
        The theory is written to ``<output>/theory_<ID>``; tables of the same name are replaced.
    theory_card
        The theory; by default the one shipped with the package.
    cache
        Folder that keeps operators and coefficients, so that an interrupted run, or one with more
        datasets, reuses them. The user's cache folder by default.
    jobs
        Number of processes.
    report
        Receives the progress, one line at a time.

    Returns
    -------
    Path
        The folder of the theory.

    Raises
    ------
    TheoryError
        If a dataset is unknown or cannot be made, before anything is computed; if the folder
        holds tables of another card; or if the extra ``n3hyper[theory]`` is not installed.
    """
    card = theory_card or CalculationCard()
    tables = list({table.name: table for name in datasets for table in requests(name)}.values())
    for program in ("eko", "yadism"):
        require(program)
    cache = prepared(cache or default_cache())
    folder = output / f"theory_{card.ID}"
    _refuse_another_card(card, folder / "theory.yml")
    prepared(folder / "fastkernel")
    write_card(card, folder / "theory.yml")
    with workers(jobs, cache) as pool:
        report("evolution operators")
        evolution = make_evolution(card, cache, pool)
        report(f"structure functions ({card.FNS})")
        proton = Proton(Calculator(card, cache, pool), evolution)
        rows = wanted_rows(proton, all_wanted(tables, card), report)
    versions = {f"{name}_version": metadata.version(name) for name in ("eko", "yadism")}
    rules = pulled_back_rules(evolution)
    write_rules(rules, folder)
    report(f"sum rules hold to {max(violation(rules).values()):.1e}")
    for table in tables:
        report(f"{table.name}: {len(table.x)} rows")
        write_table(folder / "fastkernel", table, rows, evolution, versions)
    _list_datasets(folder / "datasets.txt", datasets)
    return folder


def workers(jobs: int, cache: Path) -> ProcessPoolExecutor:
    """Start a pool of processes that keep what they compile in `cache`."""
    return ProcessPoolExecutor(
        max_workers=jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=own_compiler_cache,
        initargs=(cache / "numba",),
    )


def default_cache() -> Path:
    """Return the default folder of operators and coefficients.

    It is a scratch folder for a single run if the user has switched the cache off.
    """
    return (cache_folder() or Path(tempfile.mkdtemp())) / "theory_maker"


def write_table(
    folder: Path,
    table: TableRequest,
    rows: Rows,
    evolution: Evolution,
    versions: Mapping[str, str],
) -> None:
    """Write one FK table, made of rows of structure functions."""
    card = evolution.card
    values, nodes = table_rows(table, rows, evolution)
    points = np.stack([table.q2, table.x], axis=1)
    path = folder / (table.name + SUFFIX)
    write_fktable(path, values, nodes, card.Q0, points, {**_about(table, card), **versions})


def table_rows(table: TableRequest, rows: Rows, evolution: Evolution) -> tuple[Array, Array]:
    """Return the rows of a table over f at Q0, and their nodes.

    Returns
    -------
    Array
        Shape (n, 14 evolution flavours, nodes).
    Array
        Shape (nodes,).
    """
    card, content = evolution.card, table.content
    if isinstance(content, StructureFunctions):
        return _measured(content, table, rows, card), X_GRID
    if content.pid >= FIRST_COMBINATION:
        return combination_rows(content.pid, table.x, table.q2, card.Q0), table.x
    return parton_rows(evolution, content.pid, table.x, table.q2), X_GRID


def _measured(
    content: StructureFunctions, table: TableRequest, rows: Rows, card: CalculationCard
) -> Array:
    """Return rows (n, 14, 50) of an observable: structure functions times their coefficients."""
    parts = coefficients(content, card, table.x, table.q2, table.y)
    total = np.zeros(())
    for kind, factor in parts.items():
        wanted = _wanted(content, kind)
        rows_of_kind = [rows[wanted, x, q2] for x, q2 in zip(table.x, table.q2, strict=True)]
        total = total + factor[:, None, None] * np.stack(rows_of_kind)
    return bound_in(content.nucleus, total)


def all_wanted(
    tables: Sequence[TableRequest], card: CalculationCard
) -> Iterator[tuple[Wanted, Array, Array]]:
    """Yield the structure functions that the tables need, and their points."""
    for table in tables:
        if not isinstance(table.content, Parton):
            for kind in coefficients(table.content, card, table.x, table.q2, table.y):
                yield _wanted(table.content, kind), table.x, table.q2


def _wanted(content: StructureFunctions, kind: str) -> Wanted:
    return Wanted(Probe.of(content), kind, content.target_mass)


def _refuse_another_card(card: CalculationCard, path: Path) -> None:
    """Refuse a folder that holds tables of another theory."""
    if not path.is_file():
        return
    old, new = read_card(path), card
    for key in new.differing(old):
        if key != "Comments":
            raise TheoryError(
                f"{path.parent} holds tables of another theory, {key} is {getattr(old, key)} "
                f"there and {getattr(new, key)} here; give the card another ID, or choose "
                "another folder"
            )


def _list_datasets(path: Path, datasets: Sequence[str]) -> None:
    """Record the names of all datasets that a theory was made for, one per line."""
    before = path.read_text().split() if path.exists() else []
    lines = [f"{name}\n".encode() for name in dict.fromkeys([*before, *datasets])]
    write_atomically(path, lines)


def prepared(folder: Path) -> Path:
    """Return `folder`, created if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _about(table: TableRequest, card: CalculationCard) -> dict[str, str]:
    """Return the metadata of a table."""
    return {
        "description": f"{table.name}: {table.content}",
        "theory": json.dumps(card.nnpdf()),
        "x1_label": "Q2",
        "x1_unit": "GeV^2",
        "x2_label": "x",
    }
