"""Scans of the toy trainer, in processes that may be killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.record import read_tries
from n3hyper.hyper_optimization.scores.scoring import make_scorer
from n3hyper.hyper_optimization.serial_loop import ScanOutcome
from n3hyper.runcard.model import KFold, Partition
from tests.support.loops import run_scan
from tests.support.synthetic import synthetic_problem
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS, ToyTrainer

PROBLEM = synthetic_problem(dis=(8, 6), hadronic=0, replicas=2, nx=12)
KFOLD = KFold(
    partitions=tuple(Partition(fold.datasets) for fold in PROBLEM.folds),
    penalties=("saturation", "patience", "integrability"),
    penalties_in_loss=False,
    threshold=1e6,
)
FINGERPRINT = {"data": PROBLEM.fingerprint, "replicas": "2", "version": "0"}


def sometimes_fails(setup: dict[str, Any]) -> Any:
    """Raise in one trial of four, so that failures are repeated as well."""
    if setup["epochs"] % 4 == 0:
        raise ValueError(f"{setup['epochs']} epochs are not to my liking")
    return None


def toy_scan(folder: Path, trials: int, fail: Any = sometimes_fails, **options: Any) -> ScanOutcome:
    """Begin a scan in `folder`, or continue the existing one."""
    exists = any((folder / name).exists() for name in ("tries.pkl", "tries.json"))
    trainer = ToyTrainer(PROBLEM, make_scorer(PROBLEM, KFOLD), fail)
    scanner = HyperScanner(PARAMETERS, HYPERSCAN)
    return run_scan(
        folder, trainer, scanner, trials, restart=exists, fingerprint=FINGERPRINT, **options
    )


def outcome(folder: Path) -> list[dict[str, Any]]:
    """Return the records of ``tries.json`` without times and tracebacks."""
    records = read_tries(folder / "tries.json")
    for record in records:
        for name in ("book_time", "refresh_time"):
            record.pop(name)
        record["result"].pop("seconds")
        record["result"].get("failure", {}).pop("traceback", None)
    return records


def in_child(task: Callable[[], None], delay: float | None = None) -> int:
    """Run `task` in a separate process, killed (-9) after `delay` seconds.

    Returns
    -------
    int
        0, 1 where it raised, or minus the signal that ended it.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            task()
            status = 0
        except BaseException as error:  # noqa: BLE001  # whatever it is, this process ends here
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(status)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
