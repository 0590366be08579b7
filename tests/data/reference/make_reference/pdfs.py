"""Random PDFs of n3fit, and its scores of them."""

from __future__ import annotations

from collections.abc import Iterable

FLAVOURS = [
    {"fl": fl, "smallx": [0.9, 1.1], "largex": [2, 3]}
    for fl in ("u", "ubar", "d", "dbar", "c", "g", "s", "sbar")
]


def random_pdfs(seeds: Iterable[int]) -> list[object]:
    """Return one PDF model for each seed."""
    from n3fit.model_gen import ReplicaSettings, generate_pdf_model

    replicas = [ReplicaSettings(nodes=[8], activations=["tanh"], seed=seed) for seed in seeds]
    model = generate_pdf_model(replicas, flav_info=FLAVOURS, fitbasis="FLAVOUR")
    return model.split_replicas()


def metrics(pdf: object, group: list[object]) -> dict[str, float]:
    """Return the scores by which n3fit compares hyperparameters."""
    from n3fit.vpinterface import compute_hyperopt_metrics

    found = compute_hyperopt_metrics(pdf, group)
    return {key: float(getattr(found, key)) for key in ("chi2", "phi2", "logp", "chi2exp")}
