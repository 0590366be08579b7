"""Starting and ending processes that belong to this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_LEASH = Path(__file__).with_name("leash.py")


def leashed(command: Sequence[str]) -> list[str]:
    """`command` such that it is ended (SIGTERM) when this process is gone, for whatever reason.

    The thread that starts it must live as long as the process: the main one.
    """
    return [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command]


def stop_process(process: subprocess.Popen[bytes], patience: float = 30.0) -> int:
    """Ask a process to end, and kill it where it does not; its exit status."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()
