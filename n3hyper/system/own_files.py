"""Safe opening of files in a folder that somebody else may have prepared with links.

A folder that was copied, unpacked or is shared may hold, under the name of a log or a lock, a link
to something precious. Such a link is refused, never followed, and no file is emptied or added to
before it is known to have no other name.
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
"""Folder whose links are the system's, such as /dev/stdout."""


class ForeignFileError(StoreError):
    """Error for a file that stands where this program wants to write, and was not made by it."""

    exit_code = 2

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}; it is left as it is: move it away and try again")


def open_unfollowed(path: Path, flags: int) -> int:
    """Open a file that has no other name, without following a link or waiting for a pipe.

    Parameters
    ----------
    flags
        Flags of `os.open`, without O_TRUNC, which would act before the file is checked.

    Returns
    -------
    int
        The descriptor.

    Raises
    ------
    ForeignFileError
        when it is a link, has a second name, or is not a file; nothing has been changed.
    OSError
        when it cannot be opened.
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
    """Open a log file to append to; create it if it is missing.

    Raises
    ------
    ForeignFileError
        as for `open_unfollowed`.
    StoreError
        when it cannot be opened.
    """
    try:
        descriptor = open_unfollowed(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    except OSError as err:
        raise StoreError(f"{path}: cannot be written: {err.strerror or err}") from err
    return os.fdopen(descriptor, "ab")


def write_output(path: Path, content: bytes) -> None:
    """Write a file that a user has named; create its folder if it is missing.

    A file is replaced as a whole; a device or a pipe is written to.

    Raises
    ------
    ForeignFileError
        when it is a link: the file that it points to is not overwritten.
    StoreError
        when it cannot be written.
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
