"""A covariance matrix of the user's own, from a file of validphys' format.

The file is a table of pandas in text, columns separated by commas or tabs: each row begins with a
process, a data set and the number of a point in the complete set, from 0, and goes on with the
covariances with the points of all rows, in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from n3hyper.data.commondata import CommonData
from n3hyper.errors import DataError
from n3hyper.foreign.files import read_regular
from n3hyper.physics.arrays import Array, Index

_LARGEST: Final = 2**30
_ROUNDING: Final = 1e-7
"""Negative eigenvalues down to minus this part of the largest one are rounding."""
_SEPARATOR: Final = re.compile("[,\t]")


def user_columns(path: Path, datasets: Sequence[CommonData], factor: float) -> Array:
    """Return S (ndata, k) with S S^T = `factor` times the matrix; zero for sets not in the file.

    Parameters
    ----------
    datasets
        After cuts, in the runcard's order.

    Raises
    ------
    DataError
        for a file that is no such table, or whose matrix is not symmetric or not positive.
    """
    points, matrix = _read(path)
    rows = np.concatenate([_rows_of(data, points, path) for data in datasets])
    known = rows >= 0
    if not known.any():
        raise DataError(f"{path}: none of its data sets is one of the fit")
    chosen = matrix[np.ix_(rows[known], rows[known])]
    if not np.allclose(chosen, chosen.T, rtol=1e-6, atol=1e-6 * np.abs(chosen).max(initial=0)):
        raise DataError(f"{path}: not a symmetric matrix")
    values, vectors = np.linalg.eigh((chosen + chosen.T) / 2)
    if values[0] < -_ROUNDING * values[-1]:
        raise DataError(f"{path}: not a covariance: it has the eigenvalue {values[0]:.3g}")
    kept = values > _ROUNDING * 1e-6 * max(values[-1], 0.0)
    columns = np.zeros((len(rows), int(kept.sum())))
    columns[known] = vectors[:, kept] * np.sqrt(factor * values[kept])
    return columns


def _rows_of(data: CommonData, points: dict[tuple[str, int], int], path: Path) -> Index:
    """Return the row of each point of a data set; -1 where the file does not have the set."""
    present = {name for name, _ in points}
    names = [name for name in (data.name, data.requested, *data.legacy_names) if name in present]
    if not names:
        return np.full(data.ndata, -1)
    missing = [point for point in data.points.tolist() if (names[0], point) not in points]
    if missing:
        raise DataError(f"{path}: dataset {names[0]} has no row of point {missing[0]}")
    return np.array([points[names[0], point] for point in data.points.tolist()])


def _read(path: Path) -> tuple[dict[tuple[str, int], int], Array]:
    """Return the row of each point, (data set, number), and the matrix."""
    try:
        lines = read_regular(path, _LARGEST).decode().splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: not a table of covariances: it is not text") from error
    points: dict[tuple[str, int], int] = {}
    rows: list[Array] = []
    try:
        for line in lines:
            head = _SEPARATOR.split(line, maxsplit=3)
            # lines before them name the columns, whose order is that of the rows
            if len(head) < 4 or not head[1] or not head[2].strip().isdigit():
                continue
            points[head[1].strip(), int(head[2])] = len(rows)
            rows.append(np.array(_SEPARATOR.split(head[3]), dtype=float))
        matrix = np.stack(rows)
    except ValueError as error:
        raise DataError(f"{path}: not a table of covariances: {error}") from error
    if matrix.shape != (len(points), len(points)) or not np.isfinite(matrix).all():
        raise DataError(f"{path}: not a square table of finite numbers, one row for each point")
    return points, matrix
