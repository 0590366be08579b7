"""Database servers for the tests: the embedded one, and the `mongod` on PATH if there is one."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from n3hyper.hyper_optimization.mongo.server import MongodRunner


def engines() -> list[str]:
    """Return the available servers; the embedded one belongs to the `test` extra."""
    return ["embedded", *(["mongod"] if shutil.which("mongod") else [])]


@contextmanager
def running(engine: str, dbpath: Path, **options: Any) -> Iterator[MongodRunner]:
    """Run a server on a free port during the block."""
    with MongodRunner(dbpath=dbpath, engine=engine, **{"db_port": 0, **options}) as server:
        yield server


def fresh_database(server: MongodRunner) -> str:
    """Return the URI of an unused database."""
    return urlunsplit(urlsplit(server.uri)._replace(path=f"/t{uuid.uuid4().hex[:12]}"))


FreshDatabase = Callable[[], str]
