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
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.cache import read_entry, write_entry
from n3hyper.data.fingerprint import fingerprint
from n3hyper.fitting.loss.table_making.bilinear import Combination
from n3hyper.fitting.loss.table_making.hadronic_rows import HadronicRows, stacked
from n3hyper.physics.arrays import Array, Index
from n3hyper.system.cores import on_all_cores

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
TYPICAL_RANK: Final = 0.23
"""Number of squares of a row, as a part of the coordinates that its set needs, for an estimate."""
GROUP_COST: Final = 34_000
"""Cost of one more group of rows: so many numbers could be read in the time that it takes."""
CACHE: Final = "compressed"
"""The folder of the cache that keeps compressed tables."""
VERSION: Final = 2
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
    """Precision to which a fit must know its predictions."""

    plausible: Plausible
    uncertainties: Array
    """(ndata,): of each point, without what it shares with others."""
    accuracy: float = ACCURACY
    key: str = ""
    """What compressed tables depend on beside the rows asked for; empty if it is not known."""

    def of_coordinates(self, number: int) -> float:
        """Return the largest change of so many predictions (root of the sum of squares)."""
        return COORDINATES * self.accuracy * math.sqrt(number)


@dataclass(frozen=True, eq=False)
class Compressed:
    """Rows as sums of squares of combinations of coordinates, in float32 as steps read them."""

    sets: tuple[int, ...]
    """The numbers of the sets whose rows these are, one set after the other."""
    coordinates: NDArray[np.float32]
    """(k, nx * nb): c of v."""
    factors: tuple[tuple[NDArray[np.float32], Array], ...]
    """Of each row, (rank, k) and the signs (rank,)."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all numbers in a few arrays."""
        return {
            "sets": np.array(self.sets),
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
        sets = tuple(arrays["sets"].tolist())
        return cls(sets, arrays["coordinates"], tuple(zip(factors, signs, strict=True)))


Units = Callable[[Array], Array]
"""From typical magnitudes of rows (n,) to what they may be wrong by if the accuracy is 1."""


def compressed(
    rows: HadronicRows, sets: Sequence[Sequence[Combination]], units: Units, precision: Precision
) -> tuple[Compressed, ...]:
    """Return what `compress` makes, from the cache where it is there."""
    key = fingerprint(VERSION, precision.key, sets)
    entry = read_entry(CACHE, key, Path()) if precision.key else None
    if entry is not None:
        arrays, meta = entry
        return tuple(
            Compressed.of_arrays({name: arrays[f"{name}_{number}"] for name in meta["names"]})
            for number in range(meta["groups"])
        )
    made = compress(rows, sets, units, precision)
    if precision.key:
        arrays = {
            f"{name}_{number}": array
            for number, group in enumerate(made)
            for name, array in group.arrays().items()
        }
        meta = {"groups": len(made), "names": list(made[0].arrays())}
        write_entry(CACHE, key, Path(), (), arrays, meta)
    return made


def compress(
    rows: HadronicRows, sets: Sequence[Sequence[Combination]], units: Units, precision: Precision
) -> tuple[Compressed, ...]:
    """Return coordinates and factors of rows, of data sets alone or of some together.

    Parameters
    ----------
    sets
        The sums of rows that each data set needs.
    units
        Of all sums, one set after the other.
    """
    sums = [part for its in sets for part in its]
    samples = precision.plausible.samples(min(max(SLOPES // len(sums), 8), SAMPLES))
    slopes = stacked(rows.slopes(sums, samples), len(sums), np.float32)
    values = 0.5 * np.einsum("nds,sd->ns", slopes, samples.reshape(len(samples), -1))
    unit = np.maximum(units(np.median(np.abs(values), axis=1)), TINY)
    seen = (slopes / unit[:, None, None]).transpose(0, 2, 1) / np.sqrt(len(samples))
    owners = np.repeat(np.arange(len(sets)), [len(its) for its in sets])

    def made(group: tuple[int, ...]) -> Compressed:
        its = np.concatenate([np.flatnonzero(owners == number) for number in group])
        coordinates, basis = _coordinates(_flat(seen[its]), precision, len(its))
        forms = rows.projected([sums[number] for number in its], basis)
        factors = tuple(
            _factors(form / size, size, precision.accuracy)
            for form, size in zip(forms, unit[its], strict=True)
        )
        return Compressed(group, coordinates.astype(np.float32), factors)

    return tuple(on_all_cores(made, _groups(seen, owners, precision)))


def _flat(slopes: NDArray[Any]) -> Array:
    """Return slopes of rows and PDFs in one list, (n, s, d) -> (n s, d)."""
    return slopes.reshape(-1, slopes.shape[-1]).astype(np.float64)


def _groups(seen: NDArray[Any], owners: Index, precision: Precision) -> list[tuple[int, ...]]:
    """Return which sets share their coordinates, such that a step reads least.

    Neighbours by the number of coordinates that they need are put together while that helps.
    """
    _, basis = _coordinates(_flat(seen), precision, len(seen))
    groups = []
    for number in range(owners.max() + 1):
        its = seen[owners == number]
        part = _flat(its) @ basis.T
        gram, width = part.T @ part, seen.shape[-1]
        groups.append(_Group.of_set(number, gram, len(its), width, precision))
    groups.sort(key=lambda each: each.size)
    joined = [one.with_(other, precision) for one, other in pairwise(groups)]
    while joined:
        gains = [
            one.cost + other.cost - both.cost
            for (one, other), both in zip(pairwise(groups), joined, strict=True)
        ]
        best = int(np.argmax(gains))
        if gains[best] < 0:
            break
        groups[best : best + 2] = [joined[best]]
        # what it had with its neighbours is made anew
        around = groups[max(best - 1, 0) : best + 2]
        joined[max(best - 1, 0) : best + 2] = [
            one.with_(other, precision) for one, other in pairwise(around)
        ]
    return [group.sets for group in groups]


@dataclass(frozen=True, eq=False)
class _Group:
    """Sets whose rows share coordinates."""

    sets: tuple[int, ...]
    gram: Array
    """X^T X of their slopes X in coordinates of all sets."""
    rows: int
    squares: float
    """Of all rows."""
    width: int
    """Numbers of a PDF."""
    size: int
    """Coordinates that they need."""

    @classmethod
    def of_set(
        cls, number: int, gram: Array, rows: int, width: int, precision: Precision
    ) -> _Group:
        """Return the group of a set alone."""
        size = _size(gram, rows, precision)
        return cls((number,), gram, rows, TYPICAL_RANK * rows * size, width, size)

    def with_(self, other: _Group, precision: Precision) -> _Group:
        """Return both together."""
        gram, rows = self.gram + other.gram, self.rows + other.rows
        size = _size(gram, rows, precision)
        squares = self.squares + other.squares
        return _Group((*self.sets, *other.sets), gram, rows, squares, self.width, size)

    @property
    def cost(self) -> float:
        """Numbers that a step reads, with those of `GROUP_COST`."""
        return self.size * (self.squares + self.width) + GROUP_COST


def _size(gram: Array, rows: int, precision: Precision) -> int:
    """Return how many coordinates so many rows need, at least one."""
    squares = np.asarray(np.linalg.eigvalsh(gram), dtype=np.float64)
    return max(len(squares) - first_kept(squares, precision.of_coordinates(rows)), 1)


def _coordinates(seen: Array, precision: Precision, number: int) -> tuple[Array, Array]:
    """Return W^T L^-1 and (L W)^T, both (k, d), of slopes J (n, d) of so many predictions."""
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
    """Return how many of ascending squares can be left out with the root of their sum below `most`.

    >>> first_kept(np.array([0.0, 1.0, 4.0, 9.0]), 2.3)
    3
    """
    lost = np.sqrt(np.cumsum(np.maximum(squares, 0.0)))
    return int(np.searchsorted(lost, most))
