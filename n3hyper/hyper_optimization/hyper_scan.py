"""The search space of a scan and the scan itself, by n3fit's names.

`HyperScanner` reads `parameters` and `hyperscan_config`, `hyper_scan_wrapper` runs the scan.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from n3hyper.hyper_optimization.evaluation import Trainer
from n3hyper.hyper_optimization.sampling.samplers import (
    ActivationStr,
    hp_choice,
    hp_loguniform,
    hp_quniform,
    hp_uniform,
    optimizer_arg_wrapper,
)
from n3hyper.hyper_optimization.search_space import HyperScanner
from n3hyper.hyper_optimization.serial_loop import LoopListener, ScanSettings, run_scan

__all__ = [
    "ActivationStr",
    "HyperScanner",
    "hp_choice",
    "hp_loguniform",
    "hp_quniform",
    "hp_uniform",
    "hyper_scan_wrapper",
    "optimizer_arg_wrapper",
]


def hyper_scan_wrapper(
    replica_path_set: Path,
    model_trainer: Trainer,
    hyperscanner: HyperScanner,
    max_evals: int = 1,
    listener: LoopListener | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Run a scan, and keep each trial in ``tries.json`` and ``tries.pkl``.

    Parameters
    ----------
    replica_path_set
        Folder of the two files; it is made where it is missing.
    model_trainer
        Trainer with the method ``hyperparametrizable(params) -> result``, and if it likes
        ``set_hyperopt(on, keys=...)``.
    hyperscanner
        The search space.
    max_evals
        Number of trials in the scan, those of a scan that is restarted counted.
    listener
        `LoopListener` that follows the scan.
    **settings
        Fields of `n3hyper.hyper_optimization.serial_loop.ScanSettings`: ``seed``, ``algo``,
        ``restart``, ``fingerprint``, ``keep``, ``max_failures``, ``lock``.

    Returns
    -------
    dict
        Parameters of the best trial, as a runcard has them.

    Raises
    ------
    StoreError
        The folder holds trials already and `restart` is not set, or another scan is writing
        there.
    FitError
        No trial succeeded.
    """
    outcome = run_scan(
        Path(replica_path_set),
        model_trainer,
        hyperscanner,
        max_evals,
        ScanSettings(**settings),
        listener,
    )
    return outcome.best_parameters
