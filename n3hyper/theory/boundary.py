"""Unpolarised PDFs of a polarised fit: a set that is not fitted, in the place of one proton or two.

Asymmetries divide by unpolarised cross sections, single-spin ones have one polarised proton, and
positivity bounds polarised PDFs by unpolarised ones. These PDFs are the central member of an LHAPDF
set; in positivity, with `n_std` of its standard deviations added (arXiv:2503.11814, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.errors import DataError
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.yaml_text import LARGEST, load_yaml
from n3hyper.physics.arrays import Array, Index
from n3hyper.theory.fktable import FKTable
from n3hyper.theory.lhapdf import SubGrid, at_scale, evolution_of, find_set, read_member

_PURPOSE: Final = "unpolarised"
_CONFIDENCE: Final = 68.268949213708581
"""Per cent within one standard deviation."""


class Boundary:
    """Unpolarised PDFs of a polarised fit.

    Parameters
    ----------
    pdfset
        Name of an LHAPDF set.
    n_std
        How many standard deviations are added where this is asked for.
    """

    def __init__(self, pdfset: str, n_std: float = 0.0) -> None:
        self.pdfset, self.n_std = pdfset, n_std
        self.path = find_set(pdfset, _PURPOSE)

    def grid(self, xgrid: Array, q0: float, raised: bool) -> Array:
        """Return x f at Q0 (GeV) in the evolution basis, (nx, 14).

        Parameters
        ----------
        raised
            Whether standard deviations are added.
        """
        central = evolution_of(self._central(q0), xgrid, q0)
        if not raised or self.n_std == 0.0:
            return central
        members = np.stack([evolution_of(one, xgrid, q0) for one in self._members(q0)])
        deviation: Array = central + self.n_std * self._deviation(central, members)
        return deviation

    def _central(self, q0: float) -> SubGrid:
        return at_scale(self._files[0][1], q0, self.pdfset)

    def _members(self, q0: float) -> list[SubGrid]:
        return [at_scale(grids, q0, self.pdfset) for _, grids in self._files[1:]]

    @cached_property
    def _files(self) -> list[tuple[Path, tuple[SubGrid, ...]]]:
        """The members that are needed: all, or the central one."""
        if self.n_std == 0.0:
            return [(self.path, read_member(self.path))]
        files = sorted(self.path.parent.glob(f"{self.pdfset}_[0-9]*.dat"))
        if len(files) < 3:
            raise DataError(
                f"PDF set {self.pdfset} has {len(files)} members in {self.path.parent}: no "
                "standard deviation; write positivity_bound: {n_std: 0}"
            )
        return [(file, read_member(file)) for file in files]

    def _deviation(self, central: Array, members: Array) -> Array:
        """Return the standard deviation, by the kind of the set as its ``.info`` file says it."""
        kind = str(self._info.get("ErrorType", "replicas"))
        if kind == "replicas":
            spread: Array = members.std(axis=0)
            return spread
        if kind == "symmhessian":
            spread = np.sqrt(np.square(members - central).sum(axis=0))
        elif kind == "hessian":
            spread = np.sqrt(np.square(members[::2] - members[1::2]).sum(axis=0)) / 2
        else:
            raise DataError(
                f"PDF set {self.pdfset}: no standard deviation of a set of kind {kind!r}"
            )
        return spread / self._rescaling()

    def _rescaling(self) -> float:
        """Return the size of the set's uncertainties in standard deviations."""
        from scipy.stats import norm

        level = float(self._info.get("ErrorConfLevel", _CONFIDENCE))
        return float(norm.isf((1 - 0.01 * level) / 2))

    @cached_property
    def _info(self) -> dict[str, Any]:
        file = self.path.parent / f"{self.pdfset}.info"
        try:
            content = load_yaml(read_regular(file, LARGEST).decode())
        except (OSError, ValueError) as error:
            raise DataError(f"{file} cannot be read: {error}") from error
        return content if isinstance(content, dict) else {}


@dataclass(frozen=True, eq=False)
class FoldedRows:
    """Rows with fixed PDFs in them."""

    table: Array
    """(n, nf, nx), (n, nlumi, nx, nx), or (n,): numbers that no fitted PDF changes."""
    channels: Index | None
    """Flavours, pairs of them, or None."""


def fold(table: FKTable, rows: Array, boundary: Boundary, raised: bool) -> FoldedRows:
    """Return rows of a table with the unpolarised PDFs in the place of unpolarised protons.

    Parameters
    ----------
    rows
        Some of the table's rows, (n, nf, nx) or (n, nlumi, nx, nx), times their factors.
    raised
        Whether standard deviations are added to the unpolarised PDFs.
    """
    if all(table.polarized):
        return FoldedRows(rows, table.channels)
    grid = boundary.grid(table.xgrid, table.q0, raised)
    # n row, c channel, x and y nodes of the first and the second proton
    if not table.hadronic:
        return FoldedRows(np.einsum("ncx,xc->n", rows, grid[:, table.channels]), None)
    first, second = table.channels.T
    if not any(table.polarized):
        return FoldedRows(
            np.einsum("ncxy,xc,yc->n", rows, grid[:, first], grid[:, second], optimize=True), None
        )
    if table.polarized[0]:
        left, flavours = np.einsum("ncxy,yc->ncx", rows, grid[:, second]), first
    else:
        left, flavours = np.einsum("ncxy,xc->ncy", rows, grid[:, first]), second
    distinct, places = np.unique(flavours, return_inverse=True)
    summed = np.zeros((len(rows), len(distinct), table.xgrid.size))
    for channel, place in enumerate(places):
        summed[:, place] += left[:, channel]
    return FoldedRows(summed, distinct)
