"""Unpacking tar archives within bounds: of what they unpack to, and of what describes it.

A gzip of a megabyte may unpack to a gigabyte of nothing, and the headers of a tar (names, comments)
may be as long as its files. What is read of an archive is counted, and has to be in proportion to
its length; headers are looked at before what they announce is read. All members are looked at once
before the first one is written.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

from n3hyper.foreign.files import open_regular

LARGEST: Final = 4 * 2**30
"""Bytes that an archive may unpack to."""
_ROOM: Final = 16 * 2**20
"""Bytes that any archive may unpack to, however short it is."""
_RATIO: Final = 50
"""Times its own length that it may unpack to; documents of trials are some ten times as long."""
_MOST_MEMBERS: Final = 1000
_LONGEST_HEADER: Final = 64 * 2**10
"""Bytes of a member's extended header or long name."""
_LONGEST_PATH: Final = 1000
_DECODER: Final = 64 * 2**20
"""Bytes that the decoder of an xz archive may take; those of the usual presets take up to 65 MB."""


class ArchiveError(Exception):
    """The file is no archive, or one that is not unpacked; the text says why."""


def unpack(path: Path, folder: Path, refuse: Callable[[str], str] = lambda name: "") -> list[str]:
    """Unpack an archive of files and folders; return the names of its members.

    Parameters
    ----------
    path
        A tar, as it is or compressed by gzip, bzip2 or xz.
    folder
        It exists.
    refuse
        Given the name of a member, says why there may be none of it; an empty text if there may.

    Raises
    ------
    ArchiveError
        It is something else, torn, beyond the bounds, or holds links, devices or paths that lead
        out of the folder. Nothing has been written then.
    OSError
        It cannot be read, or the files cannot be written.
    """
    with _opened(path, whole=True) as archive:
        names = [member.name for member in _checked(archive, refuse)]
    with _opened(path) as archive:
        # members are checked again as they come: the file may have changed meanwhile
        for member in _checked(archive, refuse):
            archive.extract(member, folder, filter="data")
    return names


@contextmanager
def _opened(path: Path, whole: bool = False) -> Iterator[tarfile.TarFile]:
    """The archive as a stream of members, with the errors of all its layers turned into one.

    With `whole`, what is compressed is read to its end, where its checksum stands.
    """
    try:
        with open_regular(path) as file, _decompressed(file) as stream:
            size = path.stat().st_size
            counted: Any = _Counted(stream, min(LARGEST, _ROOM + _RATIO * size))
            with tarfile.open(fileobj=counted, mode="r|", tarinfo=_Member) as archive:
                yield archive
            while whole and stream is not file and counted.read(2**20):
                pass
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as err:
        raise ArchiveError(f"no archive, or torn: {err}") from err
    except (ValueError, OverflowError, MemoryError, RecursionError) as err:
        raise ArchiveError(f"no archive, or torn: {type(err).__name__}") from err


def _decompressed(file: BinaryIO) -> BinaryIO:
    """The content of a file that may be compressed, by its first bytes."""
    start = file.read(6)
    file.seek(0)
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            return cast(BinaryIO, opener(file))
    return file


class _Xz(io.RawIOBase):
    """Reader of an xz file, whose decoder takes no more memory than `_DECODER`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = lzma.LZMADecompressor(memlimit=_DECODER)

    def read(self, size: int = -1) -> bytes:
        while not self._decoder.eof:
            raw = b""
            if self._decoder.needs_input:
                raw = self._file.read(2**16)
                if not raw:
                    raise EOFError("the compressed file ends too early")
            found = self._decoder.decompress(raw, size)
            if found:
                return found
        return b""


_OPENERS: Final[dict[bytes, Callable[[BinaryIO], Any]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": _Xz,
}


class _Counted:
    """A stream that ends in an error where more is read of it than was agreed on."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream, self._left = stream, most

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size > 0:
            part = self._stream.read(min(size, 2**20))
            if not part:
                break
            parts.append(part)
            size -= len(part)
            self._left -= len(part)
            if self._left < 0:
                raise ArchiveError("unpacks to more than its length has room for")
        return b"".join(parts)


class _Member(tarfile.TarInfo):
    """A member whose header is looked at before what follows it is read."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size < 0:
            raise ArchiveError("a member of negative length")
        if self.type in _DESCRIPTIONS and self.size > _LONGEST_HEADER:
            raise ArchiveError(f"a header of {self.size} bytes")
        if self.type not in (*_DESCRIPTIONS, *tarfile.REGULAR_TYPES, tarfile.DIRTYPE):
            raise ArchiveError(f"{self.name!r} is neither a file nor a folder")
        processed: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]
        return processed


_DESCRIPTIONS: Final = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
"""Types of what stands before a member and describes it."""


def _checked(archive: tarfile.TarFile, refuse: Callable[[str], str]) -> Iterator[tarfile.TarInfo]:
    """The members, each checked before the next one is looked for."""
    total = 0
    for number, member in enumerate(archive):
        # tarfile keeps all that it has seen
        archive.members.clear()  # type: ignore[attr-defined]
        total += member.size
        if total > LARGEST:
            raise ArchiveError(f"unpacks to more than {LARGEST >> 30} GiB")
        if number >= _MOST_MEMBERS:
            raise ArchiveError(f"more than {_MOST_MEMBERS} members")
        name = PurePosixPath(member.name)
        if not (member.isfile() or member.isdir()) or member.issparse():
            raise ArchiveError(f"{member.name!r} is neither a file nor a folder")
        if len(member.name) > _LONGEST_PATH:
            raise ArchiveError(f"a name of {len(member.name)} characters")
        if name.is_absolute() or ".." in name.parts or not name.parts:
            raise ArchiveError(f"{member.name!r} leads out of the folder")
        if reason := refuse(member.name):
            raise ArchiveError(reason)
        yield member
