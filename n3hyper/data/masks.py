"""Masks of the points that train, that validate, and that a fold leaves out.

Masks are in data space and in the runcard's order of points, those of ``diagonal_basis: false`` in
n3fit 4.1.5. With ``diagonal_basis: true`` n3fit splits the eigenmodes of the correlation matrix of
all data, which makes training and validation uncorrelated. Its folds then leave out the modes
whose numbers are those of the data points, while the data stay in the fit. Here each fold has the
eigenmodes of the points that it keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from n3hyper.data.commondata import CommonData
from n3hyper.data.seeds import name_seed
from n3hyper.physics.arrays import Mask

ALL = "ALL"
"""Name of the only group of data in n3fit's diagonal basis."""


def dataset_slices(datasets: Sequence[CommonData]) -> tuple[slice, ...]:
    """Return the place of each data set in the data vector."""
    ends = np.cumsum([0, *(cd.ndata for cd in datasets)])
    return tuple(slice(int(a), int(b)) for a, b in pairwise(ends))


def group_members(
    datasets: Sequence[CommonData], groups: Sequence[str] | None = None
) -> dict[str, list[int]]:
    """Return the positions of each group's data sets, all in order of appearance.

    Parameters
    ----------
    groups
        The group of each set; by default its experiment, as in n3fit.
    """
    members: dict[str, list[int]] = {}
    for i, group in enumerate(groups or [cd.experiment for cd in datasets]):
        members.setdefault(group, []).append(i)
    return members


def training_validation_masks(
    datasets: Sequence[CommonData],
    fracs: Sequence[float],
    trvl_seeds: Iterable[int],
    groups: Sequence[str] | None = None,
) -> tuple[Mask, Mask]:
    """Return the split of each replica, the same as n3fit's `standard_masks`.

    The same number of points of a set trains in every replica: `frac` of its points, rounded down.
    If that is none, one point trains with probability `frac`. A point that does not train
    validates. (n3fit keeps a one-point set in both of its arrays and blanks it in one of them; its
    inverse covariances are then those of the plain masks used here.)

    Parameters
    ----------
    datasets
        After cuts, in the runcard's order.
    fracs
        Fraction that trains, for each set.
    trvl_seeds
        One for each replica, from `n3hyper.data.seeds.trvl_seeds`.
    groups
        As in `group_members`.

    Returns
    -------
    training, validation
        Each (replicas, ndata).
    """
    slices = dataset_slices(datasets)
    members = group_members(datasets, groups)
    seeds = [int(seed) for seed in trvl_seeds]
    training = np.zeros((len(seeds), sum(cd.ndata for cd in datasets)), dtype=bool)
    for mask, seed in zip(training, seeds, strict=True):
        for group, positions in members.items():
            rng = np.random.Generator(np.random.PCG64(name_seed(group) + seed))
            for i in positions:
                mask[slices[i]] = _split(datasets[i].ndata, fracs[i], rng)
    return training, ~training


def mode_masks(fitted: Mask, diagonal_frac: float, trvl_seeds: Iterable[int]) -> tuple[Mask, Mask]:
    """Return the split of eigenmodes; for all points, the same as n3fit's `diagonal_masks`.

    Parameters
    ----------
    kept
        (folds, ndata): the points that each fold fits.
    diagonal_frac
        Fraction of the modes that trains, rounded down.
    trvl_seeds
        One for each replica, from `n3hyper.data.seeds.trvl_seeds`.

    Returns
    -------
    training, validation
        Each (folds, replicas, ndata): one entry for each point that the fold keeps, then False.
    """
    seeds = [int(seed) for seed in trvl_seeds]
    training = np.zeros((len(fitted), len(seeds), fitted.shape[1]), dtype=bool)
    validation = training.copy()
    for fold, count in enumerate(fitted.sum(axis=1)):
        for replica, seed in enumerate(seeds):
            rng = np.random.Generator(np.random.PCG64(name_seed(ALL) + seed))
            mask = np.arange(count) < int(count * diagonal_frac)
            rng.shuffle(mask)
            training[fold, replica, :count] = mask
            validation[fold, replica, :count] = ~mask
    return training, validation


def _split(ndata: int, frac: float, rng: np.random.Generator) -> Mask:
    """Return a random choice of `frac` of `ndata` points; draw no number if there are none."""
    mask = np.zeros(ndata, dtype=bool)
    if ndata:
        trained = int(ndata * frac) or int(rng.random() < frac)
        mask[:trained] = True
        rng.shuffle(mask)
    return mask


def fold_masks(datasets: Sequence[CommonData], folds: Sequence[Iterable[str]]) -> Mask:
    """Return the masks of the points that each fold leaves out of the fit.

    Parameters
    ----------
    datasets
        After cuts, in the runcard's order.
    folds
        Names of the sets that each fold leaves out, either present ones or those in the runcard.

    Returns
    -------
    array (folds, ndata)
        True for points left out of the fit and tested. (n3fit's masks are the opposite.)
    """
    masks = np.zeros((len(folds), sum(cd.ndata for cd in datasets)), dtype=bool)
    for mask, fold in zip(masks, folds, strict=True):
        names = set(fold)
        for cd, place in zip(datasets, dataset_slices(datasets), strict=True):
            mask[place] = cd.name in names or cd.requested in names
    return masks
