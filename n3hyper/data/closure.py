"""Closure tests, which replace measured values by predictions of a known PDF.

A fit of them should find that PDF again (arXiv:1410.8849, section 4; 2111.05787). At level 0 the
central values are the predictions themselves; at level 1 noise is added, drawn from the
experimental covariance of the level-0 data; pseudodata of replicas (``genrep``) are level 2.
Statistical and additive uncertainties stay as they are, multiplicative ones scale with the
central values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from n3hyper.data.commondata import CommonData
from n3hyper.data.covariance import dense_covariance
from n3hyper.data.masks import dataset_slices, group_members
from n3hyper.data.replicas import covariance_root
from n3hyper.physics.arrays import Array, frozen


def make_fake_data(
    datasets: Sequence[CommonData], predictions: Array, filterseed: int | None
) -> list[CommonData]:
    """Return the data of a closure test, the same as vp-setupfit's for the same seed.

    Parameters
    ----------
    datasets
        After cuts, in the runcard's order.
    predictions
        (ndata,): predictions of the central member of the PDF that the fit should find.
    filterseed
        Seed of the noise, or None for level 0. The random numbers of each experiment start from
        it.

    Returns
    -------
    list
        The data sets with these central values.
    """
    slices = dataset_slices(datasets)
    fake = [
        with_central(data, predictions[place]) for data, place in zip(datasets, slices, strict=True)
    ]
    if filterseed is None:
        return fake
    for members in group_members(fake).values():
        group = [fake[i] for i in members]
        central = np.concatenate([data.central for data in group])
        noise = np.random.default_rng(filterseed).normal(size=len(central))
        shifted = central + covariance_root(dense_covariance(group)) @ noise
        for i, place in zip(members, dataset_slices(group), strict=True):
            fake[i] = with_central(fake[i], shifted[place])
    return fake


def with_central(commondata: CommonData, central: Array) -> CommonData:
    """Return the data set with other central values and the same relative uncertainties."""
    sys = commondata.sys.copy()
    sys[:, commondata.multiplicative] *= (central / commondata.central)[:, np.newaxis]
    return replace(commondata, central=frozen(central), sys=frozen(sys))
