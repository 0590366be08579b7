"""Atomic writing of files: a file holds the old content or the new one, whatever happens."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from n3hyper.errors import StoreError

_SUFFIX: Final = ".part"
"""Suffix of temporary files; a leftover one was being written by a process that was killed."""


def write_atomically(path: Path, chunks: Iterable[bytes | bytearray]) -> None:
    """Replace the content of `path` by `chunks`, one after the other.

    A temporary file in the same folder is written, flushed to the disk and renamed, and the folder
    is flushed as well: after a kill or a loss of power the file is the one before or the one after.

    Raises
    ------
    StoreError
        when it cannot be written; the file is then unchanged.
    """
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(_SUFFIX, f".{path.name}.", path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            os.fsync(file.fileno())
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


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a path for a library to write to; the file replaces `path` at the end of the block.

    It has the name of `path`, in a folder that nobody else has prepared.

    Raises
    ------
    StoreError
        See `write_atomically`; or the library could not write.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="n3hyper-") as scratch:
            part = Path(scratch) / path.name
            yield part
            content = part.read_bytes()
    except OSError as err:
        raise StoreError(f"{path}: cannot be written: {err.strerror or err}") from err
    write_atomically(path, [content])


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files that killed processes left behind when they wrote `path`.

    Call it only where no other process can be writing `path`.
    """
    for leftover in path.parent.glob(f".{path.name}.*{_SUFFIX}"):
        with suppress(OSError):
            leftover.unlink()


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    """Make a rename durable; a file system that cannot do so does without."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
