"""Waiting for an event, with a bound that only a fault reaches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def until(condition: Callable[[], Result], seconds: float = 60.0) -> Result:
    """Wait until `condition` gives something true, and return that."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)
    return result
