"""Comparison of a theory's tables with what the maker computes for the same points.

Both are folded with the Les Houches toy PDFs and compared point by point. A few points of each
table show whether two theories are the same, and take minutes. If a table records how it was made,
it is compared with a calculation made in the same way, at the points of its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import Array, Index, Mask
from n3hyper.theory.fktable import EVOLUTION_PIDS, FKTable, read_fktable
from n3hyper.theory.folders import TheoryFolder, find_theory
from n3hyper.theory_maker.cards import CalculationCard, read_card
from n3hyper.theory_maker.coefficients.schemes import scheme_terms
from n3hyper.theory_maker.coefficients.structure_functions import Calculator
from n3hyper.theory_maker.fktables import without_heavy_quarks
from n3hyper.theory_maker.kinematics import StructureFunctions, TableRequest, requests
from n3hyper.theory_maker.make import (
    FIRST_COMBINATION,
    all_wanted,
    default_cache,
    prepared,
    table_rows,
    workers,
)
from n3hyper.theory_maker.operators.evolution import frozen, make_evolution
from n3hyper.theory_maker.partons import active_flavours
from n3hyper.theory_maker.proton import Proton, wanted_rows
from n3hyper.theory_maker.provenance import COEFFICIENT_KEYS, Provenance, provenance
from n3hyper.theory_maker.requirements import require
from n3hyper.theory_maker.sum_rules import les_houches

Q2_MIN, W2_MIN = 3.49, 12.5
"""Bounds in GeV^2 below which points are not compared: fits cut them, and programs disagree."""
SAME_POINT = 0.01
"""Relative distance beyond which a row belongs to another point."""
ROUNDING = 1e-6
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Deviation:
    """Deviations between two tables: ratios of predictions (made here / in the table) minus one."""

    table: str
    points: int
    median: float
    largest: float
    """Deviation of the largest size, with its sign."""
    x: float
    q2: float
    """Position of the largest deviation, in GeV^2."""
    overall: float = 0.0
    """Largest difference of two predictions, in units of the table's largest prediction."""

    def __str__(self) -> str:
        """Return the deviation as a line of the printed table, below `HEAD`."""
        return (
            f"{self.table:40s} {self.points:6d} {self.median:+10.1e} {self.largest:+10.1e}"
            f" {self.overall:10.1e}   x = {self.x:.3g}, Q2 = {self.q2:.4g} GeV2"
        )


HEAD = f"{'table':40s} {'points':>6s} {'median':>10s} {'largest':>10s} {'overall':>10s}   at"


def check_theory(
    datasets: Sequence[str],
    folder: Path,
    theory_card: CalculationCard | None = None,
    *,
    points: int | None = 3,
    cache: Path | None = None,
    jobs: int = 1,
    report: Callable[[str], None] = print,
) -> list[Deviation]:
    """Compute points of the tables in a theory folder, and compare them.

    Parameters
    ----------
    datasets
        Names in nnpdf_data, each with tables in `folder`.
    folder
        ``theory_<ID>``.
    theory_card
        The theory to compute; by default the card of `folder`, with the coefficient functions that
        each table records.
    points
        Number of points of each table; None for all that pass `Q2_MIN` and `W2_MIN`.
    cache, jobs, report
        As for `make_theory`.

    Raises
    ------
    TheoryError
        If a dataset cannot be made, a table is not in `folder`, has other rows, or was made in a
        way that the maker does not know.
    """
    theory = _theory(folder)
    common = theory_card or _card(theory)
    wanted = {table.name: table for name in datasets for table in requests(name)}
    theirs = {name: _read(theory, table) for name, table in wanted.items()}
    for program in ("eko", "yadism"):
        require(program)
    origins = {name: provenance(theory.table_path(name)) for name in wanted}
    tables = {name: at_its_points(table, origins[name]) for name, table in wanted.items()}
    for line in moved(wanted, tables):
        report(line)
    groups: dict[CalculationCard, list[str]] = {}
    for name, origin in origins.items():
        card = common if theory_card else origin.card(common, name)
        groups.setdefault(card, []).append(name)
        if theory_card:
            for line in changed_coefficients(common, origin.card(_card(theory), name)):
                report(f"{name}: {line}; compared with the card given")
    chosen = few_points(tables.values(), points)
    cache = prepared(cache or default_cache())
    deviations = {}
    with workers(jobs, cache) as pool:
        for card, names in groups.items():
            for line in changed_coefficients(common, card):
                report(f"{', '.join(names)}: {line}; compared with the same")
            parts = [_part(tables[name], chosen[name]) for name in names]
            for table, computed in zip(
                parts, _computed(parts, card, cache, pool, report), strict=True
            ):
                stored = predictions(theirs[table.name])[chosen[table.name]]
                deviations[table.name] = deviation(table, computed, stored)
    return [deviations[name] for name in tables]


def _computed(
    tables: Sequence[TableRequest],
    card: CalculationCard,
    cache: Path,
    pool: ProcessPoolExecutor,
    report: Callable[[str], None],
) -> Iterator[Array]:
    """Yield the predictions for the points of each table, folded with the toy PDFs."""
    scales = needed_scales(tables, card)
    report(f"evolution operators at {len(scales)} scales")
    evolution = make_evolution(card, cache, pool, scales)
    report(f"structure functions ({card.FNS})")
    proton = Proton(Calculator(card, cache, pool), evolution)
    rows = wanted_rows(proton, all_wanted(tables, card), report)
    for table in tables:
        values, nodes = table_rows(table, rows, evolution)
        yield _folded(without_heavy_quarks(values), nodes)


def at_its_points(table: TableRequest, origin: Provenance) -> TableRequest:
    """Return a table at the points that its rows record, instead of the commondata's.

    Raises
    ------
    TheoryError
        If they are different points altogether.
    """
    if origin.x is None or origin.q2 is None or not isinstance(table.content, StructureFunctions):
        return table
    for row in range(len(table.x)):
        of_data, of_row = (table.x[row], table.q2[row]), (origin.x[row], origin.q2[row])
        if not np.allclose(of_data, of_row, rtol=SAME_POINT, atol=0.0):
            raise TheoryError(
                f"{table.name}: row {row} is at x = {of_row[0]:g}, Q2 = {of_row[1]:g} GeV2, "
                f"the data's point at x = {of_data[0]:g}, Q2 = {of_data[1]:g} GeV2"
            )
    return replace(table, x=origin.x, q2=origin.q2)


def moved(wanted: Mapping[str, TableRequest], tables: Mapping[str, TableRequest]) -> Iterator[str]:
    """Yield a line for each table whose points differ from those of the commondata."""
    for name, table in tables.items():
        for variable in ("x", "q2"):
            of_rows, of_data = getattr(table, variable), getattr(wanted[name], variable)
            largest = float(np.abs(of_rows / of_data - 1).max())
            if largest > ROUNDING:
                label = {"x": "x", "q2": "Q2"}[variable]
                yield f"{name}: {label} of its rows is up to {largest:.1e} from the data's"


def changed_coefficients(common: CalculationCard, card: CalculationCard) -> Iterator[str]:
    """Yield a line if the coefficient functions of a table's card differ from those of a card."""
    changed = [key for key in card.differing(common) if key in COEFFICIENT_KEYS]
    if changed:
        values = ", ".join(f"{key}: {getattr(card, key)}" for key in changed)
        usual = ", ".join(str(getattr(common, key)) for key in changed)
        yield f"made with {values} (the card: {usual})"


def few_points(tables: Iterable[TableRequest], points: int | None) -> dict[str, Index]:
    """Return rows of each table at as few scales as possible, since each scale costs an operator.

    Scales that many tables share come first; at each scale the row with the middle x is taken
    first, then those further away.
    """
    tables = list(tables)
    worth_comparing = {table.name: np.flatnonzero(compared(table)) for table in tables}
    if points is None:
        return worth_comparing
    shared = Counter(
        float(q2) for table in tables for q2 in np.unique(table.q2[worth_comparing[table.name]])
    )
    chosen = {}
    for table in tables:
        rows = sorted(
            worth_comparing[table.name].tolist(), key=lambda row: (table.q2[row], table.x[row])
        )
        by_scale: dict[float, list[int]] = {}
        for row in rows:
            by_scale.setdefault(float(table.q2[row]), []).append(row)
        scales = sorted(by_scale, key=lambda q2: (-shared[q2], q2))
        queues = [_from_the_middle(by_scale[q2]) for q2 in scales]
        taken = [queue[depth] for depth in range(points) for queue in queues if depth < len(queue)]
        chosen[table.name] = np.array(sorted(taken[:points]), dtype=np.int64)
    return chosen


def _from_the_middle(rows: list[int]) -> list[int]:
    middle = (len(rows) - 1) / 2
    return [rows[n] for n in sorted(range(len(rows)), key=lambda n: abs(n - middle))]


def compared(table: TableRequest) -> Mask:
    """Return the mask (n,) of the rows worth comparing: those of points that fits keep."""
    if not isinstance(table.content, StructureFunctions) or not table.content.target_mass:
        return np.ones(len(table.x), dtype=bool)
    w2 = table.q2 * (1 / table.x - 1) + 0.938**2
    return np.asarray((table.q2 >= Q2_MIN) & (w2 >= W2_MIN))


def needed_scales(tables: Iterable[TableRequest], card: CalculationCard) -> list[tuple[float, int]]:
    """Return (mu^2 in GeV^2, number of flavours) of all operators that the tables need."""
    scales = set()
    for table in tables:
        for q2 in frozen(table.q2).tolist():
            if isinstance(table.content, StructureFunctions):
                terms = [term for term in scheme_terms(card) if term.counts(np.array([q2]))[0]]
                scales |= {(q2, term.folded_with) for term in terms}
            elif table.content.pid < FIRST_COMBINATION:
                scales.add((q2, active_flavours(card, q2)))
    return sorted(scales)


def predictions(table: FKTable) -> Array:
    """Return a table folded with x f of the toy PDFs, shape (rows,)."""
    pdfs = les_houches(table.xgrid) * table.xgrid
    # n row, c channel, i node
    return np.asarray(np.einsum("nci,ci->n", table.table, pdfs[table.channels]))


def _folded(rows: Array, nodes: Array) -> Array:
    """Fold rows (n, 14 flavours, nodes) over f with the toy PDFs, to shape (n,)."""
    return np.asarray(np.einsum("nfi,fi->n", rows, les_houches(nodes)))


def deviation(table: TableRequest, computed: Array, stored: Array) -> Deviation:
    """Compare computed predictions with those of a stored table, (n,) each."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(computed == stored, 0.0, computed / stored - 1)
    worst = int(np.abs(ratio).argmax())
    return Deviation(
        table.name,
        len(ratio),
        float(np.median(ratio)),
        float(ratio[worst]),
        float(table.x[worst]),
        float(table.q2[worst]),
        float(np.abs(computed - stored).max() / max(np.abs(stored).max(), TINY)),
    )


def differences(card: CalculationCard, folder: Path) -> list[str]:
    """Return the differences in physics between `card` and a folder's card, a few words each."""
    theirs = _card(_theory(folder))
    return [
        f"{key} is {getattr(card, key)} here, {getattr(theirs, key)} there"
        for key in card.differing(theirs)
        if key not in ("ID", "Comments")
    ]


def _theory(folder: Path) -> TheoryFolder:
    name = folder.resolve().name
    if not folder.is_dir() or not name.removeprefix("theory_").isdigit():
        raise TheoryError(f"{folder}: not a theory; name a folder theory_<id> with FK tables")
    return find_theory(int(name.removeprefix("theory_")), folder)


def _card(theory: TheoryFolder) -> CalculationCard:
    return read_card(theory.card_path())


def _read(theory: TheoryFolder, table: TableRequest) -> FKTable:
    fktable = read_fktable(theory.table_path(table.name), table.name)
    if fktable.rows != len(table.x):
        raise TheoryError(
            f"{table.name} in {theory.path} has {fktable.rows} rows, the data {len(table.x)} points"
        )
    if any(EVOLUTION_PIDS[channel] == 22 for channel in fktable.channels.tolist()):
        raise TheoryError(f"{table.name} in {theory.path} has a photon, which cannot be made here")
    return fktable


def _part(table: TableRequest, rows: Index) -> TableRequest:
    return replace(table, x=table.x[rows], q2=table.q2[rows], y=table.y[rows])
