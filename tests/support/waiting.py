"""Waiting for events; the only bound is one that a hang alone reaches, on any machine."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

HANGS: Final = 900.0
"""Seconds after which a test gives up on an event."""

Result = TypeVar("Result")


def until(condition: Callable[[], Result]) -> Result:
    """Wait until `condition` gives something true, and return that."""
    end = time.monotonic() + HANGS
    while not (result := condition()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)
    return result


def until_ended(pid: int) -> None:
    """Wait for the end of a process that need not be a child."""
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            ready, _, _ = select.select([process], [], [], HANGS)
        finally:
            os.close(process)
        assert ready, "it does not end"
