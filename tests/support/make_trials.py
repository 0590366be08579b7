"""Records of scans that were never run: realistic numbers, from a seed, without a fit.

    python -m tests.support.make_trials FOLDER [TRIALS]

writes the output folder of a scan, ``FOLDER/filter.yml`` and ``FOLDER/nnfit/replica_1/tries.json``.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.hyper_optimization.record import (
    STATE_DONE,
    failed_result,
    finished_result,
    finished_state,
    to_json,
)

RUNCARD = Path(__file__).parents[1] / "report" / "reference" / "runcard.yml"
START = datetime.datetime(2026, 3, 2, 9, 0, 0)
OPTIMIZERS = {  # name: best learning rate, ranges of learning rate and clipnorm, offset of the loss
    "Nadam": (2.5e-3, (1e-4, 1e-2), (1e-7, 1e-4), 0.00),
    "Adam": (2.0e-3, (1e-4, 1e-2), (1e-7, 1e-4), 0.04),
    "Amsgrad": (3.0e-3, (1e-4, 1e-2), (1e-7, 1e-4), 0.08),
    "Adadelta": (1.5, (1e-1, 10), (1e-3, 1), 0.25),
}


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw(rng: np.random.Generator, best: dict[str, Any] | None) -> dict[str, Any]:
    """Draw a setup; with a `best` one, often near it, as TPE would."""
    near = best is not None and rng.random() < 0.6
    name = best["optimizer"]["optimizer_name"] if near else str(rng.choice(list(OPTIMIZERS)))
    _, rates, norms, _ = OPTIMIZERS[name]
    rate = log_uniform(rng, *rates)
    if near:
        rate = float(
            np.clip(best["optimizer"]["learning_rate"] * np.exp(rng.normal(0, 0.4)), *rates)
        )
    layers = int(rng.choice([1, 2, 3, 4], p=[0.2, 0.4, 0.25, 0.15]))
    epochs = int(rng.integers(3000, 9001))
    return {
        "nodes_per_layer": [*(int(n) for n in rng.integers(10, 46, layers)), 8],
        "activation_per_layer": str(rng.choice(["tanh", "sigmoid"], p=[0.65, 0.35])),
        "initializer": str(rng.choice(["glorot_normal", "glorot_uniform"])),
        "optimizer": {
            "optimizer_name": name,
            "learning_rate": rate,
            "clipnorm": log_uniform(rng, *norms),
        },
        "epochs": epochs,
        "stopping_patience": float(np.round(rng.uniform(0.1, 0.3), 2)),
        "positivity": {
            "initial": log_uniform(rng, 1, 1000),
            "multiplier": None,
            "threshold": 1e-6,
        },
        "integrability": {"initial": log_uniform(rng, 2, 50), "multiplier": None},
        "layer_type": "dense",
        "dropout": float(rng.choice([0.0, 0.03, 0.06, 0.09, 0.12, 0.15])),
        "threshold_chi2": 3.5,
        "stopping_delta": 0.0,
    }


def quality(parameters: dict[str, Any]) -> float:
    """Return the chi2 that the setup adds to that of the best one."""
    name = parameters["optimizer"]["optimizer_name"]
    best_rate, _, _, offset = OPTIMIZERS[name]
    off = abs(np.log(parameters["optimizer"]["learning_rate"] / best_rate))
    width = float(np.mean(parameters["nodes_per_layer"][:-1]))
    layers = len(parameters["nodes_per_layer"]) - 1
    return (
        offset
        + 0.12 * off**1.5
        + 1.5 * parameters["dropout"]
        + 0.06 * (parameters["activation_per_layer"] == "sigmoid")
        + 0.05 * abs(layers - 2)
        + 0.03 * abs(np.log(width / 25))
        + 0.1 * (9000 - parameters["epochs"]) / 6000
    )


def result_of(
    rng: np.random.Generator, parameters: dict[str, Any], folds: int, replicas: int
) -> dict[str, Any]:
    """Return the result of a trial, as the scorer writes it."""
    excess = quality(parameters)
    level = 1.15 + 0.15 * np.sin(1 + np.arange(folds))[:, None] + excess
    experimental = level + rng.gamma(2.0, 0.08 + 0.15 * excess, (folds, replicas))
    validation = 1.1 + excess + rng.gamma(2.0, 0.05, (folds, replicas))
    training = validation - 0.05 - rng.random((folds, replicas)) * 0.05
    used = rng.random((folds, replicas)) > 0.02 + 0.1 * (excess > 0.8)
    used[:, 0] = True
    penalties = {
        "saturation": rng.gamma(2.0, 0.02, (folds, replicas)),
        "patience": validation * np.exp(rng.random((folds, replicas)) * 0.2) * 0.05,
        "integrability": np.where(rng.random((folds, replicas)) < 0.1, 0.7, 0.0),
    }
    penalties = {name: np.where(used, values, np.nan) for name, values in penalties.items()}
    extra = sum(penalties.values())
    fold_losses = np.array([(experimental + extra)[k][used[k]].mean() for k in range(folds)])
    fold_parts = {"chi2": experimental, **penalties, "dropped": np.zeros((folds, replicas))}
    fold_parts = {
        name: np.array([row[mask].mean() for row, mask in zip(values, used, strict=True)])
        for name, values in fold_parts.items()
    }
    best = rng.integers(500, parameters["epochs"], (folds, replicas))
    chi2 = level[:, 0] - 0.1 + 0.05 * rng.random(folds)
    phi2 = 0.12 + 0.3 * excess * rng.random(folds) + 0.05 * rng.random(folds)
    scores: dict[str, Any] = {
        "validation_loss": validation[used].mean(),
        "experimental_loss": experimental[used].mean(),
        "kfold_meta": {
            "validation_losses": validation,
            "experimental_losses": experimental,
            "hyper_losses": experimental,
            "hyper_losses_chi2": chi2,
            "hyper_losses_phi2": phi2,
            "hyper_losses_logp": 0.5 * chi2 - 2.4 + 0.05 * rng.random(folds),
            "trvl_losses_chi2": chi2 * 0.9,
            "trvl_losses_chi2exp": chi2 * 0.92,
            "trvl_losses_phi2": phi2 * 0.4,
            "trvl_losses_logp": 0.45 * chi2 - 2.4,
            "fold_losses": fold_losses,
            "fold_parts": fold_parts,
            "penalties": penalties,
            "training_losses": training,
            "best_epochs": best,
            "stop_epochs": np.minimum(best + 500, parameters["epochs"] - 1),
            "positivity_passed": used,
            "nan": ~used & (rng.random((folds, replicas)) < 0.3),
            "replicas_used": used,
        },
        "epochs_run": parameters["epochs"],
        "seconds": {"compile": 4.0, "train": parameters["epochs"] * 4e-3},
    }
    fate = rng.random()
    if excess > 1.2 or fate < 0.02:
        value = 10 + 5 * excess
        text = f"fold 2: chi2 of the data left out is {value:.6g}, above kfold.threshold 10"
        details = {"quantity": "chi2", "value": value, "limit": 10.0, "key": "kfold.threshold"}
        return failed_result("threshold", text, details=details, **scores)
    if fate < 0.06:
        return failed_result("positivity", "fold 1: 3 of 10 replicas can be used", **scores)
    if fate < 0.07:
        return failed_result("exception", "ValueError: a network of no size")
    parts = {name: values.mean() for name, values in fold_parts.items()}
    return finished_result(
        {"status": "ok", "loss": fold_losses.mean(), "loss_parts": parts, **scores}
    )


def make_records(
    trials: int, seed: int = 1, folds: int = 4, replicas: int = 10
) -> list[dict[str, Any]]:
    """Return the records of a scan."""
    rng = np.random.default_rng(seed)
    records: list[dict[str, Any]] = []
    best: dict[str, Any] | None = None
    lowest, clock = np.inf, START
    for tid in range(trials):
        parameters = draw(rng, best if tid >= 20 else None)
        result = result_of(rng, parameters, folds, replicas)
        if result["loss"] is not None and result["loss"] < lowest:
            best, lowest = parameters, result["loss"]
        took = datetime.timedelta(
            seconds=float(5 + parameters["epochs"] * rng.uniform(4, 6) * 1e-3)
        )
        name = parameters["optimizer"]["optimizer_name"]
        vals: dict[str, Any] = {
            "optimizer": [list(OPTIMIZERS).index(name)],
            f"{name}_learning_rate": [parameters["optimizer"]["learning_rate"]],
            f"{name}_clipnorm": [parameters["optimizer"]["clipnorm"]],
            "epochs": [float(parameters["epochs"])],
            "stopping_patience": [parameters["stopping_patience"]],
            "initial": [parameters["positivity"]["initial"]],
            "integrability_initial": [parameters["integrability"]["initial"]],
            "dropout": [parameters["dropout"]],
        }
        records.append(
            {
                "state": STATE_DONE if result["status"] == "ok" else finished_state(result),
                "tid": tid,
                "spec": None,
                "result": result,
                "misc": {
                    "tid": tid,
                    "cmd": ["domain_attachment", "FMinIter_Domain"],
                    "workdir": None,
                    "idxs": {label: [tid] for label in vals},
                    "vals": vals,
                    "space_vals": parameters,
                },
                "exp_key": None,
                "owner": None,
                "version": 0,
                "book_time": str(clock),
                "refresh_time": str(clock + took),
            }
        )
        clock += took
    return records


def write_tries(path: Path, records: list[dict[str, Any]]) -> Path:
    """Write ``tries.json`` as a scan does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[" + ",\n".join(to_json(record) for record in records) + "]\n")
    return path


def write_scan(folder: Path, trials: int, runcard: Path = RUNCARD, **options: Any) -> Path:
    """Write the output folder of a scan and return it."""
    write_tries(folder / "nnfit" / "replica_1" / "tries.json", make_records(trials, **options))
    (folder / "filter.yml").write_text(runcard.read_text())
    return folder


if __name__ == "__main__":
    write_scan(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200)
