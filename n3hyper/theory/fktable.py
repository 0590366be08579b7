"""FK tables, which turn PDFs at the scale Q0 into predictions, read with PineAPPL.

A table gives the prediction of each of its rows as a sum over x-grid nodes and flavours,
sum FK(n; f, x) x f(x) for structure functions and sum FK(n; f, g, x, y) x f(x) y g(y) for
hadronic cross sections. PineAPPL's own tables multiply f, not x f, and carry bin widths: both are
divided out here, as validphys does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.foreign.files import read_regular
from n3hyper.physics.arrays import N_FLAVOURS, Array, Index, frozen
from n3hyper.theory.raw_table import RawTable, read_raw

EVOLUTION_PIDS: Final = (22, 100, 21, 200, 203, 208, 215, 224, 235, 103, 108, 115, 124, 135)
"""PineAPPL's numbers of photon Sigma g V V3 V8 V15 V24 V35 T3 T8 T15 T24 T35, in this order."""

_LARGEST_CFACTOR: Final = 4 * 2**20
"""Bytes of a K-factor file; NNPDF's have some kB."""


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
    polarized: tuple[bool, ...] = ()
    """Whether the PDFs of each proton are polarised."""

    @property
    def hadronic(self) -> bool:
        """Return whether two PDFs enter."""
        return self.table.ndim == 4

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.table.shape[0])


def read_fktable(
    path: Path, name: str = "", read: Callable[[Path], RawTable] = read_raw
) -> FKTable:
    """Read a table of one or two protons.

    Parameters
    ----------
    path
        A ``.pineappl`` or ``.pineappl.lz4`` file.
    name
        What to call it; the file's name by default.
    read
        What reads the file: `n3hyper.theory.table_process.TableProcess.read` for those of others.

    Raises
    ------
    TheoryError
        for a file that is not such a table.
    """
    name = name or path.name.split(".pineappl")[0]
    found = read(path)
    normalizations, raw, xgrid = found.normalizations, found.table, found.xgrid
    raw = raw / normalizations.reshape(-1, *[1] * (raw.ndim - 1)) / xgrid
    if raw.ndim == 4:
        raw /= xgrid[:, np.newaxis]
    table, channels = _to_evolution(raw, found.channels, path)
    order = np.argsort(xgrid)
    if (np.diff(xgrid) < 0).any():
        table = table[..., order] if table.ndim == 3 else table[..., order, :][..., order]
    return FKTable(
        name=name,
        table=frozen(table),
        channels=frozen(channels),
        xgrid=frozen(xgrid[order]),
        q0=float(np.sqrt(found.scale)),
        polarized=found.polarized,
    )


def read_cfactor(path: Path) -> Array:
    """Return the K-factor of each row, the first column of a ``CF_*.dat`` file below its header.

    Raises
    ------
    TheoryError
        for a file of another format.
    """
    try:
        lines = read_regular(path, _LARGEST_CFACTOR).decode().splitlines()
    except OSError as error:
        raise TheoryError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TheoryError(f"{path}: not a K-factor file: it is not text") from error
    stars = [number for number, line in enumerate(lines) if line.startswith("*")]
    if len(stars) < 2:
        raise TheoryError(f"{path}: not a K-factor file, whose header lies between lines of stars")
    try:
        columns = [line.split() for line in lines[stars[1] + 1 :] if line.strip()]
        factors = np.array([float(column[0]) for column in columns])
    except ValueError as error:
        raise TheoryError(f"{path}: not a K-factor file: {error}") from error
    if not np.isfinite(factors).all():
        raise TheoryError(f"{path}: not a K-factor file: a factor is not finite")
    return factors


def pid_to_evolution(pid: int) -> Array:
    """Return a parton as a combination of the 14 evolution flavours, shape (14,).

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
    """Return the matrix (6, 6) of Sigma T3 T8 T15 T24 T35 (or V V3 ...) in terms of u d s c b t."""
    matrix = np.zeros((6, 6))
    matrix[0] = 1
    for row in range(1, 6):
        matrix[row, :row] = 1
        matrix[row, row] = -row
    return matrix


def evolution_matrix() -> tuple[Index, Array]:
    """Return the partons and the matrix that turns them into evolution flavours.

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


def _to_evolution(raw: Array, pids: list[list[int]], path: Path) -> tuple[Array, Index]:
    """Return the table in terms of evolution flavours (or pairs), whatever its channels were.

    Channels that are evolution flavours already are only renamed. Any other parton is expanded,
    f_p = sum over e of M[p, e] f_e, and so is any pair of them.
    """
    try:
        factors = [[pid_to_evolution(pid) for pid in channel] for channel in pids]
    except TheoryError as error:
        raise TheoryError(f"{path}: {error}") from error
    # (channels, 14) for one hadron, (channels, 196) for two
    weights = np.array(
        [factor[0] if len(factor) == 1 else np.outer(*factor).ravel() for factor in factors]
    )
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
