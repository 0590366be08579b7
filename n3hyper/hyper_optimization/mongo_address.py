"""Where a database is: its URI, kept out of command lines and messages where it holds a password.

An address is given as a URI without a password, as the path of a file that holds one (the file
`URI_FILE` that ``n3hyper mongod`` writes into its folder, readable by its owner alone), or by the
environment variable `VARIABLE`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus, urlsplit, urlunsplit

from n3hyper.errors import StoreError

DATABASE: Final = "hyperopt-db"
PORT: Final = 27017
DEFAULT_URI: Final = f"mongodb://localhost:{PORT}/{DATABASE}"
VARIABLE: Final = "N3HYPER_MONGO_URI"
URI_FILE: Final = "uri"
SCHEMES: Final = ("mongodb", "mongodb+srv")
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def find_uri(given: str | None = None) -> str:
    """The URI of what the user named, else of the environment, else `DEFAULT_URI`.

    Raises
    ------
    StoreError
        It is no URI, it has a password and came by the command line, or its file can be read by
        others.
    """
    if given is None:
        return checked(os.environ.get(VARIABLE) or DEFAULT_URI)
    if "://" not in given:
        return _from_file(Path(given))
    if urlsplit(given).password is not None:
        raise StoreError(
            f"{without_password(given)}: every user of this host can read a password on a command "
            f"line; put the URI into a file of mode 0600 and name the file, or into {VARIABLE}"
        )
    return checked(given)


def _from_file(path: Path) -> str:
    """The URI in a file, or in the `URI_FILE` of a folder."""
    if path.is_dir():
        path = path / URI_FILE
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            uri = file.read(10_000).strip()
    except FileNotFoundError as err:
        raise StoreError(
            f"{path}: neither a URI (mongodb://host:port/database) nor a file that holds one"
        ) from err
    except (OSError, UnicodeDecodeError) as err:
        raise StoreError(f"{path}: cannot be read: {err}") from err
    if urlsplit(uri).password is not None and stat.S_IMODE(mode) & 0o077:
        raise StoreError(f"{path}: holds a password and is readable by others; chmod 600 {path}")
    return checked(uri)


def checked(uri: str) -> str:
    """`uri` with a database: `DATABASE` where it names none.

    Examples
    --------
    >>> checked("mongodb://node7:27018")
    'mongodb://node7:27018/hyperopt-db'
    >>> checked("node7:27018")
    Traceback (most recent call last):
    ...
    n3hyper.errors.StoreError: not the URI of a database, such as mongodb://localhost:27017/hyperopt-db

    Raises
    ------
    StoreError
        It is not of the form mongodb://host:port/database.
    """
    parts = urlsplit(uri)
    if parts.scheme not in SCHEMES or not parts.netloc:
        # what it is instead may hold a password
        raise StoreError(f"not the URI of a database, such as {DEFAULT_URI}")
    path = parts.path if parts.path.strip("/") else f"/{DATABASE}"
    return urlunsplit(parts._replace(path=path))


def database_name(uri: str) -> str:
    """The database of a `checked` URI.

    >>> database_name("mongodb://localhost:27017/scan-7?authSource=admin")
    'scan-7'
    """
    return urlsplit(uri).path.strip("/")


def without_password(uri: str) -> str:
    """The URI as it may be shown.

    >>> without_password("mongodb://me:secret@node7:27017/hyperopt-db")
    'mongodb://me@node7:27017/hyperopt-db'
    """
    parts = urlsplit(uri)
    credentials, at, hosts = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}{at}{hosts}"))


def make_uri(
    host: str, port: int, database: str, user: str | None = None, password: str | None = None
) -> str:
    """A URI of its parts.

    >>> make_uri("::1", 27017, "hyperopt-db")
    'mongodb://[::1]:27017/hyperopt-db'
    """
    place = f"[{host}]" if ":" in host else host
    credentials = ""
    if user is not None and password is not None:
        credentials = f"{quote_plus(user)}:{quote_plus(password)}@"
    return f"mongodb://{credentials}{place}:{port}/{database}"


def is_loopback(host: str) -> bool:
    """Whether only this host can reach that address.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    return host in LOOPBACK or host.startswith("127.")
