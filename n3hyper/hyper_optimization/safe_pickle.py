"""Reading the pickle of a store without running anything of it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreError

ADMITTED: Final = ("n3hyper.hyper_optimization.filetrials", "FileTrials")
_BROKEN: Final = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    ImportError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""What reading bytes that are not a whole pickle may raise."""


class MissingStoreError(StoreError, FileNotFoundError):
    """There are no trials where they were looked for."""

    exit_code = 2


class _Refused(pickle.UnpicklingError):
    """The pickle names a class that a store does not hold."""


class _State:
    """Stands in for the store: it takes the state and does nothing."""

    def __init__(self) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    """Knows one class, and not even that one is made."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) != ADMITTED:
            raise _Refused(f"{module}.{name}")
        return _State

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("a persistent object")


def missing(path: Path) -> MissingStoreError:
    """The error that says so of `path`."""
    return MissingStoreError(
        f"{path}: there is no such pickle; a scan writes tries.pkl to <output>/nnfit/replica_1"
    )


def read_state(path: Path) -> dict[str, Any]:
    """The state of the FileTrials in a pickle, in plain Python types.

    Raises
    ------
    MissingStoreError
        There is no such file.
    StoreError
        The file cannot be read, is not the whole pickle of a store, or names a class that a store
        does not hold; nothing of it runs.
    """
    try:
        with open(path, "rb") as file:
            loaded = _Unpickler(file).load()
            rest = file.read(1)
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as err:
        raise StoreError(f"{path}: cannot be read: {err.strerror or err}") from err
    except _Refused as err:
        raise StoreError(
            f"{path}: refused, it names {err}, which no store of trials holds"
        ) from err
    except _BROKEN as err:
        raise StoreError(
            f"{path}: not the pickle of a store of trials, or torn ({type(err).__name__})"
        ) from err
    if type(loaded) is not _State or not isinstance(loaded.state, dict) or rest:
        raise StoreError(f"{path}: not the pickle of a store of trials")
    return loaded.state
