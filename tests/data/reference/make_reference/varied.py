"""Theory uncertainties and polarised fits, with made-up theories."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from make_reference.output import save
from make_reference.varied_cases import (
    CONSTRAINTS,
    CORRECTED,
    OF_POLARIZED,
    ONE_RAPIDITY,
    POLARIZED,
    POWER,
    PRESCRIPTIONS,
    SEEDS,
    UNPOLARIZED,
    VARIED,
    brief,
    user_file,
)


def theory_covariance(
    settings: dict[str, object], inputs: Sequence[dict[str, object]], prescription: str
) -> np.ndarray:
    """Return the covariance of a prescription in float64, in the order of the inputs."""
    from validphys.api import API

    given = {**settings, "dataset_inputs": inputs}
    found = API.covs_pt_prescrip(**given, point_prescription=prescription)
    loaded = API.dataset_inputs_loaded_cd_with_cuts(**given)
    sizes = {cd.setname: cd.ndata for cd in loaded}
    if prescription == "power corrections":
        names = [ds.name for group in API.groups_data_by_process(**given) for ds in group.datasets]
    else:
        info = API.combine_by_type(**given, point_prescription=prescription)
        names = [name for process in info.preds for name in info.namelist[process]]
    by_process = np.zeros((sum(sizes.values()),) * 2)
    for (row, column), block in found.items():
        n, m = block.shape
        by_process[row : row + n, column : column + m] = block
    ends = np.cumsum([0, *(sizes[name] for name in names)])
    places = {name: np.arange(ends[i], ends[i + 1]) for i, name in enumerate(names)}
    order = np.concatenate([places[entry["dataset"]] for entry in inputs])
    return by_process[np.ix_(order, order)]


def replicas_and_masks(
    settings: dict[str, object], covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return pseudodata and training masks of two replicas, all data being one group."""
    from validphys.api import API
    from validphys.n3fit_data import group_replica_mcseed, replica_mcseed
    from validphys.pseudodata import central_values_array, make_replica

    loaded = API.dataset_inputs_loaded_cd_with_cuts(**settings)
    central, drawn, masks = central_values_array(loaded), [], []
    for replica in (1, 2):
        seed = group_replica_mcseed(replica_mcseed(replica, SEEDS["mcseed"], True), loaded)
        drawn.append(make_replica(central, seed, covariance))
        (split,) = API.exps_masks(**settings, replica=replica)
        masks.append(np.concatenate(split.tr_masks))
    return np.stack(drawn), np.stack(masks)


def user_matrix(settings: dict[str, object]) -> np.ndarray:
    """Return what validphys makes of a file with a covariance of two of the sets."""
    from validphys.api import API
    from validphys.theorycovariance.construction import fromfile_covmat

    index = API.procs_index(**settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.csv"
        path.write_text(user_file())
        found = fromfile_covmat(path, API.groups_data_by_process(**settings), index).fillna(0)
    names = [entry["dataset"] for entry in settings["dataset_inputs"]]
    flat = found.droplevel(0, axis=0).droplevel(0, axis=1)
    return flat.reindex(index=names, columns=names, level=0).to_numpy()


def make_varied() -> None:
    """Store covariances of theory, and what a fit makes of them."""
    from validphys.api import API
    from validphys.n3fit_data import setupfit_fitting_covmat

    fit = {**UNPOLARIZED, "dataset_inputs": VARIED}
    arrays: dict[str, np.ndarray] = {
        name.replace(" ", "_"): brief(theory_covariance(UNPOLARIZED, VARIED, name))
        for name in PRESCRIPTIONS
    }
    t0 = API.dataset_inputs_t0_exp_covmat(**fit)
    total = t0 + theory_covariance(UNPOLARIZED, VARIED, "7 point")
    replicas, masks = replicas_and_masks(fit, total)
    _, _, eigenvalues = setupfit_fitting_covmat(total, True)
    included = {"pc_included_procs": ["DIS NC", "DIS CC", "JETS", "DIJET"]}
    for name, parameters in (("power", POWER), ("power_one_rapidity", ONE_RAPIDITY)):
        settings = {**UNPOLARIZED, **included, "pc_parameters": parameters}
        settings["pc_excluded_datasets"] = (
            [] if name == "power" else ["CMS_2JET_13TEV_M12-YSTAR-YB-R08"]
        )
        arrays[name] = brief(theory_covariance(settings, CORRECTED, "power corrections"))
    save(
        "varied.npz",
        t0=brief(t0),
        total=brief(total),
        user=brief(user_matrix(fit)),
        replicas=replicas,
        masks=masks,
        eigenvalues=eigenvalues,
        other_t0=np.concatenate(API.dataset_inputs_t0_predictions(**fit, t0theoryid=711)),
        regularised=brief(API.dataset_inputs_t0_exp_covmat(**fit, norm_threshold=3)),
        **arrays,
    )


def make_polarized() -> None:
    """Store predictions, covariances, positivity and pseudodata of a polarised fit."""
    import pandas as pd
    from validphys.api import API
    from validphys.convolution import predictions
    from validphys.loader import Loader

    fit = {**OF_POLARIZED, "dataset_inputs": POLARIZED}
    pdf = API.pdf(**fit)
    specs = API.data(**fit).datasets
    t0 = API.dataset_inputs_t0_exp_covmat(**fit)
    total = t0 + theory_covariance(OF_POLARIZED, POLARIZED, "3 point")
    replicas, masks = replicas_and_masks(fit, total)
    constraints = {}
    for name in CONSTRAINTS:
        spec = Loader().check_posset(fit["theoryid"], name, 1.0, API.rules(**fit))
        constraints[f"{name}/points"] = np.array(spec.cuts.load())
        constraints[f"{name}/predictions"] = predictions(spec, pdf).to_numpy().T
        constraints[f"{name}/bounded"] = bounded(spec, pdf, API.pdf(pdf="toy_unpol"), name)
    save(
        "polarized.npz",
        points=np.concatenate([spec.cuts.load() for spec in specs]),
        t0_predictions=np.concatenate(API.dataset_inputs_t0_predictions(**fit)),
        predictions=pd.concat([predictions(spec, pdf) for spec in specs]).to_numpy().T,
        t0=brief(t0),
        total=brief(total),
        replicas=replicas,
        masks=masks,
        **constraints,
    )


def bounded(spec: object, pdf: object, unpolarized: object, name: str) -> np.ndarray:
    """Return what n3fit makes of a constraint and the central member, with n_std = 1."""
    from n3fit.layers.observable import compute_pdf_boundary
    from validphys.convolution import FK_FLAVOURS, OP
    from validphys.pdfbases import evolution

    operands = []
    for fk in spec.fkspecs:
        table = fk.load_with_cuts(spec.cuts)
        n_std = 1.0 if name.startswith("NNPDF_POS_") else 0.0
        if table.convolution_types == ("UnpolPDF",):
            bound = compute_pdf_boundary(unpolarized, table.Q0, table.xgrid, n_std, 1)
            xf = np.array(bound, dtype=np.float64)[0, 0]
        else:
            grid = evolution.grid_values(pdf, FK_FLAVOURS, table.xgrid, [table.Q0])
            xf = grid[0, :, :, 0].T
        fktable = table.get_np_fktable()
        operands.append(np.einsum("nfx,xf->n", fktable, xf[:, table.luminosity_mapping]))
    return np.asarray(OP[spec.op](*operands))
