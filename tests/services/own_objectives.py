"""User's own objectives, which workers import by name."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path
from typing import Any

from hyperopt.fmin import fmin_pass_expr_memo_ctrl


def parabola(x: float) -> float:
    return (x - 3) ** 2


def typed(point: Any) -> dict[str, Any]:
    """Return a loss, and the point it was given."""
    return {
        "status": "ok",
        "loss": point["number"],
        "given": repr(point),
        "attachments": {"text": "é", "blob": bytes([0, 255])},
    }


def troubled(x: float) -> Any:
    """Fail in every possible way, depending on the size of x."""
    if x < 1:
        raise ValueError("below one")
    if x < 2:
        return math.nan
    if x < 3:
        return {"status": "fail"}
    if x < 4:
        raise SystemExit(3)
    if x < 5:
        return {"status": "ok", "loss": x, "attachments": {"model": object()}}
    if x < 6:
        return "a text"
    return x


def deadly_once(folder: str) -> float:
    """Kill the worker at the first call."""
    marker = Path(folder) / "was here"
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0


@fmin_pass_expr_memo_ctrl
def low_level(expr: Any, memo: Any, ctrl: Any) -> float:
    return 0.0


class Functor:
    def __call__(self, x: float) -> float:
        return x


functor = Functor()
