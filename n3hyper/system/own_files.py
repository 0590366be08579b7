"""Files in a folder that somebody else may have prepared: no link leads out of it.

A folder that was copied, unpacked or is shared may hold, under the name of a log or a lock, a link
to something precious. Such a link is refused, never followed, and nothing is emptied or added to
before it is known to be a file that has no other name.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from n3hyper.errors import StoreError
from n3hyper.system.atomic_write import write_atomically

_SYSTEM: Final = Path("/dev")
"""Links in here are the system's, such as /dev/stdout."""


class ForeignFileError(StoreError):
    """A file that this program has not made stands where it wants to write."""

    exit_code = 2

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}; it is left as it is: move it away and try again")


def open_unfollowed(path: Path, flags: int) -> int:
    """Open a file that has no other name, without following a link or waiting for a pipe.

    Parameters
    ----------
    flags
        Of `os.open`; O_TRUNC would act before the file is known, and is not for here.

    Returns
    -------
    int
        The descriptor.

    Raises
    ------
    ForeignFileError
        It is a link, has a second name, or is no file; nothing has been changed.
    OSError
        It cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as err:
        if err.errno == errno.ELOOP or (err.errno == errno.ENXIO and not path.is_file()):
            raise ForeignFileError(path, "is a link or no file") from err
        raise
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        os.close(descriptor)
        raise ForeignFileError(path, "is no file, or one of two names")
    return descriptor


def open_log(path: Path) -> BinaryIO:
    """Open a log to add to; it is made where it is missing.

    Raises
    ------
    ForeignFileError
        See `open_unfollowed`.
    StoreError
        It cannot be opened.
    """
    try:
        descriptor = open_unfollowed(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    except OSError as err:
        raise StoreError(f"{path}: cannot be written: {err.strerror or err}") from err
    return os.fdopen(descriptor, "ab")


def write_output(path: Path, content: bytes) -> None:
    """Write a file that a user has named; its folder is made where it is missing.

    A file is replaced whole. A device or a pipe is written to.

    Raises
    ------
    ForeignFileError
        It is a link: the file that it points to is not overwritten.
    StoreError
        It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() and path.parent != _SYSTEM:
            raise ForeignFileError(path, f"is a link to {os.readlink(path)}")
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
    except OSError as err:
        raise StoreError(f"{path}: cannot be written: {err.strerror or err}") from err
    write_atomically(path, [content])
