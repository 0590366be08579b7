"""Reading the pickle of a store without running anything of it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.commands import Word, command_line

ADMITTED: Final = ("n3hyper.hyper_optimization.filetrials", "FileTrials")
_OTHER_PROGRAMS: Final = ("n3fit", "hyperopt")
"""Packages whose pickles of trials are code, which is not run."""
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


class ForeignStoreError(StoreError):
    """The trials are those of another program, which alone can go on with them."""

    exit_code = 2


class _Refused(pickle.UnpicklingError):
    """The pickle names a class that a store does not hold."""


class _Foreign(_Refused):
    """The pickle is that of another program's trials."""


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
            foreign = module.split(".")[0] in _OTHER_PROGRAMS
            raise (_Foreign if foreign else _Refused)(f"{module}.{name}")
        return _State

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("a persistent object")


def missing(path: Path) -> MissingStoreError:
    """The error that says so of `path`."""
    return MissingStoreError(
        f"{path}: there is no such pickle; a scan writes tries.pkl to <output>/nnfit/replica_1"
    )


def ways_on(path: Path) -> str:
    """Return what can be done with trials of n3fit, whose ``tries.json`` lies beside `path`."""
    tries = path.with_name("tries.json")
    if not tries.is_file():
        return f"its trials could be read from {tries.name}, which is not beside it"
    folder = path.absolute().parent
    if folder.name.startswith("replica_") and folder.parent.name == "nnfit":
        folder = folder.parent.parent
    shown = f"its trials are shown by {command_line('report', folder)}"
    if not (folder / "filter.yml").is_file():
        return shown
    new: dict[str, Word] = {"select": 10, "as": "ranges", "export_runcard": "ranges.yml"}
    return (
        f"{shown}, and a new scan of the ranges in which the best ones lie begins with "
        f"{command_line('report', folder, **new)}"
    )


def read_state(path: Path) -> dict[str, Any]:
    """The state of the FileTrials in a pickle, in plain Python types.

    Raises
    ------
    MissingStoreError
        There is no such file.
    ForeignStoreError
        It is that of a scan of n3fit.
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
    except _Foreign:
        raise ForeignStoreError(
            f"{path}: the pickle of a scan of n3fit, which n3fit alone can go on with; "
            f"{ways_on(path)}"
        ) from None
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
