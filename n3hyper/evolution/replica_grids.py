"""The replicas of a fit that are to be evolved, from its folder.

The folder may be n3hyper's or n3fit's: ``nnfit/replica_N/NAME.exportgrid``, and where vetoes have
been applied ``postfit/replica_K``, which are links to those that passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n3hyper.errors import DataError
from n3hyper.evolution.steps import FLAVOUR_PIDS
from n3hyper.hyper_optimization.paths import NNFIT, POSTFIT, replica_folders, replica_number
from n3hyper.physics.arrays import Array
from n3hyper.replicas.files.exportgrid import PIDS, ExportGrid, read_exportgrid


@dataclass(frozen=True, eq=False)
class FittedReplicas:
    """PDFs of a fit at Q0."""

    name: str
    """Of the fit: that of its folder."""
    folder: Path
    selected: bool
    """Whether they are those that passed the vetoes."""
    files: tuple[Path, ...]
    """Their export grids, in the order of the set's members."""
    numbers: tuple[int, ...]
    """Of the replicas of the fit."""
    q0: float
    """GeV."""
    xgrid: Array
    """(n,)"""
    values: Array
    """x f, (replicas, 14 flavours, n), flavours as in `steps.FLAVOUR_PIDS`."""


def read_replicas(folder: Path) -> FittedReplicas:
    """Return the replicas of a fit: those in ``postfit``, or else all in ``nnfit``.

    Raises
    ------
    DataError
        If there is no fit, or its replicas do not belong together.
    StoreError
        If an export grid cannot be read.
    """
    if not (folder / NNFIT).is_dir():
        raise DataError(f"{folder} is not the folder of a fit: it has no nnfit/replica_1")
    files = _export_grids(folder / POSTFIT)
    selected = bool(files)
    files = files or _export_grids(folder / NNFIT)
    if not files:
        raise DataError(
            f"{folder} has no replicas: no nnfit/replica_1/*.exportgrid (a scan has none; "
            "n3hyper fit and n3fit write them)"
        )
    grids = [read_exportgrid(file) for file in files]
    _check(grids, files)
    order = [PIDS.index(pid) for pid in FLAVOUR_PIDS]
    return FittedReplicas(
        name=folder.resolve().name,
        folder=folder,
        selected=selected,
        files=tuple(files),
        numbers=tuple(number_of(file.parent) for file in files),
        q0=grids[0].q0,
        xgrid=grids[0].xgrid,
        values=np.stack([grid.values.T[order] for grid in grids]),
    )


def number_of(folder: Path) -> int:
    """Return the number that the fit has for a replica; ``postfit/replica_K`` is a link to it."""
    return replica_number(folder.resolve()) or 0


def _export_grids(folder: Path) -> list[Path]:
    """Export grids of replicas from 1 on, in the order of the folders' numbers."""
    found = []
    for number, place in replica_folders(folder).items():
        grids = sorted(place.glob("*.exportgrid"))
        if number > 0 and grids:
            # of several, left by a renamed fit, the newest name is that of the fit
            named = place / f"{folder.resolve().parent.name}.exportgrid"
            found.append(named if named in grids else grids[0])
    return found


def _check(grids: list[ExportGrid], files: list[Path]) -> None:
    first = grids[0]
    for grid, file in zip(grids, files, strict=True):
        if not np.isfinite(grid.values).all():
            raise DataError(f"{file}: PDFs that are no numbers; remove the replica")
        if not np.isclose(grid.q0, first.q0, rtol=1e-9, atol=0.0):
            raise DataError(f"{file}: Q0 is {grid.q0:g} GeV, that of {files[0]} {first.q0:g} GeV")
        if not np.array_equal(grid.xgrid, first.xgrid):
            raise DataError(f"{file}: other nodes in x than {files[0]}")
    x = first.xgrid
    if len(x) < 10 or not (np.diff(x) > 0).all() or x[0] <= 0 or x[-1] != 1.0:
        raise DataError(f"{files[0]}: nodes in x must rise from above 0 to 1")
