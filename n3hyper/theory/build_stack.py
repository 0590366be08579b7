"""Assembly of a `TheoryStack`: all FK tables of a fit on one x-grid.

Each data set asks for rows of tables. Rows that no data set asks for (points that are cut) are left
out, and rows that two data sets share are kept once. DIS rows of all tables become one matrix;
hadronic tables keep their own nodes and channels, except those that are zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import N_FLAVOURS, Array, Index, frozen
from n3hyper.theory.boundary import Boundary, fold
from n3hyper.theory.fktable import FKTable, read_cfactor, read_fktable
from n3hyper.theory.folders import TheoryFolder
from n3hyper.theory.missing import refuse_missing
from n3hyper.theory.operations import check_operation
from n3hyper.theory.recipe import ObservableSource
from n3hyper.theory.stack import DISTable, HadronicTable, Observable, TheoryStack
from n3hyper.theory.table_process import TableProcess

SAME_NODE = 1e-9
"""Relative distance below which two nodes are the same: tables store x with rounding errors."""

NOISE = 1e-14
"""Fraction of a row's largest coefficient below which coefficients are rounding errors of rotations
between bases: channels and nodes with no larger ones are dropped."""


@dataclass(frozen=True)
class _Key:
    """Name of a table and all factors that multiply it."""

    table: str
    cfac: tuple[str, ...]
    factor: float
    raised: bool


@dataclass
class _Reader:
    """Reader of a theory folder that opens each table and K-factor once."""

    folder: TheoryFolder
    process: TableProcess
    following: dict[str, str] = field(default_factory=dict)
    """From the name of a table to that of the one that will be read next."""
    boundary: Boundary | None = None
    tables: dict[str, FKTable] = field(default_factory=dict)
    cfactors: dict[tuple[str, str], Array] = field(default_factory=dict)

    def table(self, name: str) -> FKTable:
        """Return the table of that name."""
        if name not in self.tables:
            path, following = self.folder.table_path(name), self.following.get(name)
            then = self.folder.table_path(following) if following else None
            self.tables[name] = read_fktable(path, name, partial(self.process.read, then=then))
            if self.boundary is None and any(self.tables[name].polarized):
                raise TheoryError(f"{path}: polarised protons, in a fit of unpolarised PDFs")
        return self.tables[name]

    def rows(self, key: _Key, rows: Index) -> Array:
        """Return the given rows of a table, multiplied by its factors."""
        table = self.table(key.table)
        factors = np.full(table.rows, key.factor)
        for cfactor in key.cfac:
            factors *= self._cfactor(cfactor, key.table, table.rows)
        selected: Array = table.table[rows]
        scaled: Array = selected * factors[rows].reshape(-1, *[1] * (selected.ndim - 1))
        return scaled

    def grid(self, names: tuple[str, ...]) -> Array:
        """Return the distinct nodes of the tables of one operand, ascending."""
        return _common_grid(self.table(name).xgrid for name in names)

    def q0(self) -> float:
        """Return the scale of the PDFs, which all tables must share."""
        scales = {name: table.q0 for name, table in self.tables.items()}
        first = next(iter(scales))
        for name, scale in scales.items():
            if not np.isclose(scale, scales[first], rtol=1e-6):
                raise TheoryError(
                    f"FK tables at different scales: {first} at Q0 = {scales[first]:g} GeV, "
                    f"{name} at {scale:g} GeV in {self.folder.path}"
                )
        return scales[first]

    def _cfactor(self, cfactor: str, table: str, rows: int) -> Array:
        if (cfactor, table) not in self.cfactors:
            path = self.folder.cfactor_path(cfactor, table)
            values = read_cfactor(path)
            if values.size != rows:
                raise TheoryError(f"{path}: {values.size} K-factors for a table of {rows} rows")
            self.cfactors[cfactor, table] = values
        return self.cfactors[cfactor, table]


_Operand = list[tuple[_Key, int]]  # for each point: the table and its row


def build_stack(
    sources: Sequence[ObservableSource], folder: TheoryFolder, boundary: Boundary | None = None
) -> tuple[TheoryStack, float]:
    """Read the tables that `sources` ask for and put them on one grid.

    Parameters
    ----------
    sources
        Data sets, then positivity, then integrability sets.
    folder
        The theory.
    boundary
        The unpolarised PDFs where polarised ones are fitted.

    Returns
    -------
    stack
        Its observables are those of `sources`, in their order.
    q0
        Scale of the PDFs in GeV.

    Raises
    ------
    TheoryError
        when a table, a K-factor or a row is missing, or tables do not go together.
    """
    refuse_missing(sources, folder)
    with TableProcess() as process:
        names = [name for source in sources for its in source.recipe.fk_tables for name in its]
        following = dict(itertools.pairwise(dict.fromkeys(names)))
        return _stacked(sources, _Reader(folder, process, following, boundary))


def _stacked(sources: Sequence[ObservableSource], reader: _Reader) -> tuple[TheoryStack, float]:
    operands = [_operands(source, reader) for source in sources]
    wanted: dict[_Key, set[int]] = {}
    for operand in itertools.chain.from_iterable(operands):
        for key, row in operand:
            wanted.setdefault(key, set()).add(row)
    if not wanted:
        raise TheoryError("no data point needs a prediction: nothing is left after cuts")
    rows = {key: np.array(sorted(numbers)) for key, numbers in wanted.items()}
    q0, nodes = reader.q0(), table_nodes(sources, reader.grid)
    blocks = list(_blocks(reader, rows))
    fixed = [block for block in blocks if block.table.ndim == 1]
    if len(fixed) == len(blocks):
        raise TheoryError("no table has a fitted PDF in it: all protons are unpolarised")
    xgrid = _common_grid(block.xgrid for block in blocks if block.table.ndim > 1)
    dis = [block for block in blocks if block.table.ndim == 3]
    hadronic = _merged(block for block in blocks if block.table.ndim == 4)
    place: dict[tuple[_Key, int], int] = {}
    for block in [*dis, *itertools.chain.from_iterable(hadronic), *fixed]:
        for row in rows[block.key].tolist():
            place[block.key, row] = len(place)
    observables, start = [], 0
    for source, operand_rows in zip(sources, operands, strict=True):
        stop = start + source.points.size
        observables.append(
            Observable(
                name=source.name,
                operation=check_operation(source.recipe.operation, len(operand_rows), source.name),
                operands=tuple(
                    frozen(np.array([place[needed] for needed in operand], dtype=np.int64))
                    for operand in operand_rows
                ),
                slice=slice(start, stop),
            )
        )
        start = stop
    dis_table = _dis_table(dis, xgrid)
    # each group goes when its table is made: together they are as large as all tables
    del block, blocks, dis
    hadronic.reverse()
    stack = TheoryStack(
        xgrid=frozen(xgrid),
        dis=dis_table,
        hadronic=tuple(_hadronic_table(hadronic.pop(), xgrid) for _ in range(len(hadronic))),
        observables=tuple(observables),
        npredictions=start,
        table_nodes=frozen(nodes),
        constants=frozen(np.concatenate([block.table for block in fixed])) if fixed else None,
    )
    return stack, q0


def table_nodes(
    sources: Sequence[ObservableSource], grid: Callable[[tuple[str, ...]], Array]
) -> Array:
    """Return all x at which n3fit evaluates the PDFs, ascending, with the repetitions it counts.

    A data set contributes the grid of each of its operands, or a single grid where all are the
    same. An experiment likewise joins the grids of its data sets; each constraint stands alone.

    Parameters
    ----------
    grid
        Gives the nodes of the tables of one operand.
    """
    groups: dict[object, list[Array]] = {}
    for number, source in enumerate(sources):
        grids = _without_copies([grid(names) for names in source.recipe.fk_tables])
        groups.setdefault(source.group or number, []).extend(grids)
    nodes = np.concatenate([x for grids in groups.values() for x in _without_copies(grids)])
    distinct = _common_grid([nodes])
    return np.sort(distinct[_node_index(nodes, distinct)])


def _without_copies(grids: list[Array]) -> list[Array]:
    """Return the first grid alone if all are the same, else all of them."""
    same = all(
        len(grid) == len(grids[0]) and np.allclose(grid, grids[0], rtol=SAME_NODE, atol=0)
        for grid in grids
    )
    return grids[:1] if same else grids


# ---------------------------------------------------------------- from points to rows


def _operands(source: ObservableSource, reader: _Reader) -> list[_Operand]:
    """Return, for each operand of the operation, the row that each point needs."""
    recipe = source.recipe
    operation = check_operation(recipe.operation, len(recipe.fk_tables), source.name)
    operands = []
    for number, names in enumerate(recipe.fk_tables):
        available = _available_rows(names, source, reader)
        divisor = operation == "RATIO" and number == 1
        if divisor and len(names) == 1 and _is_one_number(reader.table(names[0])):
            # the divisor is a total cross section, which normalises all points
            operands.append([available[0]] * source.points.size)
            continue
        missing = [point for point in source.points.tolist() if point not in available]
        if missing:
            raise TheoryError(
                f"{source.name}: point {missing[0]} has no row in FK table(s) "
                f"{', '.join(names)} of {reader.folder.path} ({len(available)} rows)"
            )
        operands.append([available[point] for point in source.points.tolist()])
    return operands


def _available_rows(
    names: tuple[str, ...], source: ObservableSource, reader: _Reader
) -> dict[int, tuple[_Key, int]]:
    """Return point -> row of the tables of one operand, which follow one another."""
    recipe = source.recipe
    shifts, normalization = dict(recipe.shifts), dict(recipe.normalization)
    rows: dict[int, tuple[_Key, int]] = {}
    start = 0
    for name in names:
        start += shifts.get(name, 0)
        factor = recipe.conversion_factor * normalization.get(name, 1.0)
        key = _Key(name, source.cfac, factor, source.raised)
        count = reader.table(name).rows
        rows.update({start + row: (key, row) for row in range(count)})
        start += count
    return rows


def _is_one_number(table: FKTable) -> bool:
    """Return whether a table has one row, or one row followed by rows of zeros, as old ones do."""
    return not bool(table.table[1:].any())


# ---------------------------------------------------------------- from rows to matrices


@dataclass(frozen=True)
class _Block:
    """Rows of one table without the channels and nodes that do not contribute to them."""

    key: _Key
    table: Array
    """(rows, nf, nx), (rows, nlumi, nx, nx), or (rows,) without a fitted PDF"""
    channels: Index
    xgrid: Array

    @property
    def rows(self) -> int:
        return int(self.table.shape[0])


def _block(reader: _Reader, key: _Key, rows: Index) -> _Block:
    table = reader.table(key.table)
    selected, flavours = reader.rows(key, rows), table.channels
    if reader.boundary is not None:
        folded = fold(table, selected, reader.boundary, key.raised)
        if folded.channels is None:
            return _Block(key, folded.table, np.zeros(0, np.int64), np.zeros(0))
        selected, flavours = folded.table, folded.channels
    size = np.abs(selected)
    axes = tuple(range(1, selected.ndim))
    counts = size > NOISE * size.max(axis=axes, keepdims=True)
    channels = counts.any(axis=(0, *axes[1:]))
    nodes = counts.any(axis=tuple(range(selected.ndim - 1)))
    selected = selected[:, channels]
    if selected.ndim == 4:
        nodes |= counts.any(axis=(0, 1, 3))
        selected = selected[..., nodes, :]
    return _Block(key, selected[..., nodes], flavours[channels], table.xgrid[nodes])


def _blocks(reader: _Reader, rows: Mapping[_Key, Index]) -> Iterator[_Block]:
    """Yield the rows of each key; a table is let go when no further rows of it are needed."""
    last = {key.table: key for key in rows}
    for key, numbers in rows.items():
        yield _block(reader, key, numbers)
        if last[key.table] == key:
            del reader.tables[key.table]


def _common_grid(grids: Iterable[Array]) -> Array:
    """Return the distinct nodes of all grids, ascending.

    >>> _common_grid([np.array([0.1, 0.5]), np.array([0.1 * (1 + 1e-13), 0.2])])
    array([0.1, 0.2, 0.5])
    """
    nodes = np.sort(np.concatenate(list(grids)))
    new = np.concatenate([[True], np.diff(nodes) > SAME_NODE * nodes[1:]])
    distinct: Array = nodes[new]
    return distinct


def _node_index(nodes: Array, xgrid: Array) -> Index:
    """Return the index in `xgrid` of each of `nodes`."""
    if len(xgrid) == 1:
        return np.zeros(len(nodes), dtype=np.int64)
    right = np.clip(np.searchsorted(xgrid, nodes), 1, len(xgrid) - 1)
    left = right - 1
    nearest = np.where(nodes - xgrid[left] < xgrid[right] - nodes, left, right)
    return nearest.astype(np.int64)


def _dis_table(blocks: Sequence[_Block], xgrid: Array) -> DISTable | None:
    """Return the rows of all structure functions as one matrix."""
    if not blocks:
        return None
    dense = np.zeros((sum(block.rows for block in blocks), len(xgrid), N_FLAVOURS))
    start = 0
    for block in blocks:
        rows = dense[start : start + block.rows]
        nodes = _node_index(block.xgrid, xgrid)
        # n row, x node, f flavour
        rows[:, nodes[:, np.newaxis], block.channels] = block.table.transpose(0, 2, 1)
        start += block.rows
    flavours = np.unique(np.concatenate([block.channels for block in blocks]))
    return DISTable(frozen(dense[..., flavours]), frozen(flavours))


def _merged(blocks: Iterable[_Block]) -> list[list[_Block]]:
    """Group hadronic tables with the same channels on the same nodes, which become one table."""
    groups: dict[tuple[bytes, bytes], list[_Block]] = {}
    for block in blocks:
        groups.setdefault((block.channels.tobytes(), block.xgrid.tobytes()), []).append(block)
    return list(groups.values())


def _hadronic_table(blocks: Sequence[_Block], xgrid: Array) -> HadronicTable:
    stacked = np.concatenate([block.table for block in blocks])
    nodes = _node_index(blocks[0].xgrid, xgrid)
    return HadronicTable(frozen(stacked), frozen(blocks[0].channels), frozen(nodes))
