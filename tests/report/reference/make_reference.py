"""Writes what validphys 4.1.5 makes of the scan in this folder; run where validphys is installed.

python -m tests.support.make_trials FOLDER 60 && cp FOLDER/nnfit/replica_1/tries.json .
python make_reference.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
from validphys import hyperoptplot

HERE = Path(__file__).parent
DEFAULTS = {
    "val_multiplier": 0.0,
    "include_failures": False,
    "threshold": 1e3,
    "filter": [],
    "combine": False,
    "autofilter": None,
    "debug": False,
    "loss_target": "average",
    "chi2exp_threshold": 1.35,
    "chi2_threshold": 5.0,
}
COLUMNS = (
    *("loss", "validation_loss", "hyper_loss_chi2", "hyper_loss_phi2", "hyper_loss_logp"),
    *("trvl_loss_chi2exp", "learning_rate", "clipnorm", "epochs", "stopping_patience"),
    *("stopping_epochs", "initial", "number_of_layers", "dropout"),
    *("optimizer", "initializer", "layer_type", "nodes_per_layer"),
)
CASES = {
    "plain": {},
    "best_worst": {"loss_target": "best_worst"},
    "std": {"loss_target": "std"},
    "filter_nadam": {"filter": ["optimizer=Nadam"]},
    "filter_lr": {"filter": ["lr<0.001", "nl!=2"]},
    "filter_epochs": {"filter": ["epochs>5000"]},
    "autofilter_one": {"autofilter": ["optimizer"]},
    "autofilter_numbers": {"autofilter": ["ste"]},
    "autofilter_two": {"autofilter": ["initializer", "optimizer"]},
    "thresholds": {"chi2_threshold": 1.6, "chi2exp_threshold": 1.3},
}


def offsets(figure):
    """The ordinates of the points of a figure, axes by axes."""
    return [np.asarray(axes.collections[0].get_offsets())[:, 1].tolist() for axes in figure.axes]


def main(folder):
    found = {}
    for name, changes in CASES.items():
        arguments = {**DEFAULTS, "hyperopt_folder": folder, **changes}
        frame, best = hyperoptplot.hyperopt_dataframe(arguments)
        case = {"iterations": frame["iteration"].tolist(), "best": int(best["iteration"].iloc[0])}
        if name in ("plain", "best_worst", "std"):
            case["columns"] = {column: frame[column].tolist() for column in COLUMNS}
            case["table"] = hyperoptplot.hyperopt_table((frame, best))["iteration"].tolist()
        if name in ("plain", "thresholds"):
            case["running_loss"] = offsets(
                hyperoptplot.plot_cumulative_loss((frame, best), arguments)
            )[0]
            logp, chi2 = offsets(hyperoptplot.plot_cumulative_logp_chi2((frame, best), arguments))
            case["running_logp"], case["running_chi2"] = logp, chi2
        found[name] = case
    (HERE / "validphys.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
