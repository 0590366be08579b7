"""Random seeds of replicas, as n3fit draws them from the three seeds of the runcard.

Each of `trvlseed` (training/validation split), `nnseed` (initial weights) and `mcseed`
(pseudodata) starts its own stream; replica r takes the stream's r-th number, so that a replica is
the same whichever others are fitted with it. Splits and pseudodata are drawn per group of data
sets, with a number derived from names added to the replica's seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.commondata import CommonData

Seeds = NDArray[np.int64]


def replica_seeds(seed: int, replicas: int) -> Seeds:
    """Return the seeds of replicas 1 to `replicas`, shape (replicas,).

    >>> bool((replica_seeds(7, 5)[:3] == replica_seeds(7, 3)).all())
    True
    """
    return np.random.RandomState(seed).randint(0, 2**31, size=replicas).astype(np.int64)


def nn_seeds(nnseed: int, replicas: int) -> Seeds:
    """Return the seeds of the initial weights, (replicas,), as n3fit's `replica_nnseed`."""
    return replica_seeds(nnseed, replicas)


def mc_seeds(mcseed: int, replicas: int) -> Seeds:
    """Return the seeds of pseudodata, (replicas,), as n3fit's `replica_mcseed` with `genrep`."""
    return replica_seeds(mcseed, replicas)


def trvl_seeds(trvlseed: int, replicas: int, same_trvl_per_replica: bool = False) -> Seeds:
    """Return the seeds of the training/validation splits, (replicas,), as `replica_trvlseed`.

    They are n3fit's; with `same_trvl_per_replica` all replicas share the split of the first.
    """
    if same_trvl_per_replica:
        return np.repeat(replica_seeds(trvlseed, 1), replicas)
    return replica_seeds(trvlseed, replicas)


def name_seed(name: str) -> int:
    """Return the number below 10^8 that a name adds to a seed.

    >>> name_seed("HERACOMB")
    66860251
    """
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10**8


def group_mc_seed(datasets: Sequence[CommonData]) -> int:
    """Return the number that the names of a group's data sets add to its pseudodata's seed.

    The oldest name of each set counts, so that fits made with old names can be repeated.
    """
    return name_seed("-".join((*cd.legacy_names, cd.name)[0] for cd in datasets))
