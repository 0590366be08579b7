"""Address of a database: its URI, kept out of command lines and messages where it has a password.

An address is given as a URI without a password, as the path of a file that holds one (the file
`URI_FILE` that ``n3hyper mongod`` writes into its folder, readable by its owner alone), or by the
environment variable `VARIABLE`.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus, unquote_plus

from n3hyper.errors import StoreError

DATABASE: Final = "hyperopt-db"
PORT: Final = 27017
DEFAULT_URI: Final = f"mongodb://localhost:{PORT}/{DATABASE}"
VARIABLE: Final = "N3HYPER_MONGO_URI"
URI_FILE: Final = "uri"
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_HIDDEN: Final = "***"
_LONGEST: Final = 10_000
"""Characters of a file that holds a URI."""
_URI: Final = re.compile(
    r"(?P<scheme>mongodb(\+srv)?)://((?P<credentials>.*)@)?"
    r"(?P<hosts>[^@/?#]+)(/(?P<database>[^@/?#]*))?(\?(?P<options>[^@#]*))?",
    re.DOTALL,
)
_ENCODED: Final = r"(?:[^:/?#\[\]@%\s]|%[0-9A-Fa-f]{2})+"
_CREDENTIALS: Final = re.compile(f"(?P<user>{_ENCODED})(:(?P<password>{_ENCODED}))?")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+)(:(?P<port>\d{1,5}))?")


class AddressError(StoreError):
    """Text that is not the address of a database, or an address given in the wrong way."""

    exit_code = 2


@dataclass(frozen=True)
class Address:
    """The parts of a URI."""

    scheme: str
    user: str | None
    password: str | None
    """Both in clear text."""
    hosts: str
    """With ports, separated by commas."""
    database: str
    options: str

    @property
    def port(self) -> int:
        """Return the port of the first host; 0 where the URI names none."""
        found = _HOST.fullmatch(self.hosts.partition(",")[0])
        return int(found["port"] or 0) if found else 0

    @property
    def uri(self) -> str:
        """The URI itself."""
        credentials = "" if self.user is None else quote_plus(self.user)
        credentials += "" if self.password is None else f":{quote_plus(self.password)}"
        options = f"?{self.options}" if self.options else ""
        at = "@" if credentials else ""
        return f"{self.scheme}://{credentials}{at}{self.hosts}/{self.database}{options}"


def find_uri(given: str | None = None) -> str:
    """The URI of what the user named, else of the environment, else `DEFAULT_URI`.

    Raises
    ------
    AddressError
        It is no URI, it has a password and came by the command line, or its file can be read by
        others.
    """
    if given is None:
        return checked(os.environ.get(VARIABLE) or DEFAULT_URI)
    if "://" not in given:
        return _from_file(given)
    if _may_hold_password(given):
        raise AddressError(
            f"{without_password(given)}: every user of this host can read a password on a command "
            "line; put the URI, user and password percent-encoded, into a file of mode 0600 and "
            "name the file"
        )
    return checked(given)


def _from_file(name: str) -> str:
    """The URI in a file, or in the `URI_FILE` of a folder."""
    path, shown = Path(name), without_password(name)
    try:
        if path.is_dir():
            path, shown = path / URI_FILE, str(path / URI_FILE)
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            uri = file.read(_LONGEST).strip()
    except FileNotFoundError as err:
        raise AddressError(
            f"{shown}: neither a URI (mongodb://host:port/database) nor a file that holds one"
        ) from err
    except (OSError, ValueError) as err:
        # the text of an error has the name again
        problem = err.strerror if isinstance(err, OSError) else "no text"
        raise AddressError(f"{shown}: cannot be read: {problem}") from err
    if _may_hold_password(uri) and stat.S_IMODE(mode) & 0o077:
        raise AddressError(f"{shown}: holds a password and is readable by others; chmod 600 {path}")
    try:
        return checked(uri)
    except AddressError as err:
        raise AddressError(f"{shown}: {err}") from err


def _may_hold_password(uri: str) -> bool:
    """Return whether there is more than the name of a user, in whatever spelling."""
    return ":" in uri.partition("://")[2].rpartition("@")[0]


def parse_uri(uri: str) -> Address:
    """The parts of a URI; the database is `DATABASE` where it names none.

    Raises
    ------
    AddressError
        It is not of the form mongodb://host:port/database. The message shows nothing that may
        belong to a password.
    """
    found = _URI.fullmatch(uri)
    if found is None and "@" not in uri.partition("://")[2]:
        raise AddressError(f"not the URI of a database, such as {DEFAULT_URI}")
    credentials = None if found is None else found["credentials"]
    login = None if credentials is None else _CREDENTIALS.fullmatch(credentials)
    if found is None or (credentials is not None and login is None):
        raise AddressError(
            f"{without_password(uri)}: not the URI of a database: user and password must be "
            "percent-encoded, / as %2F, ? as %3F, # as %23, @ as %40, : as %3A, % as %25"
        )
    if not all(_HOST.fullmatch(host) for host in found["hosts"].split(",")):
        raise AddressError(f"not the URI of a database, such as {DEFAULT_URI}")
    user, password = (None, None) if login is None else login.group("user", "password")
    return Address(
        found["scheme"],
        None if user is None else unquote_plus(user),
        None if password is None else unquote_plus(password),
        found["hosts"],
        found["database"] or DATABASE,
        found["options"] or "",
    )


def checked(uri: str) -> str:
    """`uri` with a database: `DATABASE` where it names none.

    Examples
    --------
    >>> checked("mongodb://node7:27018")
    'mongodb://node7:27018/hyperopt-db'
    >>> checked("node7:27018")
    Traceback (most recent call last):
    ...
    n3hyper.hyper_optimization.mongo.address.AddressError: not the URI of a database, such as mongodb://localhost:27017/hyperopt-db

    Raises
    ------
    AddressError
        See `parse_uri`.
    """
    return parse_uri(uri).uri


def database_name(uri: str) -> str:
    """The database of a URI.

    >>> database_name("mongodb://localhost:27017/scan-7?authSource=admin")
    'scan-7'
    """
    return parse_uri(uri).database


def without_password(uri: str) -> str:
    """Return what may be shown of text that was given as an address, whatever it looks like.

    Nothing before its last @ is shown where that may be a password, and no options.

    >>> without_password("mongodb://me:secret@node7:27017/hyperopt-db?tlsInsecure=true")
    'mongodb://***@node7:27017/hyperopt-db'
    >>> without_password("me:sec/ret@node7")
    '***@node7'
    >>> without_password("folder/uri")
    'folder/uri'
    """
    scheme, separator, rest = uri.partition("://") if "://" in uri else ("", "", uri)
    if not separator and ":" not in rest.rpartition("@")[0]:
        return uri
    _, at, shown = rest.rpartition("@")
    known = scheme if re.fullmatch(r"[a-z+]*", scheme) else _HIDDEN
    return f"{known}{separator}{_HIDDEN if at else ''}{at}{shown.partition('?')[0]}"


def as_option(given: str | None) -> str | None:
    """Return the option by which the database was found, for a command that is printed.

    None where it names a user: such a URI belongs into a file or the environment.

    >>> as_option("mongodb://node7/db"), as_option("mongodb://me:secret@node7/db")
    ('mongodb://node7/db', None)
    """
    return None if given is None or _HIDDEN in without_password(given) else given


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
    """Return whether only this host can reach that address.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    return host in LOOPBACK or host.startswith("127.")
