"""Files of n3fit beside the PDFs of a replica: ``NAME.json``, ``chi2exps.log``, versions."""

from __future__ import annotations

import importlib.metadata
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from n3hyper import __version__
from n3hyper.replicas.replica_fit import ReplicaFit
from n3hyper.runcard import Flavour

PASSED, VETOED = "POS_PASS", "POS_VETO"
_STEP: Final = 100
"""Epochs between two points of a curve."""
_PACKAGES: Final = ("tensorflow", "numpy")


def fit_json(
    fit: ReplicaFit,
    basis: Sequence[Flavour],
    setup: Mapping[str, Any] | None,
    seconds: float,
) -> str:
    """Return the content of ``NAME.json``.

    Parameters
    ----------
    basis
        Flavours of the runcard's ``fitting.basis``.
    setup
        That of the replica, with its parameters; None where the runcard has the only one.
    seconds
        That the batch of the replica took.
    """
    content = {
        "preprocessing": [
            {
                "fl": flavour.fl,
                "smallx": float(alpha),
                "largex": float(beta),
                "trainable": flavour.trainable,
            }
            for flavour, alpha, beta in zip(basis, fit.weights.alpha, fit.weights.beta, strict=True)
        ],
        "stop_epoch": fit.stop_epoch + 1,
        "best_epoch": fit.best_epoch,
        "erf_tr": fit.training_chi2,
        "erf_vl": fit.validation_chi2,
        "chi2": fit.chi2,
        "pos_state": PASSED if fit.positive else VETOED,
        "arc_lengths": fit.arc_lengths.tolist(),
        "integrability": fit.integrability.tolist(),
        "timing": {"walltime": {"Total": seconds}},
        "hyperparameters": "from runcard" if setup is None else dict(setup),
        "version": versions(),
    }
    return json.dumps(content, indent=2) + "\n"


def chi2_log(fit: ReplicaFit) -> str:
    """Return the content of ``chi2exps.log``: training and validation along the fit.

    n3fit breaks the validation down by experiment; here it is one number a point, and losses are
    chi2 per point, too.
    """
    content = {
        str(_STEP * (place + 1)): {
            "training_loss": float(training),
            "validation_loss": [float(validation)],
            "validation_chi2s": {"total": float(validation)},
        }
        for place, (training, validation) in enumerate(fit.curves)
        if math.isfinite(training) and math.isfinite(validation)
    }
    return json.dumps(content, indent=2) + "\n"


def versions() -> dict[str, str]:
    """Return the versions of what the fit was made with.

    >>> "n3hyper" in versions()
    True
    """
    others = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"n3hyper": __version__, **others}
