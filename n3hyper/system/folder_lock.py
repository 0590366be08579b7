"""One writer to a folder: a lock that ends with the process that holds it."""

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
"""What file systems answer that have no locks."""
_SIGNATURE: Final = re.compile(rb"(process \d+ on [^\n]*\n?)?")
_LONGEST: Final = 300

log = logging.getLogger(__name__)


@contextmanager
def locked_folder(folder: Path, occupied: str = OCCUPIED) -> Iterator[None]:
    """Hold `folder` for this process.

    The lock is the operating system's (flock) on a small file that stays behind; the file alone
    locks nothing, so that one left by a dead process is no obstacle. It names who holds it. Some
    network file systems know no locks: there the block runs without, and a warning says so.

    Parameters
    ----------
    occupied
        What is said of a folder that another process holds.

    Raises
    ------
    StoreError
        Another process holds it, or the folder cannot be written to.
    ForeignFileError
        What has the name of the lock file is something else; it stays as it is.
    """
    from filelock import FileLock, Timeout

    path = folder / LOCK_FILE
    # preserved: else filelock takes the mere presence of the file for a lock where flock is missing
    lock = FileLock(path, blocking=False, preserve_lock_file=True, on_acquired=partial(_sign, path))
    try:
        lock.acquire()
    except Timeout as err:
        raise StoreError(f"{folder}: {occupied} ({_holder(path)})") from err
    except OSError as err:
        if err.errno == errno.ELOOP or isinstance(err, IsADirectoryError):
            raise ForeignFileError(path, "is not the file of a lock") from err
        if err.errno not in _NO_LOCKS:
            raise StoreError(f"{folder}: cannot be written to: {err.strerror or err}") from err
        log.warning("%s: cannot be locked (%s); see that nobody else writes here", folder, err)
    try:
        yield
    finally:
        lock.release()


def _sign(path: Path, descriptor: int) -> None:
    """Let others read who holds the lock; nothing is overwritten that is not such a line."""
    about = os.fstat(descriptor)
    if about.st_nlink > 1:  # a file of another name as well, such as a copy of the folder has
        return
    ours = stat.S_ISREG(about.st_mode) and about.st_size <= _LONGEST
    if not (ours and _SIGNATURE.fullmatch(os.pread(descriptor, _LONGEST, 0))):
        raise ForeignFileError(path, "is not the file of a lock")
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)


def _holder(path: Path) -> str:
    """Who says that he holds the lock."""
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
