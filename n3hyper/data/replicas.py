"""Monte Carlo replicas of the data (pseudodata), the same as n3fit's for the same seeds.

Within each group of data sets, replica = central values + C^(1/2) z with z standard normal, where
C is the covariance of the fit (t0 and weights included, n3fit 4.1's default) and C^(1/2) its
Cholesky factor. The random numbers of a group depend on the replica's seed and on the names of
the group's data sets.

With ``separate_multiplicative`` C is the covariance of the statistical and additive uncertainties,
and the result is multiplied by 1 + e z for each multiplicative uncertainty e (relative): pseudodata
then scale as a normalisation does, and are not Gaussian.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from n3hyper.data.commondata import CommonData
from n3hyper.data.covariance import CORRELATED_WITHIN, UNCORRELATED
from n3hyper.data.masks import dataset_slices, group_members
from n3hyper.data.seeds import group_mc_seed
from n3hyper.errors import DataError
from n3hyper.physics.arrays import Array, Mask
from n3hyper.physics.chi2 import FactoredCovariance

_MAX_TRIES = 1_000_000
_NOT_SHARED = ("", *UNCORRELATED, *CORRELATED_WITHIN)


def make_replica_data(
    datasets: Sequence[CommonData],
    covariance: FactoredCovariance,
    mc_seeds: Iterable[int],
    groups: Sequence[str] | None = None,
    *,
    resample_negative: bool = False,
    separate_multiplicative: bool = False,
) -> Array:
    """Return the pseudodata of each replica, the same as validphys' `make_replica`.

    Parameters
    ----------
    datasets
        After cuts, in the runcard's order.
    covariance
        Covariance of all points: that of the fit, or that of `additive_part` of the data sets if
        multiplicative uncertainties are separate.
    mc_seeds
        One for each replica, from `n3hyper.data.seeds.mc_seeds`.
    groups
        As in `n3hyper.data.masks.group_members`.
    resample_negative
        Draw again as long as a cross section is negative (the runcard's
        ``resample_negative_pseudodata``, off by default as in n3fit); asymmetries may be negative.
    separate_multiplicative
        Multiply by the multiplicative uncertainties (``separate_multiplicative``).

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
        factors = _Factors.of(group) if separate_multiplicative else None
        for r, seed in enumerate(seeds):
            rng = np.random.default_rng(salt + seed)
            replicas[r, rows] = _draw(central[rows], root, factors, positive, rng)
    return replicas


def additive_part(commondata: CommonData) -> CommonData:
    """Return the data set with only its statistical and additive uncertainties."""
    additive = ~commondata.multiplicative
    return replace(
        commondata,
        sys=commondata.sys[:, additive],
        multiplicative=commondata.multiplicative[additive],
        sys_names=tuple(np.array(commondata.sys_names, dtype=object)[additive]),
    )


def covariance_root(covariance: Array) -> Array:
    """Return the Cholesky factor, computed from the better conditioned correlation matrix.

    >>> covariance_root(np.array([[4.0, 2.0], [2.0, 10.0]])).round(12).tolist()
    [[2.0, 0.0], [1.0, 3.0]]
    """
    deviation = np.sqrt(np.diag(covariance))
    factor: Array = np.linalg.cholesky(covariance / np.outer(deviation, deviation))
    return deviation[:, np.newaxis] * factor


def _must_be_positive(group: Sequence[CommonData]) -> Mask:
    """Return the mask (points of the group,) of the points whose values cannot be negative."""
    signed = ["ASY" in cd.process or cd.process.endswith("_POL") for cd in group]
    return ~np.repeat(signed, [cd.ndata for cd in group])


@dataclass(frozen=True)
class _Factors:
    """Relative multiplicative uncertainties of a group, in the order of their random numbers.

    As in validphys, those named THEORYUNCORR or THEORYCORR are left out.
    """

    within: tuple[tuple[Array, Array], ...]
    """Uncorrelated uncertainties of each data set, and those correlated within it, (n, k) each."""
    across: Array
    """(points of the group, k): uncertainties that data sets share, sorted by name."""

    @classmethod
    def of(cls, group: Sequence[CommonData]) -> _Factors:
        within: list[tuple[Array, Array]] = []
        shared: dict[str, Array] = {}
        ndata = sum(cd.ndata for cd in group)
        for cd, place in zip(group, dataset_slices(group), strict=True):
            relative = cd.sys / cd.central[:, np.newaxis]
            names = np.where(cd.multiplicative, np.array(cd.sys_names, dtype=object), "")
            within.append((relative[:, names == "UNCORR"], relative[:, names == "CORR"]))
            for j in np.flatnonzero(~np.isin(names.astype(str), _NOT_SHARED)):
                shared.setdefault(names[j], np.zeros(ndata))[place] = relative[:, j]
        columns = [shared[name] for name in sorted(shared)]
        return cls(tuple(within), np.stack(columns, 1) if columns else np.zeros((ndata, 0)))

    def draw_within(self, rng: np.random.Generator) -> Array:
        """Draw the factors (points of the group,) of uncertainties within data sets."""
        parts = []
        for uncorrelated, correlated in self.within:
            part = np.prod(1 + uncorrelated * rng.normal(size=uncorrelated.shape), axis=1)
            common = rng.normal(size=(1, correlated.shape[1]))
            parts.append(part * np.prod(1 + correlated * common, axis=1))
        return np.concatenate(parts)

    def draw_across(self, rng: np.random.Generator) -> Array:
        """Draw the factors (points of the group,) of uncertainties across data sets."""
        product: Array = np.prod(1 + self.across * rng.normal(size=(1, self.across.shape[1])), 1)
        return product


def _draw(
    central: Array,
    root: Array,
    factors: _Factors | None,
    positive: Mask,
    rng: np.random.Generator,
) -> Array:
    for _ in range(_MAX_TRIES):
        within = 1.0 if factors is None else factors.draw_within(rng)
        drawn: Array = central + root @ rng.normal(size=len(central))
        if factors is not None:
            drawn = drawn * within * factors.draw_across(rng)
        if (drawn[positive] >= 0).all():
            return drawn
    raise DataError(f"no positive pseudodata in {_MAX_TRIES} attempts")
