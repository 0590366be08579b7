"""Columns of a report: their names, the aliases that people type, and their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Column:
    """Name and labels of a column."""

    name: str
    label: str
    """On figures and in pages."""
    short: str
    """On a narrow terminal."""
    meaning: str


def _columns(*rows: tuple[str, str, str, str]) -> dict[str, Column]:
    return {row[0]: Column(*row) for row in rows}


SCORES: Final = _columns(
    ("iteration", "trial", "trial", "place of the trial in the report, from 0"),
    ("tid", "trial number in its scan", "tid", "number of the trial in its own scan"),
    ("scan", "scan", "scan", "which of the files the trial is from"),
    ("good", "ok", "ok", "whether the trial has a loss"),
    (
        "reason",
        "failure",
        "failure",
        "why it failed: nan, threshold, threshold_chi2, positivity, exception, ...",
    ),
    ("loss", "loss", "loss", "what the scan minimises, or what --loss and the like made of it"),
    ("validation_loss", "validation χ²", "valid.", "mean over folds and replicas, per point"),
    (
        "experimental_loss",
        "χ² of the data left out",
        "χ²exp",
        "mean over folds and replicas of a replica's chi2 on the data left out, per point",
    ),
    (
        "hyper_loss_chi2",
        "χ² of the data left out (PDF uncertainty added)",
        "χ²",
        "chi2 per point of the replicas' mean on the data left out, PDF covariance added; "
        "the folds reduced by the fold statistic",
    ),
    ("hyper_loss_phi2", "φ² of the data left out", "φ²", "the same for phi2"),
    ("hyper_loss_logp", "-log p of the data left out", "-logp", "the same for minus log p"),
    (
        "trvl_loss_chi2exp",
        "χ² of the data fitted",
        "fitted",
        "chi2 per point of the replicas' mean on the data fitted, mean over the folds",
    ),
    ("seconds", "time (s)", "time", "seconds from the trial's start to its end"),
)
"""Columns that every trial has."""

PARAMETERS: Final = _columns(
    ("optimizer", "optimizer", "optimizer", "name of the optimizer"),
    ("learning_rate", "learning rate", "l.rate", "of the optimizer"),
    ("clipnorm", "clipnorm", "clipnorm", "of the optimizer"),
    ("epochs", "epochs", "epochs", "longest training"),
    ("stopping_patience", "stopping patience (of the epochs)", "patience", "fraction of epochs"),
    ("stopping_epochs", "stopping patience (epochs)", "pat.ep.", "patience in epochs"),
    ("initial", "positivity: initial multiplier", "pos.ini", "positivity multiplier at the start"),
    ("multiplier", "positivity: growth", "pos.mul", "growth of the positivity multiplier"),
    ("integrability_initial", "integrability: initial multiplier", "int.ini", "the same"),
    ("integrability_multiplier", "integrability: growth", "int.mul", "the same"),
    ("number_of_layers", "hidden layers", "layers", "number of hidden layers"),
    ("mean_width", "nodes in a hidden layer (mean)", "width", "mean width of the hidden layers"),
    ("nodes_per_layer", "nodes per layer", "nodes", "widths of all layers"),
    ("activation", "activation", "activ.", "activation of the first layer"),
    ("activation_per_layer", "activation per layer", "activations", "activations of all layers"),
    ("initializer", "initializer", "initial.", "of the weights"),
    ("dropout", "dropout rate", "dropout", "dropout rate"),
    ("layer_type", "layer type", "layer", "dense, dense_per_flavour"),
)
"""Hyperparameters by vp-hyperoptplot's names, in the order of a table; setups may have others."""

ALIASES: Final = {
    "id": "iteration",
    "trial": "iteration",
    "lr": "learning_rate",
    "opt": "optimizer",
    "optimizer_name": "optimizer",
    "nl": "number_of_layers",
    "nodes": "nodes_per_layer",
    "width": "mean_width",
    "act": "activation",
    "activation_per_layer": "activation_per_layer",
    "architecture": "layer_type",
    "ini": "initializer",
    "stp": "stopping_patience",
    "patience": "stopping_patience",
    "ste": "stopping_epochs",
    "p_ini": "initial",
    "p_mul": "multiplier",
    "i_ini": "integrability_initial",
    "i_mul": "integrability_multiplier",
    "vl": "validation_loss",
    "tl": "loss",
    "ok": "good",
    "chi2": "hyper_loss_chi2",
    "phi2": "hyper_loss_phi2",
    "logp": "hyper_loss_logp",
    "chi2exp": "trvl_loss_chi2exp",
    "exp": "experimental_loss",
    "time": "seconds",
}
"""What NNPDF users type, and some more."""

ASCII: Final = str.maketrans({"χ": "chi", "φ": "phi", "²": "2", "±": "+-", "·": "."})


PART: Final = "loss_"
"""What the column of a part of the loss begins with."""


def _shortened(part: str) -> str:
    """Return the name of a part as the head of a column.

    >>> _shortened("saturation"), _shortened("chi2"), _shortened("dropped")
    ('satur.', 'chi2', 'dropped')
    """
    return part if len(part) <= 8 else f"{part[:5]}."


def column(name: str) -> Column:
    """Return what is known of a column."""
    known = SCORES.get(name) or PARAMETERS.get(name)
    if known is None and name.startswith(PART):
        part = name.removeprefix(PART)
        return Column(name, f"{part} in the loss", _shortened(part), "part of the loss")
    return known or Column(name, name.replace("_", " "), name, "hyperparameter, by its path")
