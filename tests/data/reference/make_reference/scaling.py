"""n3fit's feature scaling."""

from __future__ import annotations

import numpy as np

from make_reference.output import save_record
from make_reference.sets import CUTS, FIT

POSITIVITY = ("NNPDF_POS_2P24GEV_F2U", "NNPDF_POS_2P24GEV_DYU", "NNPDF_POS_2P24GEV_XUB")
INTEGRABILITY = ("NNPDF_INTEG_3GEV_XT3", "NNPDF_INTEG_3GEV_XT8")


def make_scaling() -> None:
    """Store the x at which n3fit evaluates PDFs for the sets of the fit, and how it scales x."""
    from n3fit import model_gen
    from n3fit.scaler import generate_scaler
    from validphys.api import API
    from validphys.n3fit_data_utils import validphys_group_extractor

    common = {"dataset_inputs": FIT, "diagonal_basis": False, **CUTS}
    specs = {str(spec): spec for spec in API.data(**common).datasets}
    inputs = []

    def add(datasets: list[object], constraint: bool) -> None:
        group = {
            "name": f"group{len(inputs)}",
            "datasets": validphys_group_extractor(datasets),
            "positivity": constraint,
            **{key: np.eye(1) for key in ("invcovmat_true", "covmat", "expdata_true")},
        }
        masks = {}
        if constraint:
            masks["training_mask_array"] = np.ones((1, group["datasets"][0].ndata), dtype=bool)
        inputs.append(model_gen.observable_generator(group, **masks)["inputs"])

    for group in API.group_dataset_inputs_by_metadata(**common):
        add([specs[str(entry)] for entry in group["data_input"]], False)
    for name in POSITIVITY:
        add([API.posdataset(posdataset={"dataset": name, "maxlambda": 1e6}, **CUTS)], True)
    for name in INTEGRABILITY:
        add([API.integdataset(integdataset={"dataset": name, "maxlambda": 1e2}, **CUTS)], True)
    nodes, counts = np.unique(np.concatenate(inputs, axis=1), return_counts=True)
    x = np.append(np.geomspace(1e-9, 0.9, 30), 1.0)
    record = {
        "positivity": POSITIVITY,
        "integrability": INTEGRABILITY,
        "nodes": nodes.tolist(),
        "counts": counts.tolist(),
        "x": x.tolist(),
        "scaled": {n: generate_scaler(inputs, n)(x[:, None])[:, 0].tolist() for n in (5, 10, 20)},
    }
    save_record("scaling.json", record)
