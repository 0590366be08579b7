"""Writing a file so that it holds the old content or the new one, whatever happens."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from n3hyper.errors import StoreError


def write_atomically(path: Path, chunks: Iterable[bytes | bytearray]) -> None:
    """Replace `path` by `chunks`, one after the other.

    A temporary file in the same folder is written, flushed to the disk and renamed, and the folder
    is flushed as well: after a kill or a loss of power the file is the one before or the one after.

    Raises
    ------
    StoreError
        It cannot be written; the file is as it was.
    """
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as err:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise StoreError(
            f"{path}: cannot be written, the last good state is kept: {err.strerror or err}"
        ) from err
    except BaseException:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise


def _umask() -> int:
    """The process's mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    """Make a rename last; not every file system can do it, and none needs it to be read."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
