"""Data of closure tests."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from make_reference.output import projections, save
from make_reference.sets import CUTS, FIT, T0_SET

FILTERSEED = 7


def make_closure() -> None:
    """Store data of a closure test as vp-setupfit writes them and as n3fit reads them again."""
    from nnpdf_data.coredata import generate_path_filtered_data
    from validphys.api import API
    from validphys.covmats import dataset_inputs_covmat_from_systematics
    from validphys.filters import filter_closure_data_by_experiment

    common = {"dataset_inputs": FIT, **CUTS, "pdf": T0_SET}
    specs = API.data(**common).datasets
    arrays: dict[str, np.ndarray] = {}
    for level in (0, 1):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "filter"
            target.mkdir()
            filter_closure_data_by_experiment(
                target,
                API.experiments_data(**common),
                API.pdf(**common),
                level == 1,
                FILTERSEED,
                API.data_index(**common),
                False,
            )
            loaded = []
            for spec in specs:
                data, uncertainties = generate_path_filtered_data(target.parent, spec.name)
                fake = spec.commondata.with_modified_data(data, uncertainties_file=uncertainties)
                loaded.append(fake.load().with_cuts(spec.cuts.load()))
        arrays[f"level{level}"] = np.concatenate([cd.get_cv() for cd in loaded])
        exp = dataset_inputs_covmat_from_systematics(loaded, use_weights_in_covmat=False)
        arrays |= {f"exp{level}_{key}": value for key, value in projections(exp).items()}
    save("closure.npz", filterseed=FILTERSEED, **arrays)
