"""Runcard that is right in every part, for tests to introduce mistakes."""

from __future__ import annotations

from typing import Any

DATASETS = (
    "NMC_NC_NOTFIXED_P_EM-SIGMARED",
    "SLAC_NC_NOTFIXED_P_EM-F2",
    "BCDMS_NC_NOTFIXED_P_EM-F2",
)
FLAVOURS = ("sng", "g", "v", "v3", "v8", "t3", "t8", "cp")


def good_card() -> dict[str, Any]:
    """Return a new copy of the runcard, which uses most of the existing keys."""
    return {
        "description": "three data sets, two folds",
        "dataset_inputs": [
            {"dataset": DATASETS[0], "frac": 0.75, "variant": "legacy"},
            {"dataset": DATASETS[1], "frac": 0.5, "cfac": ["NRM"], "weight": 2},
            {"dataset": DATASETS[2], "custom_group": "mine"},
        ],
        "datacuts": {"q2min": 3.49, "w2min": 12.5, "use_t0": True, "t0pdfset": "toy_t0"},
        "theory": {"theoryid": 1650},
        "hyperscan_config": {
            "stopping": {
                "min_epochs": 2e2,
                "max_epochs": 500,
                "min_patience": 0.1,
                "max_patience": 0.4,
            },
            "positivity": {"min_multiplier": 1.01, "max_multiplier": 1.1},
            "integrability": {"min_initial": 1, "max_initial": 10},
            "optimizer": [
                {
                    "optimizer_name": "Nadam",
                    "learning_rate": {"sampling": "log", "min": 1e-4, "max": 1e-2},
                    "clipnorm": {"min": 1e-5, "max": 1},
                },
                {"optimizer_name": "Adadelta", "learning_rate": 1},
            ],
            "architecture": {
                "initializers": "ALL",
                "activations": ["tanh", "sigmoid"],
                "max_drop": 0.2,
                "n_layers": [2, 3],
                "min_units": 10,
                "max_units": 20,
                "layer_types": ["dense"],
                "output_size": 8,
            },
        },
        "kfold": {
            "loss_type": "chi2",
            "replica_statistic": "average",
            "fold_statistic": "best_worst",
            "penalties": ["saturation", "patience", "integrability"],
            "penalties_in_loss": False,
            "reduce_proportion": 0.9,
            "threshold": 20,
            "partitions": [
                {"datasets": [DATASETS[0]], "weight": 2.0},
                {"datasets": [DATASETS[1], DATASETS[2]], "overfit": True},
            ],
        },
        "parameters": {
            "nodes_per_layer": [25, 20, 8],
            "activation_per_layer": ["tanh", "tanh", "linear"],
            "initializer": "glorot_normal",
            "optimizer": {"optimizer_name": "Nadam", "learning_rate": 1e-3, "clipnorm": 1e-4},
            "epochs": 400,
            "positivity": {"initial": 10, "multiplier": None, "threshold": 1e-6},
            "integrability": {"initial": 10, "multiplier": 1.1},
            "stopping_patience": 0.2,
            "stopping_delta": 0.0,
            "layer_type": "dense",
            "dropout": 0.1,
            "threshold_chi2": 3.5,
        },
        "fitting": {
            "fitbasis": "NN31IC",
            "basis": [
                {"fl": fl, "trainable": False, "smallx": [0.5, 1.2], "largex": [1.5, 3]}
                for fl in FLAVOURS
            ],
        },
        "positivity": {"posdatasets": [{"dataset": "NNPDF_POS_2P24GEV_F2U", "maxlambda": 1e6}]},
        "integrability": {"integdatasets": [{"dataset": "NNPDF_INTEG_3GEV_XT3", "maxlambda": 100}]},
        "trvlseed": 1,
        "nnseed": 2,
        "mcseed": 3,
        "genrep": True,
        "same_trvl_per_replica": True,
        "sum_rules": "MSR",
        "parallel_models": True,
    }


def set_at(card: Any, path: tuple[str | int, ...], value: Any) -> None:
    """Put a value at the end of a path."""
    for step in path[:-1]:
        card = card[step]
    card[path[-1]] = value


def delete_at(card: Any, path: tuple[str | int, ...]) -> None:
    """Remove what is at the end of a path."""
    for step in path[:-1]:
        card = card[step]
    del card[path[-1]]
