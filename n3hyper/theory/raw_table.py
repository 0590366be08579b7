"""FK tables as PineAPPL stores them, before their rotation to the evolution basis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.foreign.files import open_regular
from n3hyper.physics.arrays import Array

PROTON: Final = 2212
_LZ4: Final = b"\x04\x22\x4d\x18"
_PINEAPPL: Final = b"PineAPPL"
_ROOM: Final = 2**25
"""Bytes that any table may use, however short its file is."""
_RATIO: Final = 100
"""Bytes that a table may use per byte of its file; NNPDF's use up to 7."""


@dataclass(frozen=True, eq=False)
class RawTable:
    """Content of the file of a table of one or two protons."""

    table: Array
    """(rows, channels, nx), or (rows, channels, nx, nx) for two protons."""
    normalizations: Array
    """(rows,): widths of the bins."""
    xgrid: Array
    """(nx,), positive."""
    channels: list[list[int]]
    """Numbers of the partons, or of the evolution flavours, of each channel."""
    scale: float
    """Square of the scale of the PDFs in GeV²."""
    polarized: tuple[bool, ...]
    """Whether the PDFs of each proton are polarised."""


def read_raw(path: Path) -> RawTable:
    """Read a table in this process.

    PineAPPL trusts what it reads: a damaged or malicious file can end the process or exhaust its
    memory. `n3hyper.theory.table_process` reads files of others.

    Raises
    ------
    TheoryError
        for a file that is not such a table.
    """
    size = _check_start(path)
    try:
        return _checked(_load(path, size), path)
    # PineAPPL is written in Rust: an unreadable file is a panic, which only BaseException catches
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit, TheoryError)):
            raise
        reason = str(error).partition("\n")[0]
        raise TheoryError(f"{path}: PineAPPL cannot read it as an FK table: {reason}") from error


def _check_start(path: Path) -> int:
    """Check the first bytes, and return the size of the file."""
    try:
        with open_regular(path) as stream:
            start = stream.read(8)
            size = stream.seek(0, 2)
    except OSError as error:
        raise TheoryError(f"{path} cannot be read: {error.strerror}") from error
    if not start.startswith((_LZ4, _PINEAPPL)):
        raise TheoryError(f"{path}: not a PineAPPL file")
    return size


def _load(path: Path, size: int) -> RawTable:
    from pineappl.fk_table import FkTable

    grid = FkTable.read(str(path))
    _check_hadrons(grid, path)
    xgrid = np.asarray(grid.x_grid(), dtype=float)
    normalizations = np.asarray(grid.bin_normalizations(), dtype=float)
    channels = [[int(pid) for pid in channel] for channel in grid.channels()]
    shape = (normalizations.size, len(channels), *[xgrid.size] * len(grid.convolutions))
    # checked before the table is made dense
    if 8 * math.prod(shape) > _ROOM + _RATIO * size:
        raise TheoryError(f"{path}: a table of {shape} numbers in a file of {size} bytes")
    return RawTable(
        table=np.asarray(grid.table(), dtype=float),
        normalizations=normalizations,
        xgrid=xgrid,
        channels=channels,
        scale=float(grid.fac0()),
        polarized=tuple(bool(p.convolution_types.polarized) for p in grid.convolutions),
    )


def _check_hadrons(grid: Any, path: Path) -> None:
    hadrons = grid.convolutions
    if len(hadrons) not in (1, 2):
        raise TheoryError(f"{path}: {len(hadrons)} hadrons enter, not one or two")
    for hadron in hadrons:
        if hadron.pid != PROTON or hadron.convolution_types.time_like:
            raise TheoryError(f"{path}: only PDFs of protons can be fitted")


def _checked(raw: RawTable, path: Path) -> RawTable:
    """Return the table after a check that its parts fit together and its numbers are finite."""
    hadrons = raw.table.ndim - 2
    shape = (raw.normalizations.size, len(raw.channels), *[raw.xgrid.size] * hadrons)
    fits = hadrons in (1, 2) and raw.table.shape == shape and raw.table.size > 0
    if not fits or any(len(channel) != hadrons for channel in raw.channels):
        raise TheoryError(f"{path}: not an FK table: its parts do not fit together")
    positive = (raw.xgrid > 0).all() and raw.scale > 0 and (raw.normalizations != 0).all()
    parts = (raw.table, raw.normalizations, raw.xgrid, np.array(raw.scale))
    if not positive or not all(np.isfinite(part).all() for part in parts):
        raise TheoryError(f"{path}: not an FK table: numbers that are not finite, or not positive")
    return raw
