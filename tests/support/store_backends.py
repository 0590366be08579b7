"""How the tests make, open and fill a store of trials."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.sampling.suggest import Suggester


@dataclass(frozen=True)
class Backend:
    create: Callable[[Path, Any], Any]
    reopen: Callable[[Path], Any]
    finish: Callable[[Any, dict[str, Any], dict[str, Any], int], None]
    evaluating: Callable[[Any, Any, Callable[[Any], float]], AbstractContextManager[Any]]


def reopen_files(folder: Path) -> FileTrials:
    return FileTrials.from_pkl(folder / "tries.pkl")


def finish_in_place(trials: Any, document: dict[str, Any], result: Any, state: int) -> None:
    document["result"] = result
    document["state"] = state


FILES = Backend(FileTrials, reopen_files, finish_in_place, lambda trials, space, fn: nullcontext())


def add_trial(
    backend: Backend, trials: Any, space: Any, result: dict[str, Any], state: int = 2
) -> int:
    """One trial from suggestion to record."""
    (tid,) = trials.new_trial_ids(1)
    trials.insert_trial_docs(Suggester(space, 1).suggest(trials, tid))
    trials.refresh()
    (document,) = [each for each in trials.trials if each["tid"] == tid]
    backend.finish(trials, document, result, state)
    trials.refresh()
    return int(tid)


def ok(loss: float) -> dict[str, Any]:
    return {"status": "ok", "loss": loss, "kfold_meta": {"m": np.array([[loss, np.nan]])}}
