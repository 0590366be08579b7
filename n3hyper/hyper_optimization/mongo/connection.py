"""Connections to the database, and requests that are repeated while it is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.address import AddressError, parse_uri, without_password

if TYPE_CHECKING:
    from pymongo.database import Database

SELECTION: Final = 2.0
"""Seconds in which a server has to answer before it counts as away."""
DATABASE_TIMEOUT: Final = 600.0
"""Seconds for which a database that is away is waited for."""
_PAUSE: Final = 0.5

T = TypeVar("T")
Document = dict[str, Any]


def open_database(uri: str) -> Database[Document]:
    """The database of `uri`; nothing is sent yet.

    What was acknowledged is in the server's journal. Text that is not UTF-8 and times beyond
    Python's calendar are read as something harmless: the content is not trusted.

    Raises
    ------
    AddressError
        The URI has mistakes.
    """
    import pymongo
    from bson.codec_options import CodecOptions, DatetimeConversion
    from pymongo.errors import ConfigurationError, InvalidURI

    address = parse_uri(uri)
    try:
        client: pymongo.MongoClient[Document] = pymongo.MongoClient(
            address.uri,
            serverSelectionTimeoutMS=int(SELECTION * 1000),
            connectTimeoutMS=5000,
            socketTimeoutMS=60_000,
            appname="n3hyper",
            w=1,
            journal=True,
        )
    except (ConfigurationError, InvalidURI, ValueError) as err:
        raise AddressError(f"{without_password(uri)}: {err}") from err
    options: CodecOptions[Document] = CodecOptions(
        unicode_decode_error_handler="replace",
        datetime_conversion=DatetimeConversion.DATETIME_CLAMP,
    )
    return client.get_database(address.database, codec_options=options)


def address_of(database: Database[Document]) -> str:
    """Return the URI of a database as it may be shown.

    >>> database = open_database("mongodb://me:secret@localhost:1/scan")
    >>> address_of(database)
    'mongodb://localhost:1/scan'
    >>> database.client.close()
    """
    seeds = database.client._topology_settings.seeds
    hosts = ",".join(f"{host}:{port}" for host, port in sorted(seeds))
    return f"mongodb://{hosts}/{database.name}"


def printable(text: str) -> str:
    r"""Return what a database says as a terminal may show it: one line without control characters.

    >>> printable("scan \x1b[2Jx\n")
    'scan ?[2Jx?'
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def answers(database: Database[Document]) -> bool:
    """Return whether the server answers, whatever it says."""
    from pymongo.errors import ConnectionFailure, OperationFailure

    try:
        database.command("ping")
    except ConnectionFailure:
        return False
    except OperationFailure:
        return True
    return True


@dataclass
class Retrying:
    """Repeats what a database that is away has not answered.

    Parameters
    ----------
    address
        As messages name it.
    timeout
        Seconds after which it gives up.
    say
        Is told once that the database is away, and once that it is back.
    revive
        Called again and again while the database is away: starts one that is this process's own.
    """

    address: str
    timeout: float = DATABASE_TIMEOUT
    say: Callable[[str], None] = lambda text: None
    revive: Callable[[], None] = lambda: None
    outages: int = 0
    """How often the database has been away."""

    def __call__(self, ask: Callable[[], T]) -> T:
        """Call `ask` until it returns.

        Raises
        ------
        StoreError
            The database does not answer for too long, or refuses.
        """
        from pymongo.errors import ConnectionFailure, OperationFailure

        away_since: float | None = None
        while True:
            try:
                answer = ask()
            except ConnectionFailure as err:
                now = time.monotonic()
                if away_since is None:
                    away_since = now
                    self.outages += 1
                    self.say(
                        f"the database at {self.address} does not answer; "
                        f"waiting up to {self.timeout:.0f} s"
                    )
                if now - away_since >= self.timeout:
                    raise StoreError(
                        f"the database at {self.address} has not answered for "
                        f"{time.monotonic() - away_since:.0f} s: given up"
                    ) from err
                time.sleep(_PAUSE)
                self.revive()
            except OperationFailure as err:
                raise refusal(self.address, err) from err
            else:
                if away_since is not None:
                    self.say(f"the database at {self.address} is back")
                return answer


_UNAUTHORIZED: Final = (13, 18)


def refusal(address: str, error: Any) -> StoreError:
    """Return what a server's refusal means for the user."""
    if error.code in _UNAUTHORIZED:
        return StoreError(
            f"the database at {address} wants a user and a password: give the file that holds its "
            "URI (n3hyper mongod writes one, named uri, into its folder)"
        )
    return StoreError(f"the database at {address} refuses: {printable(str(error))}")
