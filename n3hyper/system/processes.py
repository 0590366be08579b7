"""Processes: starting and ending those that belong to this one, finding those in its way."""

from __future__ import annotations

import ctypes
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import psutil

_LEASH: Final = Path(__file__).with_name("leash.py")
_LONGEST: Final = 120
"""Number of characters of a command that are shown."""


def leashed(command: Sequence[str], number: int = signal.SIGTERM) -> list[str]:
    """Return `command` wrapped so that it is ended when this process is gone, for any reason.

    The thread that starts it must live as long as the process: the main one.

    Parameters
    ----------
    number
        The signal that ends it. SIGKILL also ends a process that is stopped (SIGSTOP).
    """
    leash = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), str(int(number))]
    return [*leash, *command]


def stop_process(process: subprocess.Popen[bytes], seconds: float = 30.0) -> int:
    """Ask a process to end, and kill it where it does not.

    A stopped process (SIGSTOP) is continued, so that it can do as it is asked.

    Returns
    -------
    int
        Its exit status.
    """
    if process.poll() is None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            _terminate(process)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def _terminate(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to the main thread of a process, where the system can.

    Python acts on signals in the main thread alone. When a process has just been continued, the
    kernel may give the signal to another thread, and the main one sleeps on.
    """
    tgkill = getattr(ctypes.CDLL(None), "tgkill", None)
    if tgkill is None or tgkill(process.pid, process.pid, int(signal.SIGTERM)) != 0:
        process.send_signal(signal.SIGTERM)


def listener(port: int) -> psutil.Process | None:
    """Find the process that listens on a TCP port of this host.

    None where there is none, or where the system does not tell: it may be another user's.
    """
    import psutil

    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            at = getattr(connection.laddr, "port", None)
            listens = connection.status == psutil.CONN_LISTEN and at == port
            if listens and connection.pid is not None:
                return psutil.Process(connection.pid)
    return None


def describe(process: psutil.Process) -> str:
    """Describe a process by number and command, in one line."""
    import psutil

    with suppress(psutil.Error):
        command = shlex.join(process.cmdline()) or process.name()
        line = "".join(sign if sign.isprintable() else "?" for sign in command)
        return f"process {process.pid} ({line[:_LONGEST]})"
    return f"process {process.pid}"


def ending(process: psutil.Process) -> str:
    """Return the command that ends a process; a stopped process reacts to SIGKILL alone."""
    import psutil

    with suppress(psutil.Error):
        if process.status() == psutil.STATUS_STOPPED:
            return f"kill -KILL {process.pid}"
    return f"kill {process.pid}"
