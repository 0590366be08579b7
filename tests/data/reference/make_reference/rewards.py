"""Losses of two folds by n3fit's HyperLoss, phi by validphys, distances, future tests."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from make_reference.output import save, save_record
from make_reference.pdfs import metrics, random_pdfs
from make_reference.sets import FIT, THEORY

FOLDS = [[0, 3], [1, 11]]  # of FIT: what each fold leaves out; a third fit knows all
REDUCED = 0.75
VALIDATION = [[1.3, 1.1, 1.9, 1.2], [2.0, 1.4, 1.5, 1.6]]


def distance(fits: list[list[object]], x: np.ndarray) -> dict[str, object]:
    """Return the largest distance between fits, and the flavours that are compared.

    n3fit's own fit_distance stops with an AttributeError; this is what it is meant to do.
    """
    from n3fit.vpinterface import N3PDF
    from validphys.pdfgrids import distance_grids, xplotting_grid

    pdfs = [N3PDF(fit, name=f"fit_{k}") for k, fit in enumerate(fits)]
    grids = distance_grids(pdfs, [xplotting_grid(pdf, 1.6, x) for pdf in pdfs], 0)
    largest = max(float(np.max(grid.grid_values.data)) for grid in grids)
    return {"distance": largest, "flavours": [str(flavour) for flavour in grids[0].flavours]}


def hyper_losses(fit: list[object], number: int, group: list[object]) -> dict[str, object]:
    """Return the losses of a fold of each type, and the vectors that are kept of it."""
    from n3fit.hyper_optimization.rewards import HyperLoss
    from n3fit.vpinterface import N3PDF

    losses, vectors = {}, {}
    # validphys caches predictions by the name
    for loss_type in ("chi2p", "phi2", "logp"):
        pdf = N3PDF(fit, name=f"{loss_type}_{number}")
        hyper = HyperLoss(loss_type=loss_type, reduce_proportion=REDUCED)
        losses[loss_type] = float(
            hyper.compute_loss({}, np.array(VALIDATION[number]), np.ones(4), pdf, group)
        )
        vectors = {
            key: float(getattr(hyper, f"hyper_{key}_vector")[0]) for key in ("chi2", "phi2", "logp")
        }
    return {"losses": losses, "vectors": vectors}


def validphys_scores(specs: list[object], rows: np.ndarray) -> dict[str, object]:
    """Return validphys' phi and chi2 of predictions (points, replicas)."""
    from validphys.calcutils import calc_chi2, calc_phi
    from validphys.covmats import dataset_inputs_covmat_from_systematics

    loaded = [spec.load_commondata() for spec in specs]
    covariance = dataset_inputs_covmat_from_systematics(loaded, use_weights_in_covmat=False)
    root = np.linalg.cholesky(covariance)
    data = np.concatenate([cd.get_cv() for cd in loaded])
    replicas = rows - data[:, None]
    return {
        "phi": float(calc_phi(root, replicas)),
        "chi2_of_replicas": (calc_chi2(root, replicas) / len(data)).tolist(),
        "chi2_of_mean": float(calc_chi2(root, replicas.mean(axis=1)) / len(data)),
    }


def make_rewards() -> None:
    """Store n3fit's losses of the folds, with predictions and PDFs."""
    import pandas as pd
    from n3fit.vpinterface import N3PDF
    from validphys.api import API
    from validphys.convolution import predictions

    fits = [random_pdfs(range(10 * number, 10 * number + 4)) for number in range(3)]
    x = np.concatenate([np.logspace(-6, -1, 20), np.linspace(0.11, 0.9, 30)])
    arrays: dict[str, object] = {"pdf": np.stack([N3PDF(fit, name="grid")(x) for fit in fits])}
    record: dict[str, object] = {**distance(fits, x), "folds": []}
    for number, left_out in enumerate(FOLDS):
        inputs = [FIT[i] for i in left_out]
        specs = API.data(dataset_inputs=inputs, theoryid=THEORY, use_cuts="internal").datasets
        group = [SimpleNamespace(datasets=specs)]
        fold = {"inputs": inputs, **hyper_losses(fits[number], number, group)}
        for name, fit in (("fit", number), ("last_fit", 2)):
            pdf = N3PDF(fits[fit], name=f"fit_{fit}_{number}")
            fold[name] = metrics(pdf, group)
            rows = pd.concat([predictions(s, pdf) for s in specs]).to_numpy()
            arrays[f"fold_{number}_fit_{fit}"] = rows.T
            if fit == number:
                validphys = validphys_scores(specs, rows)
        record["folds"].append({**fold, "validphys": validphys})
    record.update(
        inputs=[FIT[i] for left_out in FOLDS for i in left_out],
        validation=VALIDATION,
        reduce_proportion=REDUCED,
    )
    save("rewards.npz", **arrays)
    save_record("rewards.json", record)
