"""Covariance of the data, from statistical and systematic uncertainties.

Uncorrelated uncertainties (statistical, UNCORR, THEORYUNCORR) are added in quadrature on the
diagonal. Each other uncertainty is one column of S in C = D + S S^T: CORR and THEORYCORR are
correlated within their data set, all other names also across data sets (HERA's systematics,
luminosities, nuclear uncertainties). Multiplicative ones scale with the measured values, or with
the t0 predictions (arXiv:0912.2276), which keeps the fit free of the d'Agostini bias. With weights,
C_ij becomes C_ij/sqrt(w_i w_j).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.data.commondata import CommonData
from n3hyper.data.masks import dataset_slices
from n3hyper.errors import DataError
from n3hyper.physics.arrays import Array, Index, Mask, frozen
from n3hyper.physics.chi2 import FactoredCovariance

UNCORRELATED: Final = ("UNCORR", "THEORYUNCORR")
CORRELATED_WITHIN: Final = ("CORR", "THEORYCORR")

_THIN: Final = 1e-6
"""Fraction of the variance below which a diagonal is split anew (see `build_covariance`)."""
_SINGULAR: Final = 1e-13
"""Size below which an eigenvalue of a correlation matrix is zero up to rounding."""


def build_covariance(
    datasets: Sequence[CommonData],
    t0: Array | None = None,
    weights: Sequence[float] | None = None,
) -> FactoredCovariance:
    """Return the covariance of all points, in the order of `datasets`.

    A data set may have no uncorrelated uncertainty at some point (if a covariance matrix was
    published in the form of artificial systematics). Its block B, made of all uncertainties that
    it shares with no other set, is then split anew: with v = diag(B), the smallest eigenvalue e of
    the correlation matrix R = U diag(E) U^T and D = e v, B is D plus the columns of
    sqrt(v) U sqrt(E - e), exactly. Sets whose blocks are singular by themselves are joined with
    those that share uncertainties with them. Columns are combined where fewer make the same
    matrix (1,000 nuclear uncertainties of 124 points become 124 columns).

    Parameters
    ----------
    datasets
        The data sets, after cuts.
    t0
        (ndata,): t0 predictions, for the definition used in fits; without them the experimental
        definition is used.
    weights
        Weight of each set, 1 by default.

    Raises
    ------
    DataError
        when the covariance is singular, or a weight is not positive.
    """
    pieces = _gather(datasets, t0, weights)
    diag, columns = pieces.diag.copy(), pieces.columns
    thin = [i for i, block in enumerate(pieces.slices) if _is_thin(pieces, block)]
    taken = np.zeros(columns.shape[1], dtype=bool)
    artificial = []
    for group in _joined(pieces, thin):
        rows = np.concatenate(
            [np.arange(s.start, s.stop) for s in (pieces.slices[i] for i in group)]
        )
        exclusive = _exclusive_columns(pieces, rows)
        split = _split(diag[rows], columns[np.ix_(rows, exclusive)])
        if split is None:
            names = ", ".join(datasets[i].name for i in group)
            raise DataError(f"singular covariance of {names}: uncertainties are missing")
        diag[rows], block_columns = split
        placed = np.zeros((len(diag), block_columns.shape[1]))
        placed[rows] = block_columns
        artificial.append(placed)
        taken |= exclusive
    sys = np.concatenate([columns[:, ~taken], *artificial], axis=1)
    return FactoredCovariance(frozen(diag), frozen(_fewest_columns(sys, pieces.slices)))


def dense_covariance(
    datasets: Sequence[CommonData],
    t0: Array | None = None,
    weights: Sequence[float] | None = None,
) -> Array:
    """Return the same covariance as a matrix (ndata, ndata), which may be singular."""
    pieces = _gather(datasets, t0, weights)
    dense: Array = pieces.columns @ pieces.columns.T
    dense[np.diag_indices_from(dense)] += pieces.diag
    return dense


@dataclass(frozen=True)
class _Pieces:
    """D and S directly from the uncertainties; D may vanish."""

    diag: Array  # (n,)
    columns: Array  # (n, k)
    slices: tuple[slice, ...]  # of the data sets


def _gather(
    datasets: Sequence[CommonData], t0: Array | None, weights: Sequence[float] | None
) -> _Pieces:
    slices = dataset_slices(datasets)
    ndata = slices[-1].stop if slices else 0
    if t0 is not None and t0.shape != (ndata,):
        raise DataError(f"t0 predictions of shape {t0.shape} for {ndata} points")
    diag = np.zeros(ndata)
    columns: dict[object, Array] = {}
    for i, (cd, place) in enumerate(zip(datasets, slices, strict=True)):
        sys = _scaled(cd, None if t0 is None else t0[place])
        uncorrelated = np.isin(cd.sys_names, UNCORRELATED)
        diag[place] = cd.stat**2 + np.sum(sys[:, uncorrelated] ** 2, axis=1)
        for j in np.flatnonzero(~uncorrelated):
            name = cd.sys_names[j]
            key = (i, int(j)) if name in CORRELATED_WITHIN else name
            columns.setdefault(key, np.zeros(ndata))[place] = sys[:, j]
    stacked = [column for column in columns.values() if column.any()]
    matrix = np.stack(stacked, axis=1) if stacked else np.zeros((ndata, 0))
    scale = _weight_scale(datasets, weights)
    return _Pieces(diag * scale**2, matrix * scale[:, np.newaxis], slices)


def _scaled(cd: CommonData, t0: Array | None) -> Array:
    """Return systematics in units of the data, multiplicative ones scaled to t0 predictions."""
    if t0 is None:
        return cd.sys
    sys = cd.sys.copy()
    sys[:, cd.multiplicative] *= (t0 / cd.central)[:, np.newaxis]
    return sys


def _weight_scale(datasets: Sequence[CommonData], weights: Sequence[float] | None) -> Array:
    """Return 1/sqrt(weight) of each point."""
    if weights is None:
        return np.ones(sum(cd.ndata for cd in datasets))
    for cd, weight in zip(datasets, weights, strict=True):
        if not weight > 0:
            raise DataError(f"dataset {cd.name}: weight must be positive: {weight}")
    return np.repeat(1 / np.sqrt(np.asarray(weights, dtype=float)), [cd.ndata for cd in datasets])


# ---------------------------------------------------------------- blocks without a diagonal


def _is_thin(pieces: _Pieces, block: slice) -> bool:
    """Return whether some point of a data set has next to no uncorrelated uncertainty."""
    diag = pieces.diag[block]
    variance = diag + np.sum(pieces.columns[block] ** 2, axis=1)
    return bool((diag <= _THIN * variance).any())


def _exclusive_columns(pieces: _Pieces, rows: Index) -> Mask:
    """Return the mask (k,) of the columns that vanish everywhere but in `rows`."""
    inside = np.zeros(len(pieces.diag), dtype=bool)
    inside[rows] = True
    outside = pieces.columns[~inside].any(axis=0)
    exclusive: Mask = pieces.columns[inside].any(axis=0) & np.logical_not(outside)
    return exclusive


def _joined(pieces: _Pieces, thin: list[int]) -> list[list[int]]:
    """Return the groups of data sets whose blocks are to be split, each regular by itself.

    A thin set stands alone if its own uncertainties make a regular block. Otherwise it is joined
    with the other thin sets that share uncertainties with it, then with all such sets.
    """
    alone = [[i] for i in thin if _is_regular(pieces, [i])]
    left = [i for i in thin if [i] not in alone]
    groups: list[list[int]] = []
    while left:
        group = _connected(pieces, left[0], left)
        if not _is_regular(pieces, group):
            group = _connected(pieces, left[0], range(len(pieces.slices)))
            groups = [smaller for smaller in groups if not set(smaller) <= set(group)]
        groups.append(group)
        left = [i for i in left if i not in group]
    joined = {i for group in groups for i in group}
    return groups + [group for group in alone if group[0] not in joined]


def _connected(pieces: _Pieces, start: int, among: Sequence[int]) -> list[int]:
    """Return the data sets that share uncertainties with `start`, directly or through others."""
    uses = {i: pieces.columns[pieces.slices[i]].any(axis=0) for i in among}
    group, reached = {start}, uses[start]
    while True:
        neighbours = {i for i in among if i not in group and (uses[i] & reached).any()}
        if not neighbours:
            return sorted(group)
        group |= neighbours
        reached = np.any([reached, *(uses[i] for i in neighbours)], axis=0)


def _is_regular(pieces: _Pieces, group: Sequence[int]) -> bool:
    rows = np.concatenate([np.arange(pieces.slices[i].start, pieces.slices[i].stop) for i in group])
    exclusive = _exclusive_columns(pieces, rows)
    return _split(pieces.diag[rows], pieces.columns[np.ix_(rows, exclusive)]) is not None


def _split(diag: Array, columns: Array) -> tuple[Array, Array] | None:
    """Split a block with the largest diagonal that its correlations allow; None if singular."""
    block = columns @ columns.T
    block[np.diag_indices_from(block)] += diag
    deviation = np.sqrt(np.diag(block))
    if not (deviation > 0).all():
        return None
    values, vectors = np.linalg.eigh(block / np.outer(deviation, deviation))
    smallest = values[0]
    if smallest < _SINGULAR * len(values):
        return None
    artificial = deviation[:, np.newaxis] * vectors * np.sqrt(values - smallest)
    return smallest * deviation**2, artificial[:, 1:]


# ---------------------------------------------------------------- as few columns as possible


def _fewest_columns(sys: Array, slices: Sequence[slice]) -> Array:
    """Return an S with the same S S^T and no more columns than rows in any of its blocks.

    Columns that touch the same data sets form a block. Blocks within the data sets of a larger
    block join it if together they have more columns than it has rows.
    """
    touches = np.array([sys[block].any(axis=0) for block in slices]).reshape(len(slices), -1)
    blocks: dict[frozenset[int], Array] = {}
    for pattern in np.unique(touches, axis=1).T:
        members = (touches == pattern[:, np.newaxis]).all(axis=0)
        blocks[frozenset(np.flatnonzero(pattern))] = _no_wider_than_high(sys[:, members])
    for support in sorted(blocks, key=len, reverse=True):
        inside = [smaller for smaller in blocks if smaller <= support]
        nrows = sum(slices[i].stop - slices[i].start for i in support)
        if sum(blocks[smaller].shape[1] for smaller in inside) > nrows:
            joined = np.concatenate([blocks.pop(smaller) for smaller in inside], axis=1)
            blocks[support] = _no_wider_than_high(joined)
    return np.concatenate([np.zeros((len(sys), 0)), *blocks.values()], axis=1)


def _no_wider_than_high(columns: Array) -> Array:
    """Return at most as many columns as nonzero rows, with the same columns @ columns.T."""
    rows = columns.any(axis=1)
    if columns.shape[1] <= rows.sum():
        return columns
    fewer = np.zeros((len(columns), rows.sum()))
    fewer[rows] = np.transpose(np.linalg.qr(columns[rows].T, mode="r"))
    return fewer
