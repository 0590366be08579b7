"""Opening and reading files: regular ones alone, and no more than was agreed on."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises
    ------
    OSError
        It cannot be opened, or is something else: a pipe that nobody writes to would be waited for
        without end, and a device may have no end.
    """
    # without O_NONBLOCK the opening of a pipe waits for a writer
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a file but a folder, a pipe or a device", str(path))
    return file


def read_regular(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file.

    Parameters
    ----------
    most
        Number of bytes that it may have.

    Raises
    ------
    OSError
        It cannot be read, is no regular file, or is larger.
    """
    with open_regular(path) as file:
        # it is not read to find out: a sparse file of terabytes takes no room on a disk
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"larger than {_words(most)}", str(path))
        return file.read(size)


def _words(size: int) -> str:
    """A number of bytes in words.

    >>> _words(8 * 2**20), _words(2**31), _words(100)
    ('8 MiB', '2 GiB', '100 bytes')
    """
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} bytes"
