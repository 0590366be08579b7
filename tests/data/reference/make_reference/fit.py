"""Data of a fit: covariances, replicas, and the split into training and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np

from make_reference.output import projections, save, save_record
from make_reference.sets import CUTS, FIT, T0_SET

REPLICAS = 3
SEEDS = {"trvlseed": 3, "nnseed": 2, "mcseed": 1}
SETTINGS = {
    "dataset_inputs": FIT,
    **CUTS,
    "use_t0": True,
    "t0pdfset": T0_SET,
    "genrep": True,
    "diagonal_basis": False,
    **SEEDS,
}


def describe(spec: object, loaded: object) -> dict[str, object]:
    """Return what validphys knows of a set."""
    from validphys.plotoptions.core import get_info

    return {
        "name": loaded.setname,
        "experiment": get_info(spec).experiment,
        "nnpdf31_process": get_info(spec).nnpdf31_process,
        "process": loaded.commondataproc,
        "legacy_names": loaded.legacy_names or [],
        "ndata": loaded.ndata,
    }


def points_of_sets() -> list[np.ndarray]:
    """Return for each set its points among all."""
    from validphys.api import API

    sizes = [cd.ndata for cd in API.dataset_inputs_loaded_cd_with_cuts(**SETTINGS)]
    return np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])


def points_of_groups() -> np.ndarray:
    """Return the points in the order in which validphys has them: group after group."""
    from validphys.api import API

    points = dict(zip((entry["dataset"] for entry in FIT), points_of_sets(), strict=True))
    groups = API.group_dataset_inputs_by_metadata(**SETTINGS)
    return np.concatenate([points[str(entry)] for group in groups for entry in group["data_input"]])


def in_order_of_sets(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return values of the points of each group, put in the order of the sets."""
    order = points_of_groups()
    ordered = np.empty(len(order), dtype=values[0].dtype)
    ordered[order] = np.concatenate(values)
    return ordered


def pseudodata(settings: Mapping[str, object], replica: int) -> np.ndarray:
    """Return a Monte Carlo replica of the data."""
    from validphys.api import API

    tables = API.experiment_indexed_make_replica(**settings, replica=replica)
    return in_order_of_sets([table["data"].to_numpy() for table in tables])


def training_mask(replica: int) -> np.ndarray:
    """Return which points a replica is trained on."""
    from validphys.api import API

    split = API.exps_masks(**SETTINGS, replica=replica)
    return in_order_of_sets([np.concatenate(group.tr_masks) for group in split])


def triangle(matrix: np.ndarray, points: Sequence[np.ndarray]) -> np.ndarray:
    """Return the upper triangle of some sets' covariance."""
    rows = np.concatenate(points)
    return matrix[np.ix_(rows, rows)][np.triu_indices(len(rows))]


def make_fit() -> None:
    """Store metadata, groups, seeds, cuts, covariances, masks and replicas of the fit."""
    from validphys.api import API
    from validphys.covmats import dataset_inputs_covmat_from_systematics

    loaded = API.dataset_inputs_loaded_cd_with_cuts(**SETTINGS)
    specs = API.data(**SETTINGS).datasets
    exp = dataset_inputs_covmat_from_systematics(loaded, use_weights_in_covmat=False)
    fit = API.dataset_inputs_t0_exp_covmat(**SETTINGS)
    replicas = range(1, REPLICAS + 1)
    masks = np.stack([training_mask(replica) for replica in replicas])
    points = points_of_sets()
    # sets small enough to be compared element by element, with what correlates them
    small = [i for i, cd in enumerate(loaded) if cd.ndata < 100]
    small_points = [points[i] for i in small]
    save(
        "fit.npz",
        kept=np.concatenate([spec.cuts.load() for spec in specs]),
        central=np.concatenate([cd.get_cv() for cd in loaded]),
        t0=np.concatenate(API.dataset_inputs_t0_predictions(**SETTINGS)),
        small=np.array(small),
        exp_small=triangle(exp, small_points),
        fit_small=triangle(fit, small_points),
        fit_hera_nmc=triangle(fit, [points[i] for i in (1, 2, 7)]),
        masks=np.packbits(masks, axis=1),
        replicas=np.stack([pseudodata(SETTINGS, replica) for replica in replicas]),
        **{f"exp_{key}": value for key, value in projections(exp).items()},
        **{f"fit_{key}": value for key, value in projections(fit).items()},
    )
    groups = API.group_dataset_inputs_by_metadata(**SETTINGS)
    seeds = {
        name: [int(API.__getattr__(name)(**SETTINGS, replica=replica)) for replica in replicas]
        for name in ("replica_trvlseed", "replica_nnseed", "replica_mcseed")
    }
    record = {
        "versions": {name: version(name) for name in ("nnpdf", "numpy", "pandas", "scipy")},
        "inputs": FIT,
        "groups": [[g["group_name"], [str(d) for d in g["data_input"]]] for g in groups],
        "sets": [describe(s.commondata, cd) for s, cd in zip(specs, loaded, strict=True)],
        "seeds": seeds,
        "runcard_seeds": SEEDS,
    }
    save_record("fit.json", record)


def make_separate() -> None:
    """Store replica 1 of the fit with multiplicative uncertainties apart from the covariance."""
    settings = {**SETTINGS, "separate_multiplicative": True}
    save("separate.npz", replica=pseudodata(settings, 1))
