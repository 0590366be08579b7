"""Signals that end a program: at once, but never in the middle of saving.

A signal becomes KeyboardInterrupt in the main thread. Python raises it between two of its own
steps, and the next step may be long in coming while the main thread compiles or reads. All that
has finished is on the disk, so a second thread ends the process if the main one does not react.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)
"""Ctrl-C, and the signals that batch systems send before they kill."""
GRACE: Final = 3.0
"""Seconds that the main thread has to react."""
INTERRUPTED: Final = 130
"""Exit status of an interrupted program."""

_saving: Final = threading.Lock()
"""Lock held while something finished is being saved."""


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer the `SIGNALS` that arrive during the block to its end.

    Outside the main thread, where signals are not handled, only the exit described above waits.
    """
    if not _is_main_thread():
        with _saving:
            yield
        return
    arrived: list[int] = []

    def put_off(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    # a handler that is None was not installed from Python and cannot be restored
    before = {number: signal.getsignal(number) for number in SIGNALS}
    changed = [number for number in SIGNALS if before[number] not in (None, signal.SIG_IGN)]
    try:
        for number in changed:
            signal.signal(number, put_off)
        with _saving:
            yield
    finally:
        for number in changed:
            signal.signal(number, before[number])
        for number in sorted(set(arrived)):
            signal.raise_signal(number)


@contextmanager
def interrupted_by_signals(
    last_words: Callable[[], str], grace: float = GRACE, status: int = INTERRUPTED
) -> Iterator[None]:
    """Let each of `SIGNALS` raise KeyboardInterrupt; end the process if that has no effect.

    Parameters
    ----------
    last_words
        Gives the text to print to standard error when the process is ended.
    grace
        Seconds between a signal and that end.
    status
        Exit status of that end.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    over = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def watch() -> None:
        while number := os.read(reader, 1):
            if number[0] in SIGNALS:
                break
        else:
            return
        while not over.wait(grace):
            # a save under way is allowed to finish
            if _saving.acquire(blocking=False):
                print(last_words(), file=sys.stderr, flush=True)
                os._exit(status)

    # a job in the background of a shell ignores Ctrl-C
    heard = [n for n in SIGNALS if (n, signal.getsignal(n)) != (signal.SIGINT, signal.SIG_IGN)]
    before = {number: signal.signal(number, interrupt) for number in heard}
    woken_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, name="watch for signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(woken_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writer)
        watcher.join()
        os.close(reader)
