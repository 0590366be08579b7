"""NumPy's files of arrays, which may say that they hold more than they do."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from n3hyper.foreign.files import read_regular

_LARGEST: Final = 256 * 2**20
"""Bytes of a file, and of the arrays in it."""
_ROOM: Final = 2**20
_RATIO: Final = 50
"""Times its own length that a compressed file may hold, and the room that any file has."""
_LONGEST_HEADER: Final = 10_000


def load_npy(content: bytes) -> NDArray[Any]:
    """Return the array of the bytes of an ``.npy`` file.

    Raises
    ------
    ValueError
        It is none, holds objects, or is not as long as it says.

    >>> buffer = io.BytesIO()
    >>> np.save(buffer, np.arange(3))
    >>> load_npy(buffer.getvalue())
    array([0, 1, 2])
    """
    stream = io.BytesIO(content)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in readers:
        raise ValueError("an array of another format")
    shape, fortran, dtype = readers[version](stream, max_header_size=_LONGEST_HEADER)
    start = stream.tell()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content) - start:
        raise ValueError("an array that is not as long as it says")
    if any(size < 0 for size in shape):
        raise ValueError("an array of negative length")
    empty = len(content) == start
    flat = np.empty(0, dtype) if empty else np.frombuffer(content, dtype, offset=start).copy()
    return flat.reshape(shape, order="F" if fortran else "C")


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` file by name.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is no such file, torn, or holds more than its length has room for.
    """
    content = read_regular(path, _LARGEST)
    left = min(_LARGEST, _ROOM + _RATIO * len(content))
    found: dict[str, NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                # a member may be longer than the archive says
                with archive.open(entry) as member:
                    part = member.read(left + 1)
                left -= len(part)
                if left < 0:
                    raise ValueError("holds more than its length has room for")
                found[entry.filename.removesuffix(".npy")] = load_npy(part)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"not a file of arrays, or torn: {error}") from error
    return found
