"""Signals of the tests, and an end to all processes that they have started, however they end.

A shell script starts its background commands with SIGINT ignored, nohup with SIGHUP ignored, and
every process that the tests start inherits both. They are set here as a terminal sets them. All
processes that the tests start carry a mark in their environment, by which a watcher, a separate
process, finds and kills them when the tests are gone.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

VARIABLE = "N3HYPER_TESTS"
"""Holds the mark."""
HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Processes of Python's that end by themselves when this one does."""


def hear_signals() -> None:
    """Set the signal dispositions of a program that was started from a terminal."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
        number = getattr(signal, name)
        if signal.getsignal(number) == signal.SIG_IGN:
            ours = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
            signal.signal(number, ours)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def mark() -> str:
    """Mark all processes that are started from now on, and return the mark."""
    os.environ[VARIABLE] = uuid.uuid4().hex
    return os.environ[VARIABLE]


def marked(text: str) -> list[psutil.Process]:
    """Return the other processes that carry the mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(VARIABLE) == text and process.pid != os.getpid():
                command = " ".join(process.cmdline())
                if not any(helper in command for helper in HELPERS):
                    found.append(process)
    return found


def still_there(text: str, seconds: float = 20.0) -> list[str]:
    """Kill the processes that carry the mark, except those just ending, and return their names."""
    _, left = psutil.wait_procs(marked(text), seconds)
    said = []
    for process in left:
        with suppress(psutil.Error):
            said.append(f"{process.pid} {process.cmdline()}")
            process.kill()
    return said


@contextmanager
def watched(text: str) -> Iterator[None]:
    """Run a watcher during the block."""
    with subprocess.Popen(
        [sys.executable, __file__, str(os.getpid()), text],
        env={name: value for name, value in os.environ.items() if name != VARIABLE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as watcher:
        yield
        watcher.kill()


def main() -> None:
    """Run the watcher: ``python leftovers.py PROCESS MARK``."""
    with suppress(ProcessLookupError):  # it may have ended before the watcher was there
        process = os.pidfd_open(int(sys.argv[1]))
        select.select([process], [], [])
    still_there(sys.argv[2], 0.0)


if __name__ == "__main__":
    main()
