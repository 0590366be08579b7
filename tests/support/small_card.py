"""Smallest scan of real data: two sets, two folds, the shipped theory, a few epochs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

EXPONENTS = {
    "sng": ([1.05, 1.19], [1.47, 2.70]),
    "g": ([0.94, 1.25], [0.11, 5.87]),
    "v": ([0.54, 0.75], [1.15, 2.76]),
    "v3": ([0.21, 0.57], [1.35, 3.08]),
    "v8": ([0.52, 0.76], [0.77, 3.56]),
    "t3": ([-0.37, 1.52], [1.74, 3.39]),
    "t8": ([0.56, 1.29], [1.45, 3.03]),
    "cp": ([0.12, 1.19], [1.83, 6.70]),
}
CARD: dict[str, Any] = {
    "dataset_inputs": [
        {"dataset": "SLAC_NC_NOTFIXED_P_EM-F2", "frac": 0.75, "variant": "legacy_dw"},
        {"dataset": "HERA_CC_318GEV_EP-SIGMARED", "frac": 0.75, "variant": "legacy"},
    ],
    "datacuts": {"use_t0": False},
    "theory": {"theoryid": 1650},
    "hyperscan_config": {
        "stopping": {"min_epochs": 20, "max_epochs": 40, "min_patience": 0.5, "max_patience": 1},
    },
    "kfold": {
        "penalties": ["saturation", "patience", "integrability"],
        "threshold": 1e30,  # of some 30 epochs nothing good is asked
        "partitions": [
            {"datasets": ["SLAC_NC_NOTFIXED_P_EM-F2"]},
            {"datasets": ["HERA_CC_318GEV_EP-SIGMARED"]},
        ],
    },
    "genrep": False,
    "trvlseed": 1,
    "nnseed": 2,
    "mcseed": 3,
    "parameters": {
        "nodes_per_layer": [6, 8],
        "activation_per_layer": ["tanh", "linear"],
        "initializer": "glorot_normal",
        "optimizer": {"optimizer_name": "Nadam", "learning_rate": 5e-3, "clipnorm": 1e-3},
        "epochs": 30,
        "stopping_patience": 0.5,
        # any epoch will do: this is about the way from the runcard to the files
        "positivity": {"initial": 1, "multiplier": 1.1, "threshold": 1e9},
        "integrability": {"initial": 1, "multiplier": 1.1},
        "layer_type": "dense",
        "dropout": 0.0,
        "threshold_chi2": 1e9,
    },
    "fitting": {
        "fitbasis": "NN31IC",
        "basis": [
            {"fl": name, "trainable": False, "smallx": small, "largex": large}
            for name, (small, large) in EXPONENTS.items()
        ],
    },
    "positivity": {"posdatasets": [{"dataset": "NNPDF_POS_2P24GEV_F2U", "maxlambda": 1e6}]},
    "integrability": {"integdatasets": [{"dataset": "NNPDF_INTEG_3GEV_XT8", "maxlambda": 1e2}]},
}


def small_card() -> dict[str, Any]:
    """Return a new copy of the runcard, which may be changed."""
    return copy.deepcopy(CARD)


def write_card(path: Path, card: dict[str, Any]) -> Path:
    """Write the runcard as JSON, which is YAML."""
    path.write_text(json.dumps(card, indent=1))
    return path
