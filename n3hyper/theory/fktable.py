"""FK tables: what theory makes of the PDFs at the scale Q0, read with PineAPPL.

A table gives the prediction of each of its rows as a sum over x-grid nodes and flavours,
sum FK(n; f, x) x f(x) for structure functions and sum FK(n; f, g, x, y) x f(x) y g(y) for
hadronic cross sections. PineAPPL's own tables multiply f, not x f, and carry bin widths: both are
divided out here, as validphys does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import N_FLAVOURS, Array, Index, frozen

EVOLUTION_PIDS: Final = (22, 100, 21, 200, 203, 208, 215, 224, 235, 103, 108, 115, 124, 135)
"""PineAPPL's numbers of photon Sigma g V V3 V8 V15 V24 V35 T3 T8 T15 T24 T35, in this order."""

PROTON: Final = 2212

_LZ4: Final = b"\x04\x22\x4d\x18"
_PINEAPPL: Final = b"PineAPPL"


@dataclass(frozen=True, eq=False)
class FKTable:
    """One table in the evolution basis, all rows."""

    name: str
    table: Array
    """(rows, nf, nx) for structure functions, (rows, nlumi, nx, nx) for hadronic tables."""
    channels: Index
    """(nf,) flavours or (nlumi, 2) pairs of flavours, as indices 0 to 13."""
    xgrid: Array
    """(nx,), ascending."""
    q0: float
    """Scale of the PDFs in GeV."""

    @property
    def hadronic(self) -> bool:
        """Whether two PDFs enter."""
        return self.table.ndim == 4

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.table.shape[0])


def read_fktable(path: Path, name: str = "") -> FKTable:
    """Read a table of one or two unpolarised protons.

    Parameters
    ----------
    path
        A ``.pineappl`` or ``.pineappl.lz4`` file.
    name
        What to call it; the file's name by default.

    Raises
    ------
    TheoryError
        for a file that is not such a table.
    """
    name = name or path.name.split(".pineappl")[0]
    grid = _open(path)
    _check_hadrons(grid, path)
    normalizations = np.asarray(grid.bin_normalizations(), dtype=float)
    raw = np.asarray(grid.table(), dtype=float)
    xgrid = np.asarray(grid.x_grid(), dtype=float)
    raw = raw / normalizations.reshape(-1, *[1] * (raw.ndim - 1)) / xgrid
    if raw.ndim == 4:
        raw /= xgrid[:, np.newaxis]
    table, channels = _to_evolution(raw, [list(channel) for channel in grid.channels()], path)
    order = np.argsort(xgrid)
    if (np.diff(xgrid) < 0).any():
        table = table[..., order] if table.ndim == 3 else table[..., order, :][..., order]
    return FKTable(
        name=name,
        table=frozen(table),
        channels=frozen(channels),
        xgrid=frozen(xgrid[order]),
        q0=float(np.sqrt(grid.fac0())),
    )


def read_cfactor(path: Path) -> Array:
    """The K-factor of each row: first column of a ``CF_*.dat`` file, below its starred header.

    Raises
    ------
    TheoryError
        for a file of another form.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    stars = [number for number, line in enumerate(lines) if line.startswith("*")]
    if len(stars) < 2:
        raise TheoryError(f"{path}: not a K-factor file, whose header lies between lines of stars")
    try:
        columns = [line.split() for line in lines[stars[1] + 1 :] if line.strip()]
        return np.array([float(column[0]) for column in columns])
    except ValueError as error:
        raise TheoryError(f"{path}: not a K-factor file: {error}") from error


def pid_to_evolution(pid: int) -> Array:
    """A parton as a combination of the 14 evolution flavours, (14,).

    >>> np.flatnonzero(pid_to_evolution(21))
    array([2])
    >>> np.flatnonzero(pid_to_evolution(6))  # top: Sigma, V, V35, T35
    array([ 1,  3,  8, 13])
    """
    combination = np.zeros(N_FLAVOURS)
    if pid in EVOLUTION_PIDS:
        combination[EVOLUTION_PIDS.index(pid)] = 1.0
    elif 1 <= abs(pid) <= 6:
        # PDG counts d u s c b t, the evolution basis u d s c b t
        quark = {1: 1, 2: 0}.get(abs(pid), abs(pid) - 1)
        inverse = np.linalg.inv(_quarks_to_evolution())[quark]
        combination[_PLUS] = 0.5 * inverse
        combination[_MINUS] = 0.5 * np.sign(pid) * inverse
        combination[np.abs(combination) < 1e-15] = 0.0
    else:
        raise TheoryError(f"unknown parton {pid}")
    return combination


_PLUS: Final = [1, 9, 10, 11, 12, 13]  # Sigma T3 T8 T15 T24 T35
_MINUS: Final = [3, 4, 5, 6, 7, 8]  # V V3 V8 V15 V24 V35


def _quarks_to_evolution() -> Array:
    """(6, 6): rows Sigma T3 T8 T15 T24 T35 (or V V3 ...) of u d s c b t."""
    matrix = np.zeros((6, 6))
    matrix[0] = 1
    for row in range(1, 6):
        matrix[row, :row] = 1
        matrix[row, row] = -row
    return matrix


def evolution_matrix() -> tuple[Index, Array]:
    """Partons and the matrix that makes evolution flavours of them.

    Returns
    -------
    pids (14,)
        PDG numbers: 22, 21, then 2 1 3 4 5 6 and -2 -1 -3 -4 -5 -6.
    matrix (14, 14)
        evolution flavours = matrix @ partons.
    """
    quarks = [2, 1, 3, 4, 5, 6]
    matrix = np.zeros((N_FLAVOURS, N_FLAVOURS))
    matrix[0, 0] = matrix[2, 1] = 1.0
    rotation = _quarks_to_evolution()
    matrix[_PLUS, 2:8], matrix[_PLUS, 8:] = rotation, rotation
    matrix[_MINUS, 2:8], matrix[_MINUS, 8:] = rotation, -rotation
    return np.array([22, 21, *quarks, *(-quark for quark in quarks)]), matrix


def _open(path: Path) -> Any:
    from pineappl.fk_table import FkTable

    _check_start(path)
    try:
        return FkTable.read(str(path))
    # PineAPPL is written in Rust: a file it cannot read is a panic, which only BaseException sees
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        reason = str(error).partition("\n")[0]
        raise TheoryError(f"{path}: PineAPPL cannot read it as a FK table: {reason}") from error


def _check_start(path: Path) -> None:
    """Look at the first bytes, since PineAPPL would print its panic to the terminal."""
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise TheoryError(f"{path} cannot be read: {error.strerror}") from error
    if not start.startswith((_LZ4, _PINEAPPL)):
        raise TheoryError(f"{path}: not a PineAPPL file")


def _check_hadrons(grid: Any, path: Path) -> None:
    hadrons = grid.convolutions
    if len(hadrons) not in (1, 2):
        raise TheoryError(f"{path}: {len(hadrons)} hadrons enter, not one or two")
    for hadron in hadrons:
        kind = hadron.convolution_types
        if hadron.pid != PROTON or kind.polarized or kind.time_like:
            raise TheoryError(f"{path}: only PDFs of unpolarised protons can be fitted")


def _to_evolution(raw: Array, pids: list[list[int]], path: Path) -> tuple[Array, Index]:
    """The table by evolution flavours (or pairs of them), whatever its channels were.

    Channels that are evolution flavours already are only renamed; any other parton is expanded,
    f_p = sum over e of M[p, e] f_e, and so is each pair of them.
    """
    try:
        factors = [[pid_to_evolution(pid) for pid in channel] for channel in pids]
    except TheoryError as error:
        raise TheoryError(f"{path}: {error}") from error
    # (channels, 14) for one hadron, (channels, 196) for two
    weights = np.array([each[0] if len(each) == 1 else np.outer(*each).ravel() for each in factors])
    used = np.flatnonzero(np.abs(weights).max(axis=0) > 0)
    single = ((weights != 0).sum(axis=1) == 1).all() and weights.max() == 1.0
    if single and len(used) == len(pids):
        table = raw[:, np.argsort(weights.argmax(axis=1))]
    else:
        # n row, c channel, e evolution flavour or pair
        table = np.einsum("nc...,ce->ne...", raw, weights[:, used])
    if raw.ndim == 3:
        return table, used
    return table, np.stack(np.divmod(used, N_FLAVOURS), axis=1)
