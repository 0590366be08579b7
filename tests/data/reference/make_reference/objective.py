"""The objective of n3fit 4.1.5: losses of folds by its HyperLoss, and of trials as it adds them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from make_reference.output import save_record

FOLDS = 3
CASES = [
    {"replicas": replicas, "penalties_in_loss": penalties, "replica_statistic": statistic}
    for replicas, penalties, statistic in (
        (1, False, "average"),
        (4, True, "average"),
        (20, False, "average_best"),
        (20, True, "best_worst"),
        (33, True, "std"),
        (60, False, "average"),
    )
]


def make_case(case: dict[str, object], rng: np.random.Generator) -> dict[str, object]:
    """Return what n3fit is given of the folds of a trial, and its losses.

    The figures of the ensembles, which need tables, are given in place of n3fit's.
    """
    from n3fit.hyper_optimization import rewards
    from n3fit.layers.losses import LossHyperopt

    def drawn(low: float, high: float, *shape: int) -> np.ndarray:
        return rng.uniform(low, high, (FOLDS, *shape)).round(3)

    replicas = int(case["replicas"])
    validation, experimental = drawn(0.9, 3, replicas), drawn(1.2, 4, replicas)
    penalties = {"saturation": drawn(0, 1, replicas), "patience": drawn(0, 2, replicas)}
    logp, fitted = drawn(1, 9), drawn(0.8, 1.6)
    losses = {}
    for loss_type in ("chi2", "logp"):
        hyper = rewards.HyperLoss(
            loss_type=loss_type,
            replica_statistic=case["replica_statistic"],
            fold_statistic="average",
            penalties_in_loss=case["penalties_in_loss"],
        )
        folds = []
        for k in range(FOLDS):
            figures = SimpleNamespace(chi2=1.0, phi2=1.0, logp=logp[k])
            rewards.compute_hyperopt_metrics = lambda figures=figures, **_known: figures
            folds.append(
                float(
                    hyper.compute_loss(
                        {name: values[k].copy() for name, values in penalties.items()},
                        validation[k].copy(),
                        experimental[k].copy(),
                        SimpleNamespace(select_models=lambda best: best),
                        [],
                        k,
                    )
                )
            )
        term = float(LossHyperopt()(np.average(fitted)))
        trial = float(hyper.reduce_over_folds(np.array(folds))) + term
        losses[loss_type] = {"folds": folds, "trial": trial, "fitted_term": term}
    given = {"validation": validation, "experimental": experimental, "logp": logp, "fitted": fitted}
    arrays = {name: values.tolist() for name, values in given.items()}
    named = {name: values.tolist() for name, values in penalties.items()}
    return {**case, **arrays, "penalties": named, "losses": losses}


def make_objective() -> None:
    """Store the losses of made-up trials."""
    rng = np.random.default_rng(41)
    save_record("objective.json", {"trials": [make_case(case, rng) for case in CASES]})
