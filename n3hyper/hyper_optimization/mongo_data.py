"""What lies in a folder of data: which server made it, or documents that wait to be restored."""

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
    """Which server has made files of these names; None where that is not known.

    >>> server_of(["hyperopt-db/WiredTiger", "hyperopt-db/_mdb_catalog.wt"])
    'mongod'
    >>> server_of(["hyperopt-db/jobs.bson"]) is None
    True
    """
    found = (_MARKS.get(PurePosixPath(name).name) for name in names)
    return next((server for server in found if server), None)


def server_of_folder(folder: Path) -> str | None:
    """Which server has made the files in a folder; None where that is not known."""
    return server_of(_MARKS.keys() & {file.name for file in folder.glob("*.*")})


def how_to_start(server: str, folder: Path | str) -> str:
    """The command that starts a server on files of its own."""
    return f"n3hyper mongod --engine {server} --dbpath {shlex.quote(str(folder))}"
