"""Monte Carlo replicas of the data (pseudodata), the same as n3fit's for the same seeds.

Within each group of data sets, replica = central values + C^(1/2) z with z standard normal, where
C is the covariance of the fit (t0 and weights included, n3fit 4.1's default) and C^(1/2) its
Cholesky factor. The random numbers of a group depend on the replica's seed and on the names of
the group's data sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.commondata import Array, CommonData
from n3hyper.data.masks import dataset_slices, group_members
from n3hyper.data.seeds import group_mc_seed
from n3hyper.errors import DataError
from n3hyper.physics.chi2 import FactoredCovariance

_MAX_TRIES = 1_000_000


def make_replica_data(
    datasets: Sequence[CommonData],
    covariance: FactoredCovariance,
    mc_seeds: Iterable[int],
    groups: Sequence[str] | None = None,
    *,
    resample_negative: bool = False,
) -> Array:
    """Pseudodata of each replica; validphys' `make_replica`.

    Parameters
    ----------
    datasets
        After cuts, in the runcard's order.
    covariance
        Of all points: the covariance of the fit.
    mc_seeds
        One for each replica, of `n3hyper.data.seeds.mc_seeds`.
    groups
        As in `n3hyper.data.masks.group_members`.
    resample_negative
        Draw again while a cross section is negative (the runcard's
        ``resample_negative_pseudodata``, off by default as in n3fit); asymmetries may be.

    Returns
    -------
    array (replicas, ndata)
        In the order of `datasets`.
    """
    seeds = [int(seed) for seed in mc_seeds]
    slices = dataset_slices(datasets)
    central = np.concatenate([cd.central for cd in datasets])
    replicas = np.empty((len(seeds), len(central)))
    for members in group_members(datasets, groups).values():
        group = [datasets[i] for i in members]
        rows = np.concatenate([np.arange(slices[i].start, slices[i].stop) for i in members])
        root = covariance_root(covariance.masked(rows).dense())
        salt = group_mc_seed(group)
        positive = _must_be_positive(group) & resample_negative
        for r, seed in enumerate(seeds):
            rng = np.random.default_rng(salt + seed)
            replicas[r, rows] = _draw(central[rows], root, positive, rng)
    return replicas


def covariance_root(covariance: Array) -> Array:
    """The Cholesky factor, by way of the correlation matrix, which is better conditioned.

    >>> covariance_root(np.array([[4.0, 2.0], [2.0, 10.0]])).round(12).tolist()
    [[2.0, 0.0], [1.0, 3.0]]
    """
    deviation = np.sqrt(np.diag(covariance))
    factor: Array = np.linalg.cholesky(covariance / np.outer(deviation, deviation))
    return deviation[:, np.newaxis] * factor


def _must_be_positive(group: Sequence[CommonData]) -> NDArray[np.bool_]:
    """(points of the group): whether the point's value cannot be negative."""
    signed = ["ASY" in cd.process or cd.process.endswith("_POL") for cd in group]
    return ~np.repeat(signed, [cd.ndata for cd in group])


def _draw(
    central: Array, root: Array, positive: NDArray[np.bool_], rng: np.random.Generator
) -> Array:
    for _ in range(_MAX_TRIES):
        drawn: Array = central + root @ rng.normal(size=len(central))
        if (drawn[positive] >= 0).all():
            return drawn
    raise DataError(f"no positive pseudodata in {_MAX_TRIES} attempts")
