"""Hadronic tables compressed to what a fit can see of them.

A row is a form v Q v of the PDF v at all x and flavours, 400 numbers. A fit sees less of it: PDFs
are smooth, and a change of a prediction by a small part of the uncertainty of its point changes no
chi2 that anyone could tell. Both are put into numbers with PDFs that a fit can take
(`n3hyper.fitting.network.plausible`), whose second moments are C = L L^T:

- **Coordinates.** Let J be the slopes of all predictions in units of their uncertainties, at some
  of these PDFs. With the singular values s and right vectors W of J L, predictions depend on v by
  c = W^T L^-1 v, and v = L W c but for what they do not see (balanced truncation). Of the
  coordinates c those with the smallest s are left out.
- **Factors.** A form in the coordinates, which are of order one, is a sum of squares by its
  eigenvectors. Those with the smallest eigenvalues are left out.

Hence some 20 squares of combinations of some 180 coordinates stand for a row, 4,000 numbers in
place of 40,000 to 80,000. Nothing of it is used where results are computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.cache import read_entry, write_entry
from n3hyper.data.fingerprint import fingerprint
from n3hyper.fitting.loss.bilinear import Combination
from n3hyper.fitting.loss.hadronic_rows import HadronicRows, stacked
from n3hyper.physics.arrays import Array

ACCURACY: Final = 5e-4
"""What compression may change of a prediction, in units of the uncertainty that its point shares
with no other one: for PDFs that a fit can take, as a root mean square over them."""
COORDINATES: Final = 0.2
"""The part of it that coordinates may take; they are shared by all rows, hence cheap."""
FLOOR: Final = 1e-6
"""PDFs may differ from those drawn by so much of their size, in any way at all."""
DRAWN: Final = 900
"""PDFs that are drawn."""
SAMPLES: Final = 32
"""Drawn PDFs at which slopes are taken, at most."""
SLOPES: Final = 20_000
"""Slopes that are taken of all rows together, about, where these are many."""
CACHE: Final = "compressed"
"""The folder of the cache that keeps compressed tables."""
VERSION: Final = 1
"""Counts changes of how tables are compressed."""
TINY: Final = 1e-100
"""In place of zero, of tables that are."""


@dataclass(frozen=True, eq=False)
class Plausible:
    """PDFs that a fit can take."""

    pdfs: Array
    """(n, nx, nb): flavours of the basis, see `n3hyper.fitting.loss.tables.FlavourBasis`."""

    def samples(self, number: int) -> Array:
        """Some of all kinds, (about `number`, nx, nb)."""
        return self.pdfs[:: max(len(self.pdfs) // number, 1)]

    @cached_property
    def root(self) -> Array:
        """L, (nx * nb, nx * nb)."""
        flat = self.pdfs.reshape(len(self.pdfs), -1)
        sizes = np.sqrt(np.square(flat).mean(axis=0))
        floor = FLOOR * np.maximum(sizes, FLOOR * sizes.max())
        # a triangle with the same squares as the eigenvectors of the second moments
        whole = np.concatenate([flat / np.sqrt(len(flat)), np.diag(floor)])
        triangle: Array = np.linalg.qr(whole, mode="r")  # type: ignore[assignment]
        return triangle.T


@dataclass(frozen=True, eq=False)
class Precision:
    """How well a fit must know its predictions."""

    plausible: Plausible
    uncertainties: Array
    """(ndata,): of each point, without what it shares with others."""
    accuracy: float = ACCURACY
    key: str = ""
    """What compressed tables depend on beside the rows asked for; empty if it is not known."""

    def of_coordinates(self, number: int) -> float:
        """What is left out may change so many predictions by, as the root of a sum of squares."""
        return COORDINATES * self.accuracy * math.sqrt(number)


@dataclass(frozen=True, eq=False)
class Compressed:
    """Rows as sums of squares of combinations of coordinates, in float32 as steps read them."""

    coordinates: NDArray[np.float32]
    """(k, nx * nb): c of v."""
    factors: tuple[tuple[NDArray[np.float32], Array], ...]
    """Of each row, (rank, k) and the signs (rank,)."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all numbers in a few arrays."""
        return {
            "coordinates": self.coordinates,
            "factors": np.concatenate([factors for factors, _ in self.factors]),
            "signs": np.concatenate([signs for _, signs in self.factors]).astype(np.int8),
            "ranks": np.array([len(signs) for _, signs in self.factors]),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Compressed:
        """Return what `arrays` has given."""
        cuts = np.cumsum(arrays["ranks"])[:-1]
        factors = np.split(arrays["factors"], cuts)
        signs = np.split(arrays["signs"].astype(np.float64), cuts)
        return cls(arrays["coordinates"], tuple(zip(factors, signs, strict=True)))


Units = Callable[[Array], Array]
"""From typical magnitudes of rows (n,) to what they may be wrong by if the accuracy is 1."""


def compressed(
    rows: HadronicRows, sums: Sequence[Combination], units: Units, precision: Precision
) -> Compressed:
    """Return what `compress` makes, from the cache where it is there."""
    key = fingerprint(VERSION, precision.key, sums)
    entry = read_entry(CACHE, key, Path()) if precision.key else None
    if entry is not None:
        return Compressed.of_arrays(entry[0])
    made = compress(rows, sums, units, precision)
    if precision.key:
        write_entry(CACHE, key, Path(), (), made.arrays(), {})
    return made


def compress(
    rows: HadronicRows, sums: Sequence[Combination], units: Units, precision: Precision
) -> Compressed:
    """Return coordinates and factors of some sums of rows."""
    samples = precision.plausible.samples(min(max(SLOPES // len(sums), 8), SAMPLES))
    slopes = stacked(rows.slopes(sums, samples), len(sums), np.float32)
    values = 0.5 * np.einsum("nds,sd->ns", slopes, samples.reshape(len(samples), -1))
    unit = np.maximum(units(np.median(np.abs(values), axis=1)), TINY)
    seen = (slopes / unit[:, None, None]).transpose(0, 2, 1).reshape(-1, slopes.shape[1])
    seen = seen.astype(np.float64) / np.sqrt(len(samples))
    coordinates, basis = _coordinates(seen, precision, len(sums))
    factors = tuple(
        _factors(form / size, size, precision.accuracy)
        for form, size in zip(rows.projected(sums, basis), unit, strict=True)
    )
    return Compressed(coordinates.astype(np.float32), factors)


def _coordinates(seen: Array, precision: Precision, number: int) -> tuple[Array, Array]:
    """W^T L^-1 and (L W)^T, both (k, d), of slopes J (n, d) of so many predictions."""
    root = precision.plausible.root
    triangle = np.linalg.qr(seen @ root, mode="r")
    _, singular, right = np.linalg.svd(triangle)
    lost = first_kept(np.square(singular[::-1]), precision.of_coordinates(number))
    count = max(len(singular) - lost, 1)
    basis = right[:count] @ root.T
    # W^T L^-1 without L^-1, by U = J L W / s
    squares = np.square(np.maximum(singular[:count], TINY))
    return (seen @ basis.T / squares).T @ seen, basis


def _factors(form: Array, size: float, accuracy: float) -> tuple[NDArray[np.float32], Array]:
    values, vectors = np.linalg.eigh(form)
    order = np.argsort(np.abs(values))
    kept = order[min(first_kept(np.square(values[order]), accuracy), len(order) - 1) :]
    factors = np.sqrt(size * np.abs(values[kept]))[:, None] * vectors[:, kept].T
    return factors.astype(np.float32), np.sign(values[kept])


def first_kept(squares: Array, most: float) -> int:
    """How many of ascending squares can be left out, if the root of their sum is to be below.

    >>> first_kept(np.array([0.0, 1.0, 4.0, 9.0]), 2.3)
    3
    """
    lost = np.sqrt(np.cumsum(np.maximum(squares, 0.0)))
    return int(np.searchsorted(lost, most))
