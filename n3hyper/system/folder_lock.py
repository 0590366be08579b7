"""Lock that gives a folder one writer, and ends with the process that holds it."""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from n3hyper.errors import StoreError
from n3hyper.system.own_files import ForeignFileError, open_unfollowed

LOCK_FILE: Final = ".n3hyper.lock"
OCCUPIED: Final = "another process is writing here"
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""Errors of file systems that have no locks."""
_SIGNATURE: Final = re.compile(rb"(process \d+ on [^\n]*\n?)?")
_LONGEST: Final = 300
_PATIENCE: Final = 0.2
"""Seconds for which a lock is waited for: whoever asks for its holder has it for an instant."""

log = logging.getLogger(__name__)


@contextmanager
def locked_folder(folder: Path, occupied: str = OCCUPIED) -> Iterator[None]:
    """Hold `folder` for this process.

    The lock is the operating system's (flock) on a small file that stays behind; the file alone
    locks nothing, so that one left by a dead process is no obstacle. It names its holder. Some
    network file systems have no locks: the block then runs without one, and a warning says so.

    Parameters
    ----------
    occupied
        The error's words for a folder that another process holds.

    Raises
    ------
    StoreError
        when another process holds the folder, or it cannot be written to.
    ForeignFileError
        when something else has the name of the lock file; it is left unchanged.
    """
    from filelock import FileLock, Timeout

    path = folder / LOCK_FILE
    # preserved: otherwise filelock takes the mere presence of the file for a lock without flock
    lock = FileLock(
        path, timeout=_PATIENCE, preserve_lock_file=True, on_acquired=partial(_sign, path)
    )
    try:
        lock.acquire(poll_interval=_PATIENCE / 4)
    except Timeout as err:
        raise StoreError(f"{folder}: {occupied} ({_holder(path)})") from err
    except OSError as err:
        if err.errno == errno.ELOOP or isinstance(err, IsADirectoryError):
            raise ForeignFileError(path, "is not the file of a lock") from err
        if err.errno not in _NO_LOCKS:
            raise StoreError(f"{folder}: cannot be written to: {err.strerror or err}") from err
        log.warning(
            "%s: cannot be locked (%s); make sure that nobody else writes here", folder, err
        )
    try:
        yield
    finally:
        lock.release()


def _sign(path: Path, descriptor: int) -> None:
    """Write the holder's name into the lock file; only an earlier such line is overwritten."""
    about = os.fstat(descriptor)
    if about.st_nlink > 1:  # the file has a second name, as in a copy made of hard links
        return
    ours = stat.S_ISREG(about.st_mode) and about.st_size <= _LONGEST
    if not (ours and _SIGNATURE.fullmatch(os.pread(descriptor, _LONGEST, 0))):
        raise ForeignFileError(path, "is not the file of a lock")
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{this_process()}\n".encode(), 0)


def this_process() -> str:
    """Return how the lock of a folder names this process as its holder."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def holder_of(folder: Path) -> str | None:
    """Return the process that holds a folder, as it names itself; None where none does.

    The folder is not changed.

    Raises
    ------
    StoreError
        when the file system has no locks, or the folder cannot be looked at.
    """
    import fcntl

    path = folder / LOCK_FILE
    try:
        descriptor = open_unfollowed(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise StoreError(f"{path}: cannot be read: {err.strerror or err}") from err
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as err:
        if err.errno in _NO_LOCKS:
            raise StoreError(
                f"{folder}: cannot be locked, so that nothing says who writes"
            ) from err
        return _holder(path)
    finally:
        os.close(descriptor)
    return None


def _holder(path: Path) -> str:
    """Return the process that the lock file names as its holder."""
    try:
        descriptor = open_unfollowed(path, os.O_RDONLY)
    except (OSError, ForeignFileError):
        return "unknown process"
    try:
        content = os.read(descriptor, _LONGEST)
    finally:
        os.close(descriptor)
    signed = _SIGNATURE.fullmatch(content)
    return (signed.group() if signed else b"").decode(errors="replace").strip() or "unknown process"
