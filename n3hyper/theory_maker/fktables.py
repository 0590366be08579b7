"""FK tables in PineAPPL format, in the evolution basis, as validphys and n3hyper read them.

There are no bottom and top quarks at Q0, so that T24 = T35 = Sigma and V24 = V35 = V there: what
multiplies the former is added to the latter, as in NNPDF's tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.system.atomic_write import written_aside
from n3hyper.theory_maker.bases import EVOLUTION_PIDS

SUFFIX = ".pineappl.lz4"
ABSENT = {124: 100, 135: 100, 224: 200, 235: 200}
"""Combinations that are equal at Q0 to those they are mapped to."""
NEGLIGIBLE = 1.0e-12
"""Fraction of the largest element: channels whose elements are all smaller are left out."""


def write_fktable(
    path: Path,
    rows: Array,
    x_grid: Array,
    q0: float,
    points: Array,
    metadata: Mapping[str, str],
) -> None:
    """Write an FK table.

    Parameters
    ----------
    rows
        Shape (n, 14 evolution flavours, nodes); an observable is their sum over f (not x f) at Q0.
    x_grid
        The nodes, shape (nodes,), ascending. Leading nodes that no row needs are left out.
    q0
        Scale of the PDFs in GeV.
    points
        Kinematics that identify the rows, shape (n, 2): Q2 in GeV^2 and x.
    metadata
        Key-value pairs stored in the file.
    """
    from pineappl import boc, convolutions, fk_table, grid, interpolation, pids, subgrid

    rows = without_heavy_quarks(rows)
    scale = NEGLIGIBLE * np.abs(rows).max()
    channels = [f for f in range(len(EVOLUTION_PIDS)) if np.abs(rows[:, f]).max() > scale]
    used = np.flatnonzero(np.abs(rows).max(axis=(0, 1)) > 0)
    rows, x_grid = rows[:, :, used[0] :], x_grid[used[0] :]
    bins = [boc.Bin([(q2, q2), (x, x)], 1.0) for q2, x in points.tolist()]
    options = (
        interpolation.ReweightingMethod.NoReweight,
        interpolation.MappingMethod.ApplGridF2,
        interpolation.InterpolationMethod.Lagrange,
    )
    form = boc.ScaleFuncForm
    table = grid.Grid(
        pid_basis=pids.PidBasis.Evol,
        channels=[boc.Channel([([EVOLUTION_PIDS[f]], 1.0)]) for f in channels],
        orders=[boc.Order(0, 0, 0, 0, 0)],
        bins=boc.BinsWithFillLimits(bins, [float(edge) for edge in range(len(rows) + 1)]),
        convolutions=[convolutions.Conv(convolutions.ConvType(False, False), 2212)],
        interpolations=[
            interpolation.Interp(q0**2, q0**2, 1, 0, *options),
            interpolation.Interp(float(x_grid[0]), 1.0, len(x_grid), 0, *options),
        ],
        kinematics=[boc.Kinematics.Scale(0), boc.Kinematics.X(0)],
        scale_funcs=boc.Scales(form.NoScale(0), form.Scale(0), form.NoScale(0)),
    )
    nodes = [np.array([q0**2]), x_grid]
    for n, row in enumerate(rows):
        for c, f in enumerate(channels):
            values = subgrid.ImportSubgridV1(np.ascontiguousarray(row[None, f]), nodes)
            table.set_subgrid(0, n, c, values.into())
    result = fk_table.FkTable(table)
    for key, value in metadata.items():
        result.set_metadata(key, value)
    with written_aside(path) as part:  # PineAPPL would follow a link
        result.write_lz4(str(part))


def without_heavy_quarks(rows: Array) -> Array:
    """Return rows (n, 14 evolution flavours, nodes) without references to `ABSENT` combinations."""
    result = rows.copy()
    for absent, present in ABSENT.items():
        source, target = EVOLUTION_PIDS.index(absent), EVOLUTION_PIDS.index(present)
        result[:, target] += result[:, source]
        result[:, source] = 0.0
    return result
