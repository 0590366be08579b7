"""Toy trainers for a separate process, and what may happen to it.

A module of its own, which that process finds by its name.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from n3hyper.hyper_optimization.scores.scoring import make_scorer
from tests.support.toy_scans import KFOLD, PROBLEM, sometimes_fails
from tests.support.toy_trainer import ToyTrainer
from tests.support.waiting import HANGS


def eat(megabytes: int) -> bytearray:
    """Allocate this much memory, and touch it."""
    block = bytearray(megabytes << 20)
    block[::4096] = b"x" * len(block[::4096])
    return block


class Fits(ToyTrainer):
    """Toy that reports its process, and does what the number of epochs says."""

    def __init__(self, on_progress: Callable[[Any], None], deeds: dict[int, Any]) -> None:
        super().__init__(PROBLEM, make_scorer(PROBLEM, KFOLD), sometimes_fails)
        self.on_progress, self.deeds = on_progress, deeds
        self.eaten: list[bytearray] = []

    def hyperparametrizable(self, params: dict[str, Any]) -> dict[str, Any]:
        self.on_progress(os.getpid())
        deed = self.deeds.get(len(params["nodes_per_layer"]), self.deeds.get(0))
        if isinstance(deed, signal.Signals):
            os.kill(os.getpid(), deed)
        elif deed == "eat":
            self.eaten.append(eat(40))
        elif deed == "exit":
            os._exit(3)
        elif deed == "wait":
            time.sleep(HANGS)
        return super().hyperparametrizable(params)


def make(on_progress: Callable[[Any], None], deeds: dict[int, Any]) -> Fits:
    return Fits(on_progress, deeds)


def broken(_on_progress: Callable[[Any], None]) -> Any:
    raise ImportError("no such library")
