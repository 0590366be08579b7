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
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from n3hyper.errors import StoreError, StoreInputError
from n3hyper.foreign.archives import ArchiveError, unpack
from n3hyper.foreign.files import open_regular
from n3hyper.foreign.json_text import check_depth
from n3hyper.hyper_optimization.mongo.data_folder import (
    data_in_archive,
    data_in_folder,
    server_of,
    server_of_folder,
)
from n3hyper.hyper_optimization.record import MOST_CONTAINERS

if TYPE_CHECKING:
    from pymongo.database import Database

COLLECTIONS: Final = ("scans", "jobs")
"""What is kept; who was working is not."""
_SHORTEST_DOCUMENT: Final = 5
_LONGEST_DOCUMENT: Final = 8 * 2**20
"""Bytes of a document; a trial of ten folds and a thousand replicas has 2 MB."""
_BATCH: Final = 50


def write_archive(database: Database[dict[str, Any]], name: str) -> bytes:
    """The archive of a database."""
    import bson

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for collection in COLLECTIONS:
            content = b"".join(bson.encode(document) for document in database[collection].find())
            member = tarfile.TarInfo(f"{name}/{collection}.bson")
            member.size, member.mtime, member.mode = len(content), int(time.time()), 0o600
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def extract_archive(path: Path, folder: Path) -> Path:
    """Unpack an archive of one folder of files; return the folder.

    Raises
    ------
    StoreInputError
        It is something else, or cannot be read; nothing has been written.
    """
    try:
        # beside the folder first: an archive that is refused leaves nothing behind
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".n3hyper-", dir=folder) as scratch:
            names = unpack(path, Path(scratch), partial(_data_of_a_server, path))
            tops = {PurePosixPath(name).parts[0] for name in names}
            if len(tops) != 1:
                raise ArchiveError("not the archive of one database")
            (top,) = tops
            _move_into(Path(scratch) / top, folder / top)
    except ArchiveError as err:
        raise StoreInputError(f"{path}: {err}") from err
    except OSError as err:
        raise StoreInputError(f"{path}: cannot be unpacked: {err}") from err
    return folder / top


def _move_into(source: Path, target: Path) -> None:
    """Move what a folder holds into another; a link of the same name is replaced, not followed."""
    if target.is_symlink():
        raise ArchiveError(f"{target} is a link: not unpacked into what it leads to")
    target.mkdir(exist_ok=True)
    for item in source.iterdir():
        if item.is_dir():
            _move_into(item, target / item.name)
        else:
            item.replace(target / item.name)


@contextmanager
def opened_dump(source: Path) -> Iterator[Path]:
    """Give the folder of a dump, unpacked if it is an archive, all of its documents checked.

    Parameters
    ----------
    source
        An archive, or the folder that it was unpacked to.

    Raises
    ------
    StoreInputError
        It is something else, torn, or holds what is no document.
    """
    with tempfile.TemporaryDirectory(prefix="n3hyper-") as scratch:
        folder = source if source.is_dir() else extract_archive(source, Path(scratch))
        _check_dump(folder, source)
        yield folder


def _data_of_a_server(path: Path, member: str) -> str:
    """Return what to say of an archive with this member, where a server has made it."""
    server = server_of([member])
    return "" if server is None else data_in_archive(server, PurePosixPath(member).parts[0], path)


def _files(folder: Path, name: Path) -> dict[str, Path]:
    """The file of each collection of a dump that goes by `name`."""
    files = {name: folder / f"{name}.bson" for name in COLLECTIONS}
    present = {name: file for name, file in files.items() if file.is_file()}
    if not present:
        server = server_of_folder(folder)
        if server is not None:
            raise StoreInputError(data_in_folder(folder, server))
        raise StoreInputError(
            f"{name}: holds no {' or '.join(file.name for file in files.values())}"
        )
    return present


def _check_dump(folder: Path, name: Path) -> None:
    for file in _files(folder, name).values():
        for _ in read_documents(file, name):
            pass


def read_documents(file: Path, name: Path) -> Iterator[dict[str, Any]]:
    """Give the documents of a BSON file, one after the other.

    Parameters
    ----------
    name
        The dump that the file belongs to, as the user has named it.

    Raises
    ------
    StoreInputError
        The file cannot be read, or holds what is no document of a database of scans.
    """
    import bson

    try:
        with open_regular(file) as stream:
            while head := stream.read(4):
                length = int.from_bytes(head, "little")
                if not _SHORTEST_DOCUMENT <= length <= _LONGEST_DOCUMENT or len(head) < 4:
                    raise ValueError(f"a document of {length} bytes")
                document = bson.decode(head + stream.read(length - 4))
                if check_depth(document) > MOST_CONTAINERS:
                    raise ValueError(f"a document of more than {MOST_CONTAINERS} lists")
                if not isinstance(document.get("_id"), str):
                    raise ValueError("a document without a name (_id)")
                yield document
    except (OSError, ValueError, bson.errors.BSONError, RecursionError, OverflowError) as err:
        reason = err.strerror if isinstance(err, OSError) else err
        raise StoreInputError(f"{name}: {file.name} cannot be restored: {reason}") from err


def unpacked_files(folder: Path) -> list[Path]:
    """The files of documents in a folder that an archive was unpacked to."""
    files = (folder / f"{name}.bson" for name in COLLECTIONS)
    return [file for file in files if file.is_file()]


def restore(database: Database[dict[str, Any]], folder: Path) -> int:
    """Put the documents of an unpacked archive into a database; how many there were.

    Documents that are there already stay as they are. All are looked at before the first is put.

    Raises
    ------
    StoreInputError
        The folder holds no such documents.
    StoreError
        The database does not take them.
    """
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
    for name, file in _files(folder, folder).items():
        try:
            for documents in _batches(read_documents(file, folder)):
                updates = [
                    UpdateOne({"_id": document["_id"]}, {"$setOnInsert": document}, upsert=True)
                    for document in documents
                ]
                database[name].bulk_write(updates, ordered=False)
                number += len(documents)
        except PyMongoError as err:
            raise StoreError(f"{file}: cannot be restored: {err}") from err
    return number


def _batches(documents: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(documents, _BATCH)):
        yield batch
