"""A database in an archive: ``<database>/<collection>.bson``, as mongodump lays it out.

The documents are read from the server, so that the archive is whole while the server runs, of any
server on any host, and can be put into a server of another kind.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.data_folder import (
    data_in_archive,
    data_in_folder,
    server_of,
    server_of_folder,
)

if TYPE_CHECKING:
    from pymongo.database import Database

COLLECTIONS: Final = ("scans", "jobs")
"""What is kept; who was working is not."""
_LARGEST: Final = 4 * 2**30
"""Bytes that an archive may unpack to."""
_BATCH: Final = 500


def write_archive(database: Database[dict[str, Any]], name: str) -> bytes:
    """The archive of a database."""
    import bson

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for collection in COLLECTIONS:
            content = b"".join(bson.encode(each) for each in database[collection].find())
            member = tarfile.TarInfo(f"{name}/{collection}.bson")
            member.size, member.mtime, member.mode = len(content), int(time.time()), 0o600
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def extract_archive(path: Path, folder: Path) -> Path:
    """Unpack an archive of one folder of files; the folder.

    Raises
    ------
    StoreError
        It is something else, or cannot be read; nothing has been written.
    """
    try:
        with tarfile.open(path) as archive:
            members = list(_checked(path, archive))
            top = _top(path, members)
            archive.extractall(folder, members=members, filter="data")
    except (tarfile.TarError, EOFError, OSError) as err:
        raise StoreError(f"{path}: cannot be unpacked: {err}") from err
    return folder / top


def _checked(path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members, each checked before the next one is looked for."""
    total = 0
    for member in archive:
        total += member.size
        if total > _LARGEST:
            raise StoreError(f"{path}: unpacks to more than {_LARGEST >> 30} GiB")
        name = PurePosixPath(member.name)
        if not (member.isfile() or member.isdir()):
            raise StoreError(f"{path}: {member.name!r} is neither a file nor a folder")
        if name.is_absolute() or ".." in name.parts or not name.parts:
            raise StoreError(f"{path}: {member.name!r} leads out of the folder")
        if server := server_of([member.name]):
            raise StoreError(data_in_archive(path, server, name.parts[0]))
        yield member


def _top(path: Path, members: list[tarfile.TarInfo]) -> str:
    """The one folder that all members lie in."""
    tops = {PurePosixPath(member.name).parts[0] for member in members}
    if len(tops) != 1:
        raise StoreError(f"{path}: not the archive of one database")
    return tops.pop()


@contextmanager
def opened_dump(source: Path) -> Iterator[Path]:
    """Give the folder of an archive's documents, unpacked for the time of the block.

    Parameters
    ----------
    source
        An archive, or the folder that it was unpacked to.

    Raises
    ------
    StoreError
        It is something else.
    """
    with tempfile.TemporaryDirectory(prefix="n3hyper-") as scratch:
        yield source if source.is_dir() else extract_archive(source, Path(scratch))


def unpacked_files(folder: Path) -> list[Path]:
    """The files of documents in a folder that an archive was unpacked to."""
    files = (folder / f"{name}.bson" for name in COLLECTIONS)
    return [file for file in files if file.is_file()]


def restore(database: Database[dict[str, Any]], folder: Path) -> int:
    """Put the documents of an unpacked archive into a database; how many there were.

    Documents that are there already stay as they are.

    Raises
    ------
    StoreError
        The folder holds no such documents.
    """
    import bson
    from pymongo import UpdateOne
    from pymongo.errors import PyMongoError

    files = {file.stem: file for file in unpacked_files(folder)}
    if not files:
        server = server_of_folder(folder)
        if server is not None:
            raise StoreError(data_in_folder(folder, server))
        wanted = " or ".join(f"{name}.bson" for name in COLLECTIONS)
        raise StoreError(f"{folder}: holds no {wanted}")
    number = 0
    for name, file in files.items():
        try:
            documents = bson.decode_all(file.read_bytes())
            updates = [
                UpdateOne({"_id": each["_id"]}, {"$setOnInsert": each}, upsert=True)
                for each in documents
            ]
            for start in range(0, len(updates), _BATCH):
                database[name].bulk_write(updates[start : start + _BATCH], ordered=False)
        except (OSError, KeyError, bson.errors.BSONError, PyMongoError) as err:
            raise StoreError(f"{file}: cannot be restored: {err}") from err
        number += len(documents)
    return number
