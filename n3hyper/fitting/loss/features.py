"""Features, of which the chi2 needs few in place of the predictions of many points.

In units of their uncertainties the predictions of most DIS points are linear in the PDF, T v, and
the kernels are so smooth that the rank r of T is far below the number of points. With its singular
value decomposition T = U V they are U y, where y = V v are the features: their chi2 is a quadratic
form of y (see `n3hyper.fitting.loss.forms`), and these points occur in no step.

Points whose prediction is not linear in the PDF stay as they are. Some share systematics with
linear ones (quotients of the structure functions that are data, too); they are attached points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from n3hyper.fitting.loss.covariance_blocks import (
    BlockCovariance,
    SplitCovariance,
    split_covariance,
)
from n3hyper.fitting.loss.panels import panel_numbers
from n3hyper.fitting.loss.table_making.compression import Precision, first_kept
from n3hyper.fitting.loss.tables import LINEAR, PLAIN, Product, Segment, Tables
from n3hyper.physics.arrays import Array, Index, Mask
from n3hyper.physics.chi2 import FactoredCovariance

SMALLEST_SINGULAR_VALUE: Final = 1e-10
"""Features that change no prediction by more than this part of its uncertainty are left out (where
PDFs are of order one)."""
_FEATURES: Final = 300
"""Number of features that work is compared for; DIS data have about as many."""


@dataclass(frozen=True, eq=False)
class Attachment:
    """The systematics of attached points, S = L R block by block."""

    matrix: Array
    """L (attached points, k), orthonormal."""
    factors: tuple[Array, ...]
    """R of each block with the columns of L as rows, (k, systematics)."""


@dataclass(frozen=True, eq=False)
class Features:
    """Theory as a step reads it: `Tables` without the points that features stand for.

    What the data segments give is the features and then the predictions of the other points.
    """

    products: tuple[Product, ...]
    segments: tuple[Segment, ...]
    data_segments: int
    covariance: BlockCovariance
    """That of the n points that features stand for or that are attached to such."""
    attached: Mask
    """(n,): which of these are attached points."""
    loadings: Array
    """U (n, r), orthonormal, in the order of `covariance.points`; zero for attached points."""
    rest: BlockCovariance
    """The covariance of all other points."""
    order: Index
    """The data point of each prediction behind the features."""
    wide: Array
    """(ndata, k), in the data's units: systematics that link all data and are in neither of the
    covariances (see `n3hyper.fitting.loss.wide`)."""

    @cached_property
    def all_points(self) -> BlockCovariance:
        """The covariance of all points."""
        return SplitCovariance(self.covariance, self.rest).joined

    @cached_property
    def attachment(self) -> Attachment:
        """The systematics of attached points."""
        return _attachment(self.covariance, self.attached)

    @property
    def size(self) -> int:
        """The number r of features."""
        return int(self.loadings.shape[1])

    @property
    def attachments(self) -> int:
        """The number k of combinations of systematics that attached points have."""
        return int(self.attachment.matrix.shape[1])

    def near(self, data: Array) -> tuple[Array, Array]:
        """Return the data of the points with features, / sqrt(D), and features near them.

        Parameters
        ----------
        data
            (m, ndata)

        Returns
        -------
        data (m, n), and the features (m, r) that describe them as well as features can
        """
        scaled = np.ascontiguousarray(data[:, self.covariance.points]) / self.covariance.sigma
        # one model after the other: in a product of all, bits would depend on their number
        return scaled, np.stack([self.loadings.T @ values for values in scaled])

    @property
    def points(self) -> Index:
        """The data points behind the features: the attached ones, and then those of `rest`."""
        return np.concatenate([self.covariance.points[self.attached], self.rest.points])


def _attachment(covariance: BlockCovariance, attached: Mask) -> Attachment:
    parts, start, total = [], 0, int(attached.sum())
    for block in covariance.blocks:
        mask = attached[start : start + len(block.points)]
        left, singular, right = np.linalg.svd(block.systematics[mask], full_matrices=False)
        kept = singular > SMALLEST_SINGULAR_VALUE
        parts.append((left[:, kept], singular[kept, None] * right[kept]))
        start += len(block.points)
    widths = [left.shape[1] for left, _ in parts]
    matrix, row, column, factors = np.zeros((total, sum(widths))), 0, 0, []
    for left, right in parts:
        n, k = left.shape
        matrix[row : row + n, column : column + k] = left
        factor = np.zeros((sum(widths), right.shape[1]))
        factor[column : column + k] = right
        factors.append(factor)
        row, column = row + n, column + k
    return Attachment(matrix, tuple(factors))


def make_features(
    tables: Tables, covariance: FactoredCovariance, precision: Precision | None = None
) -> Features:
    """Return the features of data, or none where the points themselves are less work.

    Parameters
    ----------
    precision
        What features must give; None for all that there are.
    """
    linear = _linear_points(tables)
    if linear.any():
        split, wide = _split(covariance, linear)
        made = _features(tables, split, linear, precision, wide)
        if _work_of_features(made) < _work_of_points(made):
            return made
    return without_features(tables, covariance)


def _split(covariance: FactoredCovariance, linear: Mask) -> tuple[SplitCovariance, Array]:
    """Return the covariance cut in two, and the systematics that are kept apart from it.

    Systematics that link all data make one block of all, and every point that is not linear an
    attached one, with all of its systematics. Where these are many, it is less work to keep those
    that link all data apart.
    """
    whole = split_covariance(covariance, linear)
    if not covariance.wide:
        return whole, covariance.wide_sys
    narrow = split_covariance(covariance.narrow, linear)
    extra = 3 * covariance.wide * (_FEATURES + len(linear))
    if _work_of_split(whole, linear) <= _work_of_split(narrow, linear) + extra:
        return whole, covariance.wide_sys[:, :0]
    return narrow, covariance.wide_sys


def _work_of_split(split: SplitCovariance, linear: Mask) -> int:
    """Return what a step reads of the covariances of a model, of so many features."""
    attachments = _attachment(split.chosen, ~linear[split.chosen.points]).matrix.shape[1]
    rest = sum(block.cost for block in split.others.blocks)
    return 3 * panel_numbers(_FEATURES, attachments) + 2 * rest


def make_features_of_modes(
    tables: Tables, covariance: FactoredCovariance, precision: Precision | None = None
) -> Features:
    """Return the features of all linear points, whatever they share with others, for split modes.

    There are none where a quadratic form of features and other points would be more to read than
    the modes.
    """
    linear = _linear_points(tables)
    sigma = np.sqrt(covariance.diag + np.square(covariance.sys).sum(axis=1))
    parts = (BlockCovariance(sigma[mask], np.flatnonzero(mask), ()) for mask in (linear, ~linear))
    if linear.any():
        none = covariance.sys[:, :0]
        made = _features(tables, SplitCovariance(*parts), linear, precision, none)
        whole = made.size + made.order.size
        if 3 * panel_numbers(whole, 0) < tables.ndata**2 // 2:
            return made
    return without_features(tables, covariance)


def without_features(tables: Tables, covariance: FactoredCovariance) -> Features:
    """Return the theory of the points themselves."""
    nothing = split_covariance(covariance.narrow, np.zeros(tables.ndata, dtype=bool))
    return Features(
        products=tables.products,
        segments=tables.segments,
        data_segments=tables.data_segments,
        covariance=nothing.chosen,
        attached=np.zeros(0, dtype=bool),
        loadings=np.zeros((0, 0)),
        rest=nothing.others,
        order=tables.order[: tables.ndata],
        wide=covariance.wide_sys,
    )


def _data_segments(tables: Tables) -> list[tuple[Segment, Index]]:
    """Return the segments of data, and the points of each."""
    segments = tables.segments[: tables.data_segments]
    ends = np.cumsum([segment.size for segment in segments])
    points = np.split(tables.order[: tables.ndata], ends[:-1])
    return list(zip(segments, points, strict=True))


def _linear_points(tables: Tables) -> Mask:
    linear = np.zeros(tables.ndata, dtype=bool)
    for segment, points in _data_segments(tables):
        linear[points] = _is_linear(tables, segment)
    return linear


def _is_linear(tables: Tables, segment: Segment) -> bool:
    product = tables.products[segment.product]
    return segment.form == PLAIN and product.kind == LINEAR and not segment.offset


def _work_of_features(features: Features) -> int:
    """Return the multiplications of a step: tables twice, panels of training and validation."""
    tables = 2 * features.size * int(features.products[0].matrix.shape[1])
    return tables + 3 * panel_numbers(features.size, features.attachments)


def _work_of_points(features: Features) -> int:
    """Return the same for the points that features stand for."""
    covariance, points = features.covariance, int(np.count_nonzero(~features.attached))
    columns = int(features.products[0].matrix.shape[1])
    return 2 * points * columns + 2 * sum(block.cost for block in covariance.blocks)


def _features(
    tables: Tables,
    split: SplitCovariance,
    linear: Mask,
    precision: Precision | None,
    wide: Array,
) -> Features:
    chosen = split.chosen
    attached = ~linear[chosen.points]
    replaced = np.zeros(tables.ndata, dtype=bool)
    replaced[chosen.points[~attached]] = True
    rows = _rows(tables)[chosen.points] / chosen.sigma[:, None]
    left = _loadings(rows[~attached], precision)
    loadings = np.zeros((attached.size, left.shape[1]))
    loadings[~attached] = left
    remaining = _Remaining(tables, replaced, left.T @ rows[~attached])
    return Features(
        products=remaining.products,
        segments=tuple(remaining.segments),
        data_segments=remaining.data_segments,
        covariance=chosen,
        attached=attached,
        loadings=loadings,
        rest=split.others,
        order=remaining.order,
        wide=wide,
    )


def _loadings(rows: Array, precision: Precision | None) -> Array:
    """Return U (n, r) of linear rows in units of the uncertainties (n, nx * nb)."""
    if precision is None:
        left, singular, _ = np.linalg.svd(rows, full_matrices=False)
        return np.asarray(left[:, singular > SMALLEST_SINGULAR_VALUE])
    # what PDFs can make of them decides
    left, singular, _ = np.linalg.svd(rows @ precision.plausible.root, full_matrices=False)
    lost = first_kept(np.square(singular[::-1]), precision.of_coordinates(len(rows)))
    return np.asarray(left[:, : max(len(singular) - lost, 1)])


def _rows(tables: Tables) -> Array:
    """Return all linear rows on the whole x-grid, zero for other points, (ndata, nx * nb)."""
    nb = tables.basis.flavours.size
    linear = [product for product in tables.products if product.kind == LINEAR]
    width = max(product.start * nb + product.matrix.shape[1] for product in linear)
    rows = np.zeros((tables.ndata, width))
    for segment, points in _data_segments(tables):
        if _is_linear(tables, segment):
            product = tables.products[segment.product]
            rows[points, product.start * nb :] = product.matrix[slice(*segment.first)]
    return rows


class _Remaining:
    """Maker of products and segments without the rows of some points, with those of features.

    The rows of the features come first in a product that covers the whole x-grid.
    """

    def __init__(self, tables: Tables, replaced: Mask, features: Array) -> None:
        self.tables = tables
        self.kept = [
            np.zeros(len(product.matrix), dtype=bool) if product.kind == LINEAR else None
            for product in tables.products
        ]
        data = [(segment, ~replaced[points]) for segment, points in _data_segments(tables)]
        constraints = [
            (segment, np.ones(segment.size, dtype=bool))
            for segment in tables.segments[tables.data_segments :]
        ]
        for segment, stays in [*data, *constraints]:
            self._keep(segment, stays)
        coordinates = [product.on for product in tables.products if product.on is not None]
        for where in coordinates:
            self._keep_rows(0, where)
        ordered = tables.order[: tables.ndata]
        self.order = ordered[~replaced[ordered]]
        self.products, self.numbers, self.offsets = self._products(features)
        first = Segment(PLAIN, 0, (0, len(features)), None, len(features), 0)
        moved = [self._moved(segment, stays) for segment, stays in data if stays.any()]
        moved_constraints = [self._moved(segment, stays) for segment, stays in constraints]
        self.segments = [first, *moved, *moved_constraints]
        self.data_segments = 1 + len(moved)

    def _keep(self, segment: Segment, stays: Mask) -> None:
        """Keep the rows of those predictions of a segment that stay."""
        for where in (segment.first, segment.second):
            if where is not None:
                self._keep_rows(segment.product, where, stays)

    def _keep_rows(self, product: int, where: tuple[int, int], stays: Mask | bool = True) -> None:
        """Keep rows of a product, where these are linear."""
        kept = self.kept[product]
        if kept is not None:
            kept[slice(*where)] = stays

    def _products(self, features: Array) -> tuple[tuple[Product, ...], list[int], list[int]]:
        """Return new products, and of each old one its new number and the first of its rows."""
        products, numbers, offsets = [Product(0, features)], [], []
        for product, kept in zip(self.tables.products, self.kept, strict=True):
            matrix = product.matrix if kept is None else product.matrix[kept]
            if kept is not None and matrix.shape[1] == features.shape[1]:
                numbers.append(0)
                offsets.append(len(products[0].matrix))
                products[0] = Product(0, np.concatenate([products[0].matrix, matrix]))
                continue
            numbers.append(len(products))
            offsets.append(0)
            if kept is None:
                on = None if product.on is None else self._moved_rows(0, offsets[0], product.on)
                products.append(replace(product, on=on))
            elif kept.any():
                products.append(replace(product, matrix=matrix))
        return tuple(products), numbers, offsets

    def _moved(self, segment: Segment, stays: Mask) -> Segment:
        """Return the segment with its remaining rows where they are now."""
        old, offset = segment.product, self.offsets[segment.product]
        first = self._moved_rows(old, offset, segment.first)
        second = None if segment.second is None else self._moved_rows(old, offset, segment.second)
        return replace(
            segment, product=self.numbers[old], first=first, second=second, size=int(stays.sum())
        )

    def _moved_rows(self, old: int, offset: int, where: tuple[int, int]) -> tuple[int, int]:
        """Return where the rows of an old product that are kept stand now."""
        kept = self.kept[old]
        if kept is None:
            return where
        start = offset + int(np.count_nonzero(kept[: where[0]]))
        return start, start + int(np.count_nonzero(kept[slice(*where)]))
