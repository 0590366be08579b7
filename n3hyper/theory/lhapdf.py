"""PDF sets in LHAPDF's grid format (``lhagrid1``): reading and interpolating them at one scale.

t0 predictions and closure tests need only the central member at the scale Q0. The interpolation is
LHAPDF's own: log-bicubic, and continued below the first node in x (arXiv:1412.7420, section 3).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from n3hyper.errors import DataError
from n3hyper.foreign.files import read_regular
from n3hyper.physics.arrays import Array, Index
from n3hyper.theory.fktable import evolution_matrix
from n3hyper.theory.folders import share_folders

VARIABLES: Final = ("LHAPDF_DATA_PATH", "LHAPATH")
"""LHAPDF's environment variables that list folders of sets, separated as in ``$PATH``."""

PURPOSES: Final = {
    "t0": "`use_t0: false` under datacuts",
    "fakepdf": "`fakedata: false` under closuretest",
    "comparison": "leave out `--compare`",
    "theory uncertainties": "leave out `theorycovmatconfig`",
    "unpolarised": "fit unpolarised PDFs",
}
"""Purposes that a set may be needed for, and how to do without it."""

_LARGEST: Final = 16 * 2**20
"""Bytes of a member's file; those of NNPDF4.0 have 3 MB."""
_MOST_GRIDS: Final = 10
_MOST_KNOTS: Final = 2000
_MOST_PARTONS: Final = 50
_MOST_VALUES: Final = 1_000_000
"""Numbers of a sub-grid; those of NNPDF4.0 have 110,000."""
_SMALL: Final = 1e-3  # LHAPDF extrapolates log(xf) where xf is above it, xf itself elsewhere


@dataclass(frozen=True, eq=False)
class SubGrid:
    """Values of a PDF set between two flavour thresholds."""

    x: Array
    """(nx,)"""
    q: Array
    """(nq,), in GeV."""
    pids: Index
    """(npid,): PDG numbers, 21 for the gluon."""
    values: Array
    """(nx, nq, npid): x f(x, Q)."""

    def evaluate(self, x: Array, q: float) -> Array:
        """Return x f(x, Q) at each `x`, shape (len(x), npid)."""
        inside = np.clip(x, self.x[0], self.x[-1])
        result = self._interpolate(inside, q)
        below = x < self.x[0]
        if below.any():
            result[below] = self._continue(x[below], q)
        return result

    def _interpolate(self, x: Array, q: float) -> Array:
        log_q = np.log(self.q)
        cell = int(np.clip(np.searchsorted(self.q, q, side="right") - 1, 0, len(self.q) - 2))
        # the knots that the cubic in log Q of this cell needs
        first, last = max(cell - 1, 0), min(cell + 2, len(self.q) - 1)
        in_x = _cubic(np.log(self.x), self.values[:, first : last + 1], np.log(x))
        # `in_x` is (x, knot in Q, pid)
        in_q = _cubic(log_q[first : last + 1], in_x.swapaxes(0, 1), np.array([np.log(q)]))
        value: Array = in_q[0]
        return value

    def _continue(self, x: Array, q: float) -> Array:
        """Extrapolate towards small x as LHAPDF does, along a line through the first two knots."""
        low, high = self._interpolate(self.x[:2], q)
        slope = (np.log(x) - np.log(self.x[0])) / np.log(self.x[1] / self.x[0])
        line = low + slope[:, np.newaxis] * (high - low)
        positive = (low > _SMALL) & (high > _SMALL)
        ratio = np.where(positive, high, 1.0) / np.where(positive, low, 1.0)
        continued: Array = np.where(positive, low * ratio ** slope[:, np.newaxis], line)
        return continued


def evolution_grid(name: str, xgrid: Array, q0: float, purpose: str = "t0") -> Array:
    """Return the central member of a set at Q0 in the evolution basis, shape (nx, 14).

    Parameters
    ----------
    name
        Name of the set, which `find_set` looks for.
    xgrid
        (nx,)
    q0
        In GeV.
    purpose
        One of `PURPOSES`.

    Raises
    ------
    DataError
        when the set is missing, cannot be read, or does not reach down to Q0.
    """
    grids = read_member(find_set(name, purpose))
    return evolution_of(at_scale(grids, q0, name), xgrid, q0)


def at_scale(grids: Sequence[SubGrid], q0: float, name: str) -> SubGrid:
    """Return the sub-grid of a member that holds at Q0.

    Raises
    ------
    DataError
        when the set, whose name is given, does not reach down to Q0.
    """
    lowest = grids[0].q[0]
    # a set may store its lowest Q rounded
    if q0 < lowest * (1 - 1e-6):
        raise DataError(f"PDF set {name} begins at Q = {lowest:g} GeV, above Q0 = {q0:g} GeV")
    # at a threshold LHAPDF takes the grid that begins there
    return [candidate for candidate in grids if candidate.q[0] <= max(q0, lowest)][-1]


def evolution_of(grid: SubGrid, xgrid: Array, q0: float) -> Array:
    """Return x f of a member at Q0 in the evolution basis, shape (nx, 14)."""
    values = grid.evaluate(np.asarray(xgrid, dtype=float), max(q0, grid.q[0]))
    pids, matrix = evolution_matrix()
    partons = np.zeros((len(xgrid), len(pids)))
    for column, pid in enumerate(pids):
        if pid in grid.pids:
            partons[:, column] = values[:, np.flatnonzero(grid.pids == pid)[0]]
    evolution: Array = partons @ matrix.T
    return evolution


def find_set(name: str, purpose: str = "t0") -> Path:
    """Return the file of the central member of a set.

    It is looked for in ``$LHAPDF_DATA_PATH``, in ``$LHAPATH``, where this Python's or the system's
    LHAPDF keeps its sets, and in NNPDF's share folders.

    Raises
    ------
    DataError
        when it is nowhere.
    """
    if not name or Path(name).name != name:
        raise DataError(f"not the name of a PDF set: {name!r}")
    folders = lhapdf_folders()
    for folder in folders:
        path = folder / name / f"{name}_0000.dat"
        if path.is_file():
            return path
    where = ", ".join(str(folder) for folder in folders)
    raise DataError(
        f"PDF set {name!r} for {purpose} not found in {where}; put the folder {name} there (sets: "
        f"https://lhapdfsets.web.cern.ch/current/{name}.tar.gz), name its place with "
        f"$LHAPDF_DATA_PATH, or do without: {PURPOSES[purpose]}"
    )


def lhapdf_folders() -> tuple[Path, ...]:
    """Return the folders that may hold sets, in the order in which they are searched."""
    named = [
        Path(entry).expanduser()
        for variable in VARIABLES
        for entry in os.environ.get(variable, "").split(os.pathsep)
        if entry
    ]
    prefixes = [Path(sys.prefix), Path("/usr/local"), Path("/usr")]
    usual = [prefix / "share" / "LHAPDF" for prefix in prefixes]
    nnpdf = [share / folder for share in share_folders() for folder in ("lhapdf", "LHAPDF")]
    return tuple(dict.fromkeys([*named, *usual, *nnpdf]))


def read_member(path: Path) -> tuple[SubGrid, ...]:
    """Return all sub-grids of a member's ``.dat`` file, by rising Q.

    Raises
    ------
    DataError
        for a file of another format.
    """
    try:
        blocks = read_regular(path, _LARGEST).decode().split("---", _MOST_GRIDS + 2)
        if "lhagrid1" not in blocks[0]:
            raise ValueError("its format is not lhagrid1")
        # behind the last grid there is nothing
        grids = tuple(_sub_grid(block) for block in blocks[1:] if block.strip())
        if not 0 < len(grids) <= _MOST_GRIDS:
            raise ValueError(f"{len(grids)} sub-grids")
        return grids
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, IndexError, OverflowError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _sub_grid(block: str) -> SubGrid:
    x_line, q_line, pid_line, values = block.strip().split("\n", 3)
    x = _numbers(x_line, "x", 4)
    q = _numbers(q_line, "Q", 2)
    pids = np.array(pid_line.split(maxsplit=_MOST_PARTONS)[:_MOST_PARTONS], dtype=np.int64)
    pids[pids == 0] = 21  # an old number of the gluon
    size = x.size * q.size * pids.size
    if not 0 < size <= _MOST_VALUES:
        raise ValueError(f"a sub-grid of {x.size} x {q.size} knots and {pids.size} partons")
    numbers = np.array(values.split(maxsplit=size), dtype=float)
    if numbers.size != size or not np.isfinite(numbers).all():
        raise ValueError(f"not {size} finite numbers in a sub-grid")
    return SubGrid(x, q, pids, numbers.reshape(x.size, q.size, pids.size))


def _numbers(line: str, name: str, least: int) -> Array:
    """Read the knots in x or Q, which must be positive and rising."""
    knots = np.array(line.split(maxsplit=_MOST_KNOTS), dtype=float)
    if not least <= knots.size <= _MOST_KNOTS:
        raise ValueError(f"{knots.size} knots in {name}")
    if not (np.isfinite(knots).all() and knots[0] > 0 and (np.diff(knots) > 0).all()):
        raise ValueError(f"knots in {name} that are not positive and rising")
    return knots


def _cubic(knots: Array, values: Array, points: Array) -> Array:
    """Interpolate `values` (knots, ...) by Hermite cubics with slopes from central differences.

    The slope at a knot is the mean slope of its two neighbouring intervals; at either end it is
    that of the only interval. The result has shape (points, ...).
    """
    shape = (-1, *[1] * (values.ndim - 1))
    step = np.diff(knots)
    secant = np.diff(values, axis=0) / step.reshape(shape)
    slope = np.concatenate([secant[:1], 0.5 * (secant[1:] + secant[:-1]), secant[-1:]])
    cell = np.clip(np.searchsorted(knots, points, side="right") - 1, 0, len(knots) - 2)
    t = ((points - knots[cell]) / step[cell]).reshape(shape)
    width = step[cell].reshape(shape)
    interpolated: Array = (
        (2 * t**3 - 3 * t**2 + 1) * values[cell]
        + (t**3 - 2 * t**2 + t) * width * slope[cell]
        + (3 * t**2 - 2 * t**3) * values[cell + 1]
        + (t**3 - t**2) * width * slope[cell + 1]
    )
    return interpolated
