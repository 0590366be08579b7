"""Builders that put rows of predictions together in few matrices, segment by segment."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, islice
from typing import Final

import numpy as np

from n3hyper.fitting.loss.table_making.bilinear import BilinearTables, Combination, Family
from n3hyper.fitting.loss.table_making.compression import Compressed
from n3hyper.fitting.loss.table_making.table_rows import Prediction, Rows, offsets_of
from n3hyper.fitting.loss.tables import FACTORS, Product, Segment
from n3hyper.physics.arrays import Array

PRODUCT_COST: Final = 8_000
"""Cost of one more product, in rows times nodes: that of starting it."""

SIZES: Final = 4
"""How many different ranks the compressed forms of a group are padded to."""
SHARED: Final = 3
"""As many quotients as have the same denominator for it to be read only once."""


def _best_starts(rows: list[Rows], nx: int) -> tuple[int, ...]:
    """Return where up to three matrices start on the x-grid, so that least work is done."""
    if not rows:
        return ()
    firsts = np.array([prediction.first for prediction in rows])
    sizes = [max(prediction.rank, 1) * len(prediction.operands) for prediction in rows]
    options = np.unique(firsts)
    work = np.array([np.sum(sizes, where=firsts == option) for option in options])

    def cost(starts: tuple[int, ...]) -> float:
        chosen = np.array(starts)[np.searchsorted(starts, options, side="right") - 1]
        return float(work @ (nx - chosen)) + PRODUCT_COST * len(starts)

    inner = [int(option) for option in options[1:]]
    candidates = ((int(options[0]), *c) for k in (0, 1, 2) for c in combinations(inner, k))
    return min(candidates, key=cost)


class RowsBuilder:
    """Builder that puts linear rows, or factors, into products, segment by segment."""

    def __init__(
        self,
        rows: list[Rows],
        nx: int,
        kind: str,
        first_product: int,
        starts: tuple[int, ...] | None = None,
    ) -> None:
        self.given, self.kind, self.first_product = rows, kind, first_product
        self.starts = _best_starts(rows, nx) if starts is None else starts
        self.rows: list[list[Array]] = [[] for _ in self.starts]
        self.signs: list[list[Array]] = [[] for _ in self.starts]

    def segments(self, chosen: Callable[[Prediction], bool]) -> Iterator[tuple[Segment, list[int]]]:
        """Yield segments of chosen predictions of one form, and the places of the predictions."""
        rows = [row for row in self.given if chosen(row.prediction)]
        keys = [self._key(row) for row in rows]
        for key in sorted(set(keys)):
            alike = [row for row, own_key in zip(rows, keys, strict=True) if own_key == key]
            where = [
                self._add(self._different(alike, k), key[0], k)
                for k in range(len(alike[0].operands))
            ]
            second = where[1] if len(where) > 1 else None
            form, product = alike[0].prediction.form, self.first_product + key[0]
            offset = offsets_of([row.prediction for row in alike])
            segment = Segment(form, product, where[0], second, len(alike), key[1], offset)
            yield segment, [row.prediction.place for row in alike]

    def _key(self, row: Rows) -> tuple[int, int, Combination]:
        """Return what predictions of a segment have in common: product, rank, and denominator."""
        return bisect_right(self.starts, row.first) - 1, row.rank, ()

    def _different(self, alike: list[Rows], operand: int) -> list[Rows]:
        """Return those predictions of a segment that bring rows for an operand."""
        return alike

    def _add(self, chosen: list[Rows], product: int, operand: int) -> tuple[int, int]:
        start = sum(len(part) for part in self.signs[product])
        for prediction in chosen:
            rows, signs = prediction.padded(operand, self.starts[product])
            self.rows[product].append(rows.reshape(len(rows), -1))
            self.signs[product].append(signs)
        return start, sum(len(part) for part in self.signs[product])

    def add_coordinates(self, rows: Array) -> tuple[int, int]:
        """Put rows that are of no prediction into the first product, and return where they are."""
        start = sum(len(part) for part in self.signs[0])
        self.rows[0].append(rows)
        self.signs[0].append(np.ones(len(rows)))
        return start, start + len(rows)

    def products(self) -> list[Product]:
        """Return the products that were put together."""
        no_signs = np.zeros(0)
        return [
            Product(
                start,
                np.concatenate(rows),
                np.concatenate(signs) if self.kind == FACTORS else no_signs,
            )
            for start, rows, signs in zip(self.starts, self.rows, self.signs, strict=True)
        ]


class FormsBuilder:
    """Builder that puts the forms of a family into one product."""

    def __init__(
        self,
        predictions: list[Prediction],
        tables: BilinearTables,
        family: Family,
        first_product: int,
    ) -> None:
        self.given, self.tables, self.family = predictions, tables, family
        self.first_product = first_product
        self.parts: list[Combination] = []

    def segments(self, chosen: Callable[[Prediction], bool]) -> Iterator[tuple[Segment, list[int]]]:
        """Yield the segment of chosen predictions of one form, and the places of these."""
        alike = [prediction for prediction in self.given if chosen(prediction)]
        if alike:
            where = [self._add(alike, k) for k in range(len(alike[0].operands))]
            second = where[1] if len(where) > 1 else None
            form, product, offset = alike[0].form, self.first_product, offsets_of(alike)
            segment = Segment(form, product, where[0], second, len(alike), 0, offset)
            yield segment, [prediction.place for prediction in alike]

    def _add(self, chosen: list[Prediction], operand: int) -> tuple[int, int]:
        start = len(self.parts)
        self.parts.extend(prediction.operands[operand] for prediction in chosen)
        return start, len(self.parts)

    def products(self) -> list[Product]:
        """Return the product that was put together."""
        forms = np.stack([self.tables.form(part, self.family) for part in self.parts])
        return [Product(self.family.first, self.family.combinations, forms=forms)]


class CompressedBuilder(RowsBuilder):
    """Builder that puts the factors of compressed forms into a product.

    Parameters
    ----------
    linear
        The builder of the product that has coordinates.
    """

    def __init__(
        self,
        predictions: list[Prediction],
        compressed: Compressed,
        linear: RowsBuilder,
        number: int,
    ) -> None:
        parts = (
            (factors[:, :, None].astype(np.float64), signs) for factors, signs in compressed.factors
        )
        operands = [tuple(islice(parts, len(each.operands))) for each in predictions]
        ranks = [max(len(signs) for _, signs in its) for its in operands]
        rows = [
            Rows(each, 0, rank, its)
            for each, rank, its in zip(predictions, few_sizes(ranks), operands, strict=True)
        ]
        super().__init__(rows, len(compressed.coordinates), FACTORS, number, starts=(0,))
        self.on = linear.add_coordinates(compressed.coordinates.astype(np.float64))
        self.second = Counter(each.second for each in predictions)

    def _key(self, row: Rows) -> tuple[int, int, Combination]:
        second = row.prediction.second
        return 0, row.rank, second if self.second[second] >= SHARED else ()

    def _different(self, alike: list[Rows], operand: int) -> list[Rows]:
        shared = operand == 1 and self._key(alike[0])[2] != ()
        return alike[:1] if shared else alike

    def products(self) -> list[Product]:
        """Return the product that was put together."""
        return [replace(product, on=self.on) for product in super().products()]


def few_sizes(sizes: Sequence[int], most: int = SIZES) -> list[int]:
    """Return the sizes made larger until only so many different ones are left, at the least cost.

    >>> few_sizes([3, 4, 9, 4, 10], 2)
    [4, 4, 10, 4, 10]
    """
    values, counts = np.unique(sizes, return_counts=True)
    # what the first values cost with so many sizes, and the sizes
    best: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
    for _ in range(min(most, len(values))):
        best |= {
            stop: min(
                (cost + int(counts[start:stop].sum() * values[stop - 1]), (*chosen, stop - 1))
                for start, (cost, chosen) in best.items()
                if start < stop
            )
            for stop in range(len(values), 0, -1)
        }
    chosen = values[list(best[len(values)][1])]
    return [int(chosen[np.searchsorted(chosen, size)]) for size in sizes]
