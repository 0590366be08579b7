"""Hadronic rows as quadratic forms v Q v of the PDF v (all x and flavours, flattened).

The rows of an observable often need few combinations u = W v of PDFs (the Drell-Yan sets of
positivity, say: a quark, its antiquark and the gluon at 25 nodes, evolved, are 75 numbers of 200),
and a form G of these is small. It is then either used as it is, or by its eigenvectors w as the sum
over r of sign_r (w_r v)^2, whose rank is low when the kernels are smooth: whichever is the less to
read. A form is read once in a step, since G u is needed for u G u and for its derivative 2 G u;
factors are read twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.theory.stack import HadronicTable, TheoryStack

RANK_STEP: Final = 16
"""Ranks of quadratic forms are padded to multiples of it, so that few shapes occur."""
RANK_TOLERANCE: Final = 1e-9
"""Eigenvalues below this part of the largest one are left out."""
PDF_TOLERANCE: Final = 1e-7
"""Combinations of PDFs that are in no form with more than this part of its norm are left out."""

Combination = tuple[tuple[int, float], ...]
"""(row, factor), ..."""


@dataclass(frozen=True, eq=False)
class Family:
    """Rows that need the same combinations of PDFs."""

    first: int
    """The first node of the x-grid that they need."""
    combinations: Array
    """W (nu, (nx - first) * nb), orthonormal."""


class BilinearTables:
    """Hadronic tables of a theory, whose rows are forms.

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

    def family(self, parts: list[Combination]) -> Family:
        """Return the family of some sums of rows."""
        needed = [self._locate(row)[0].x_index[0] for part in parts for row, _ in part]
        first = int(min(needed))
        gram = np.zeros(((self.nx - first) * self.nb,) * 2)
        for part in dict.fromkeys(parts):
            matrix = self._matrix(part, first)
            gram += matrix @ matrix / max(np.square(matrix).sum(), np.finfo(float).tiny)
        values, vectors = np.linalg.eigh(gram)
        keep = values > PDF_TOLERANCE**2 * values[-1]
        keep[-1] = True
        return Family(first, np.ascontiguousarray(vectors[:, keep].T))

    def form(self, part: Combination, family: Family) -> Array:
        """Return the symmetric G of a sum of rows, (nu, nu)."""
        form = family.combinations @ self._matrix(part, family.first) @ family.combinations.T
        return np.asarray(0.5 * (form + form.T))

    def factors(self, part: Combination, family: Family) -> tuple[Array, Array]:
        """Return factors (rank, nx - first, nb) and signs (rank,) of a sum of rows."""
        values, vectors = np.linalg.eigh(self.form(part, family))
        keep = np.abs(values) > RANK_TOLERANCE * np.abs(values).max(initial=0.0)
        scaled = np.sqrt(np.abs(values[keep]))[:, None] * vectors[:, keep].T
        factors = scaled @ family.combinations
        return factors.reshape(-1, self.nx - family.first, self.nb), np.sign(values[keep])

    def forms_are_smaller(self, family: Family, parts: list[Combination]) -> bool:
        """Return whether rows of a family are less to read as forms; three speak for all."""
        nu, size = family.combinations.shape
        samples = {0, len(parts) // 2, len(parts) - 1}
        ranks = [len(self.factors(parts[number], family)[1]) for number in samples]
        return bool(nu**2 + 2 * nu * size / len(parts) < 2 * padded_rank(max(ranks)) * size)

    def _locate(self, row: int) -> tuple[HadronicTable, int]:
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._tables[number], row - int(self._starts[number])

    def _matrix(self, part: Combination, first: int) -> Array:
        """Return the symmetric Q of a sum of rows, ((nx - first) * nb, (nx - first) * nb)."""
        size = self.nx - first
        form = np.zeros((size, self.nb, size, self.nb))
        for row, factor in part:
            table, local = self._locate(row)
            nodes = table.x_index - first
            form[nodes[:, None], :, nodes[None, :], :] += factor * self._row(table, local)
        matrix = form.reshape(size * self.nb, -1)
        return np.asarray(0.5 * (matrix + matrix.T))

    def _row(self, table: HadronicTable, row: int) -> Array:
        """Return a row with the luminosities in the basis, (nxt, nxt, nb, nb)."""
        first = self._expansion[table.luminosity[:, 0]]
        second = self._expansion[table.luminosity[:, 1]]
        channels = np.einsum("lb,lc->lbc", first, second).reshape(len(first), -1)
        nxt = table.x_index.size
        # x and y nodes of the two partons, b and c their flavours
        product: Array = table.table[row].reshape(len(first), -1).T @ channels
        return product.reshape(nxt, nxt, self.nb, self.nb)


def padded_rank(rank: int) -> int:
    """Return how many rows a form has that is a sum of so many squares.

    >>> padded_rank(3), padded_rank(16), padded_rank(17)
    (16, 16, 32)
    """
    return max(1, -(-rank // RANK_STEP)) * RANK_STEP
