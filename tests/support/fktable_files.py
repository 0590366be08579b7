"""Small FK tables written with PineAPPL, for tests that read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_table(
    path: Path,
    values: np.ndarray,
    channels: list[list[int]],
    xgrid: np.ndarray,
    *,
    q0: float = 1.65,
    normalizations: np.ndarray | None = None,
    evolution: bool = True,
    hadron: int = 2212,
    polarized: Sequence[bool] = (False, False),
) -> None:
    """Write coefficients of f (not x f) as an FK table.

    Parameters
    ----------
    values
        (rows, channels, nx) or (rows, channels, nx, nx).
    channels
        One or two parton numbers for each channel.
    normalizations
        (rows,): the bin widths.
    evolution
        Whether the parton numbers are those of the evolution basis.
    polarized
        Whether the PDFs of each hadron are polarised.
    """
    from pineappl import boc, convolutions, fk_table, grid, interpolation, pids, subgrid

    hadrons = values.ndim - 2
    widths = np.ones(len(values)) if normalizations is None else normalizations
    options = (
        interpolation.ReweightingMethod.NoReweight,
        interpolation.MappingMethod.ApplGridF2,
        interpolation.InterpolationMethod.Lagrange,
    )
    form = boc.ScaleFuncForm
    table = grid.Grid(
        pid_basis=pids.PidBasis.Evol if evolution else pids.PidBasis.Pdg,
        channels=[boc.Channel([(channel, 1.0)]) for channel in channels],
        orders=[boc.Order(0, 0, 0, 0, 0)],
        bins=boc.BinsWithFillLimits(
            [boc.Bin([(row, row + 1.0)], float(width)) for row, width in enumerate(widths)],
            [float(edge) for edge in range(len(values) + 1)],
        ),
        convolutions=[
            convolutions.Conv(convolutions.ConvType(polarized[i], False), hadron)
            for i in range(hadrons)
        ],
        interpolations=[
            interpolation.Interp(q0**2, q0**2, 1, 0, *options),
            *(
                interpolation.Interp(float(xgrid[0]), 1.0, len(xgrid), 0, *options)
                for _ in range(hadrons)
            ),
        ],
        kinematics=[boc.Kinematics.Scale(0), *(boc.Kinematics.X(i) for i in range(hadrons))],
        scale_funcs=boc.Scales(form.NoScale(0), form.Scale(0), form.NoScale(0)),
    )
    nodes = [np.array([q0**2]), *[xgrid] * hadrons]
    for row, row_values in enumerate(values):
        for channel, coefficients in enumerate(row_values):
            array = np.ascontiguousarray(coefficients[np.newaxis])
            table.set_subgrid(0, row, channel, subgrid.ImportSubgridV1(array, nodes).into())
    path.parent.mkdir(parents=True, exist_ok=True)
    fk_table.FkTable(table).write_lz4(str(path))
