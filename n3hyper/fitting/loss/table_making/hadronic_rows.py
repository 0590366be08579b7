"""Hadronic tables row by row, as symmetric forms v Q v of the PDF v (all x and flavours at once).

Rows are made of the tables when they are needed, some at a time, and never all of them kept: all
forms of a global fit would be hundreds of millions of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.fitting.loss.table_making.bilinear import Combination
from n3hyper.physics.arrays import Array
from n3hyper.theory.stack import HadronicTable, TheoryStack

CHUNK: Final = 16
"""Rows of a table that are made at a time."""

Values = NDArray[Any]


class HadronicRows:
    """The forms of all hadronic tables of a theory.

    Parameters
    ----------
    first_row
        The number of their first row among all rows.
    expansion
        (14, nb), see `n3hyper.fitting.loss.tables.FlavourBasis`.
    """

    def __init__(self, theory: TheoryStack, first_row: int, expansion: Array) -> None:
        self._tables = theory.hadronic
        self._expansion = expansion
        self._starts = first_row + np.cumsum([0, *(table.rows for table in theory.hadronic)])
        self.nx, self.nb = theory.xgrid.size, expansion.shape[1]

    def slopes(self, sums: Sequence[Combination], pdfs: Array) -> Iterator[Values]:
        """2 Q v of each sum of rows and all PDFs (s, nx, nb), (nx * nb, s)."""
        where = {}
        for table in self._tables:
            nodes = pdfs[:, table.x_index].reshape(len(pdfs), -1).T
            where[id(table)] = 2.0 * nodes

        def of_rows(table: HadronicTable, forms: Array) -> Values:
            found = np.zeros((len(forms), self.nx, self.nb, len(pdfs)))
            values = forms @ where[id(table)]
            shape = (len(forms), table.x_index.size, self.nb, len(pdfs))
            found[:, table.x_index] = values.reshape(shape)
            return found.reshape(len(forms), -1, len(pdfs))

        return self._sums(sums, of_rows)

    def projected(self, sums: Sequence[Combination], basis: Array) -> Iterator[Values]:
        """B Q B^T of each sum of rows with a basis B (k, nx * nb), (k, k)."""
        whole = basis.reshape(len(basis), self.nx, self.nb)
        where = {
            id(table): whole[:, table.x_index].reshape(len(basis), -1) for table in self._tables
        }

        def of_rows(table: HadronicTable, forms: Array) -> Values:
            part = where[id(table)]
            return np.asarray(part @ (forms @ part.T))

        return self._sums(sums, of_rows)

    def _sums(self, sums: Sequence[Combination], of_rows: Any) -> Iterator[Values]:
        """Return a linear function of each sum of rows, group by group of the tables."""
        for group in _groups(sums):
            rows = sorted({row for part in group for row, _ in part})
            values = dict(self._of_rows(rows, of_rows))
            for part in group:
                yield np.sum([factor * values[row] for row, factor in part], axis=0)

    def _of_rows(self, rows: Sequence[int], of_rows: Any) -> Iterator[tuple[int, Values]]:
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(numbers):
            table = self._tables[number]
            its = np.array(rows)[numbers == number]
            for start in range(0, len(its), CHUNK):
                chunk = its[start : start + CHUNK]
                forms = self._forms(table, chunk - self._starts[number])
                yield from zip(chunk.tolist(), of_rows(table, forms), strict=True)

    def _forms(self, table: HadronicTable, rows: Any) -> Array:
        """The symmetric forms of some rows on the nodes of their table, (n, nxt nb, nxt nb)."""
        one, other = (self._expansion[table.luminosity[:, k]] for k in (0, 1))
        # n row, l luminosity, x and y nodes, b and c flavours of the two partons
        channels = np.einsum("lb,lc->lbc", one, other).reshape(len(one), -1)
        nxt = table.x_index.size
        tables = table.table[rows].reshape(len(rows), len(one), -1).transpose(0, 2, 1)
        forms = (tables @ channels).reshape(len(rows), nxt, nxt, self.nb, self.nb)
        square = forms.transpose(0, 1, 3, 2, 4).reshape(len(rows), nxt * self.nb, -1)
        return np.asarray(0.5 * (square + square.transpose(0, 2, 1)))


def _groups(sums: Sequence[Combination]) -> Iterator[list[Combination]]:
    """Sums in a row, some at a time."""
    for start in range(0, len(sums), CHUNK):
        yield list(sums[start : start + CHUNK])


def stacked(parts: Iterable[Values], size: int, dtype: type = np.float64) -> Values:
    """Return several arrays as one, without a second copy of all of them."""
    found: Values | None = None
    for number, part in enumerate(parts):
        if found is None:
            found = np.empty((size, *part.shape), dtype)
        found[number] = part
    return np.empty((0,), dtype) if found is None else found
