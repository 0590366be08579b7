"""What validphys makes of a request, run by `tests.against_validphys` with a Python that has nnpdf.

    python validphys_numbers.py REQUEST.json NUMBERS.npz

n3hyper is not imported here, and nnpdf only inside of the functions.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


def main(request_file: Path, output: Path) -> None:
    """Write the numbers of all batches and constraints; keys are made of their place and a name."""
    request = json.loads(request_file.read_text())
    with tempfile.TemporaryDirectory() as share:
        _set_up(Path(share), Path(request["theory"]), Path(request["lhapdf"]))
        arrays: Arrays = {}
        for number, batch in enumerate(request["batches"]):
            print(f"validphys: fit {number + 1} of {len(request['batches'])}", file=sys.stderr)
            for name, values in _fit(request, batch).items():
                arrays[f"{number}/{name}"] = values
        arrays |= _constraints(request)
    np.savez(output, **arrays)


def _set_up(share: Path, theory: Path, lhapdf: Path) -> None:
    """Let validphys find the theory and the PDF set; before it is imported."""
    (share / "theories").mkdir()
    (share / "theories" / theory.name).symlink_to(theory.resolve())
    (share / "nnprofile.yaml").write_text(f"nnpdf_share: {share}\n")
    # lhapdf-management looks at the first, pdfflow at the second
    os.environ.update(
        NNPDF_PROFILE_PATH=str(share / "nnprofile.yaml"),
        LHAPDF_DATA_PATH=str(lhapdf.resolve()),
        LHAPATH=str(lhapdf.resolve()),
        CUDA_VISIBLE_DEVICES="",
    )
    _mend_single_nodes()


def _mend_single_nodes() -> None:
    """pdfflow drops the axis of x when there is one x only, and validphys then fails."""
    from validphys import lhapdf_compatibility

    pdfflow = getattr(lhapdf_compatibility, "_PDFFlowPDF", None)
    if pdfflow is None:
        return
    original = pdfflow._xfxQ_all_pid

    def evaluate(self: Any, x: Any, q: Any) -> Any:
        x, q = np.atleast_1d(x), np.atleast_1d(q)
        if x.size > 1:
            return original(self, x, q)
        twice = original(self, np.repeat(x, 2), np.repeat(q, 2))
        return {pid: values[:1] for pid, values in twice.items()}

    pdfflow._xfxQ_all_pid = evaluate


def _common(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "theoryid": request["theoryid"],
        "use_cuts": "internal",
        "q2min": request["q2min"],
        "w2min": request["w2min"],
        "pdf": request["pdf"],
    }


def _fit(request: dict[str, Any], batch: dict[str, Any]) -> Arrays:
    """Of one fit: points, data, covariances, predictions, splits and pseudodata."""
    import pandas as pd
    from validphys.api import API
    from validphys.convolution import predictions
    from validphys.covmats import dataset_inputs_covmat_from_systematics

    common = {
        **_common(request),
        "dataset_inputs": batch["inputs"],
        "use_t0": True,
        "t0pdfset": request["pdf"],
        "genrep": True,
        "diagonal_basis": False,
        **request["seeds"],
    }
    loaded = API.dataset_inputs_loaded_cd_with_cuts(**common)
    specs, pdf = API.data(**common).datasets, API.pdf(**common)
    order = _group_order(API.group_dataset_inputs_by_metadata(**common), batch["inputs"], loaded)
    count = len(order)
    masks = np.zeros((request["replicas"], count), dtype=bool)
    replicas = np.zeros((request["replicas"], count))
    for r in range(request["replicas"]):
        split = API.exps_masks(**common, replica=r + 1)
        masks[r, order] = np.concatenate([mask for group in split for mask in group.tr_masks])
        drawn = API.experiment_indexed_make_replica(**common, replica=r + 1)
        replicas[r, order] = np.concatenate([table["data"].to_numpy() for table in drawn])
    return {
        "ndata": np.array([cd.ndata for cd in loaded]),
        "points": np.concatenate([spec.cuts.load() for spec in specs]),
        "central": np.concatenate([cd.get_cv() for cd in loaded]),
        "t0": np.concatenate(API.dataset_inputs_t0_predictions(**common)),
        "exp": dataset_inputs_covmat_from_systematics(loaded, use_weights_in_covmat=False),
        "fit": API.dataset_inputs_t0_exp_covmat(**common),
        "predictions": pd.concat([predictions(spec, pdf) for spec in specs]).to_numpy().T,
        "xf": _grid(pdf, batch["xgrid"], request["q0"]),
        "masks": masks,
        "replicas": replicas,
    }


def _group_order(groups: Any, inputs: Any, loaded: Any) -> np.ndarray:
    """Where the points of all groups, one after the other, stand in the runcard's order."""
    names = [entry["dataset"] for entry in inputs]
    ends = np.cumsum([0, *(cd.ndata for cd in loaded)])
    positions = [names.index(str(entry)) for group in groups for entry in group["data_input"]]
    return np.concatenate([np.arange(ends[i], ends[i + 1]) for i in positions])


def _grid(pdf: Any, xgrid: list[float], q0: float) -> np.ndarray:
    """x f of all members but the central one, in the evolution basis: (members, nx, 14)."""
    from validphys.convolution import FK_FLAVOURS
    from validphys.pdfbases import evolution

    return evolution.grid_values(pdf, FK_FLAVOURS, xgrid, [q0])[..., 0].transpose(0, 2, 1)


def _constraints(request: dict[str, Any]) -> Arrays:
    """Points and predictions of positivity and integrability sets."""
    from validphys.api import API
    from validphys.convolution import predictions
    from validphys.loader import Loader

    common = _common(request)
    rules, pdf = API.rules(**common), API.pdf(**common)
    arrays: Arrays = {}
    for name in request["constraints"]:
        spec = Loader().check_posset(request["theoryid"], name, 1.0, rules)
        arrays[f"{name}/points"] = np.array(spec.cuts.load())
        arrays[f"{name}/predictions"] = predictions(spec, pdf).to_numpy().T
    return arrays


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
