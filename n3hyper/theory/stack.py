"""All tables of a fit on one x-grid, as immutable arrays, and the predictions made from them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from n3hyper.physics.arrays import Array, Index
from n3hyper.runcard.model import ADDED
from n3hyper.theory.operations import apply_operation


@dataclass(frozen=True, eq=False)
class Observable:
    """Recipe that makes a data set (or positivity or integrability set) from rows of the tables."""

    name: str
    operation: str
    """One of `n3hyper.theory.operations.OPERATIONS`."""
    operands: tuple[Index, ...]
    """Indices into the raw vector, each (ndata,). K-factors, conversion factors and bin widths
    are included in the table rows already."""
    slice: slice
    """Its place in the vector of predictions."""

    @property
    def ndata(self) -> int:
        """Number of points."""
        return int(self.slice.stop - self.slice.start)


@dataclass(frozen=True, eq=False)
class DISTable:
    """Table of all rows that are linear in the PDF."""

    table: Array
    """(rows, nx, nf), on the common x-grid."""
    flavours: Index
    """(nf,): which of the 14 evolution flavours, ascending."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.table.shape[0])


@dataclass(frozen=True, eq=False)
class HadronicTable:
    """Table of rows that are bilinear in the PDF, on its own nodes."""

    table: Array
    """(rows, nlumi, nxt, nxt); the axes of x belong to the first and the second flavour."""
    luminosity: Index
    """(nlumi, 2): pairs of evolution flavours."""
    x_index: Index
    """(nxt,): the table's nodes as indices into the common x-grid, ascending."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.table.shape[0])


@dataclass(frozen=True, eq=False)
class TheoryStack:
    """Tables of a fit on one common x-grid, and the observables made from them."""

    xgrid: Array
    """(nx,), ascending."""
    dis: DISTable | None
    hadronic: tuple[HadronicTable, ...]
    observables: tuple[Observable, ...]
    """Data sets in the runcard's order, then positivity, then integrability sets."""
    npredictions: int
    table_nodes: Array | None = None
    """(nt,), ascending: nodes of the tables, each as often as n3fit evaluates the PDFs there (see
    `n3hyper.theory.build_stack.table_nodes`); None for `xgrid`. Feature scaling counts them."""
    constants: Array | None = field(default=None, metadata=ADDED)
    """(rows,): rows that no fitted PDF changes, as unpolarised cross sections in a polarised fit;
    None where there are none."""

    @property
    def nrows(self) -> int:
        """Length of the raw vector: rows of `dis`, of each of `hadronic`, and `constants`."""
        return self.first_constant + (0 if self.constants is None else len(self.constants))

    @property
    def first_constant(self) -> int:
        """Place of the first of `constants` in the raw vector."""
        return (self.dis.rows if self.dis else 0) + sum(table.rows for table in self.hadronic)

    def raw(self, pdf: Array) -> Array:
        """Return the raw vector: each row of each table folded with the PDF.

        Parameters
        ----------
        pdf
            x f(x, Q0) on `xgrid`, (..., nx, 14).

        Returns
        -------
        array (..., nrows)
        """
        parts = []
        if self.dis is not None:
            # n row, x node, f flavour
            parts.append(np.einsum("nxf,...xf->...n", self.dis.table, pdf[..., self.dis.flavours]))
        for table in self.hadronic:
            nodes = pdf[..., table.x_index, :]
            first = nodes[..., table.luminosity[:, 0]]
            second = nodes[..., table.luminosity[:, 1]]
            # n row, l luminosity, x and y nodes of the first and the second parton
            half = np.einsum("nlxy,...yl->...nlx", table.table, second)
            parts.append(np.einsum("...nlx,...xl->...n", half, first))
        if self.constants is not None:
            parts.append(np.broadcast_to(self.constants, (*pdf.shape[:-2], len(self.constants))))
        if not parts:
            return np.zeros((*pdf.shape[:-2], 0))
        return np.concatenate(parts, axis=-1)

    def predict(self, pdf: Array) -> Array:
        """Return the predictions for all observables; slow and obvious, the oracle of the engine.

        Parameters
        ----------
        pdf
            x f(x, Q0) on `xgrid` in the evolution basis, (..., nx, 14).

        Returns
        -------
        array (..., npredictions)
        """
        raw = self.raw(pdf)
        predictions = np.empty((*raw.shape[:-1], self.npredictions))
        for observable in self.observables:
            operands = [raw[..., rows] for rows in observable.operands]
            predictions[..., observable.slice] = apply_operation(observable.operation, operands)
        return predictions
