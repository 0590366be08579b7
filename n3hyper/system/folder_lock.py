"""One scan to a folder: a lock that dies with the process that holds it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from n3hyper.errors import StoreError

LOCK_FILE: Final = ".n3hyper.lock"
_HELD: Final = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)

log = logging.getLogger(__name__)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process.

    The lock is the operating system's (flock) on a small file that stays behind; the file alone
    locks nothing, so that one left by a dead process is no obstacle. Some network file systems
    know no locks: there the scan goes on without, and a warning says so.

    Raises
    ------
    StoreError
        Another process holds it, or the folder cannot be written to.
    """
    path = folder / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as err:
        raise StoreError(f"{folder}: cannot be written to: {err.strerror or err}") from err
    try:
        _lock(descriptor, folder)
        # who holds it is told to others where there is room for it
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as err:
        if err.errno not in _HELD:
            log.warning("%s: cannot be locked (%s); see that no second scan runs here", folder, err)
            return
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
        raise StoreError(
            f"{folder}: another scan is writing here ({holder or 'unknown process'})"
        ) from err
