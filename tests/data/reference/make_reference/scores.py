"""Scores of few random PDFs."""

from __future__ import annotations

from types import SimpleNamespace

from make_reference.output import save, save_record
from make_reference.pdfs import metrics, random_pdfs
from make_reference.sets import FIT, THEORY

SCORED = [0, 1, 3, 11]  # of FIT: the sets that scores are computed of


def make_scores() -> None:
    """Store predictions and scores of five PDFs and of one."""
    import pandas as pd
    from n3fit.vpinterface import N3PDF
    from validphys.api import API
    from validphys.convolution import central_predictions, predictions

    inputs = [FIT[i] for i in SCORED]
    common = {"dataset_inputs": inputs, "theoryid": THEORY, "use_cuts": "internal"}
    specs = API.data(**common).datasets
    models = random_pdfs(range(5))
    arrays, numbers = {}, {}
    for name, chosen in {"five": models, "one": models[:1]}.items():
        pdf = N3PDF(chosen, name=name)  # validphys caches predictions by the name
        numbers[name] = metrics(pdf, [SimpleNamespace(datasets=specs)])
        arrays[f"{name}_predictions"] = pd.concat([predictions(s, pdf) for s in specs]).to_numpy().T
        central = pd.concat([central_predictions(s, pdf) for s in specs])
        arrays[f"{name}_central"] = central.to_numpy().ravel()
    save("scores.npz", **arrays)
    save_record("scores.json", {"inputs": inputs, "metrics": numbers})
