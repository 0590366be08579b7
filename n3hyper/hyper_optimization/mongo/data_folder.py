"""Contents of a folder of data: the server that made it, or documents that wait to be restored."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

MONGOD: Final = "mongod"
EMBEDDED: Final = "embedded"
_MARKS: Final = {
    "_mdb_catalog.wt": MONGOD,
    "storage.bson": MONGOD,
    "sizeStorer.wt": MONGOD,
    "secantus_collections.wt": EMBEDDED,
}
"""Files that only one of the servers makes."""
SERVERS: Final = {MONGOD: "a mongod", EMBEDDED: "the embedded server (SecantusDB)"}
"""How messages name them."""


def server_of(names: Iterable[str]) -> str | None:
    """Return the server that made files of these names; None where that is not known.

    >>> server_of(["hyperopt-db/WiredTiger", "hyperopt-db/_mdb_catalog.wt"])
    'mongod'
    >>> server_of(["hyperopt-db/jobs.bson"]) is None
    True
    """
    found = (_MARKS.get(PurePosixPath(name).name) for name in names)
    return next((server for server in found if server), None)


def server_of_folder(folder: Path) -> str | None:
    """Return the server that made the files in a folder; None where that is not known."""
    return server_of(_MARKS.keys() & {file.name for file in folder.glob("*.*")})


def data_in_folder(folder: Path, server: str) -> str:
    """Return the message on a folder of a server's data where documents are wanted."""
    return (
        f"{folder}: holds data of {SERVERS[server]}, not documents; that server reads them: "
        f"{_start(server, folder)}"
    )


def data_in_archive(server: str, top: str, path: Path) -> str:
    """Return the message on an archive of such a folder, whose name is `top`."""
    n3fit = "; n3fit archives these, and n3hyper report reads the tries.json beside"
    return (
        f"holds data of {SERVERS[server]}, not documents"
        f"{n3fit if server == MONGOD else ''}; that server reads them: "
        f"tar -xf {shlex.quote(str(path))} && {_start(server, top)}"
    )


def _start(server: str, folder: Path | str) -> str:
    """The command that starts a server on its own data."""
    return f"n3hyper mongod --engine {server} --dbpath {shlex.quote(str(folder))}"
