"""Reading the pickle of a store without running anything of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreError, StoreInputError, shown
from n3hyper.foreign.files import open_regular
from n3hyper.foreign.plain_pickle import BrokenPickle, ForbiddenName, load_state
from n3hyper.hyper_optimization.commands import Word, command_line
from n3hyper.hyper_optimization.paths import JSON, RUNCARD_COPY, is_replica_folder
from n3hyper.hyper_optimization.sampling.history import HISTORY, check_points

_OTHER_PROGRAMS: Final = ("n3fit", "hyperopt")
"""Packages whose pickles of trials are code, which is not run."""
ADMITTED: Final = ("n3hyper.hyper_optimization.filetrials", "FileTrials")
FORMAT: Final = 1
"""Of the pickle; a change that older versions cannot read raises it."""


class MissingStoreError(StoreInputError, FileNotFoundError):
    """No trials are where they were looked for."""


class ForeignStoreError(StoreInputError):
    """The trials are those of another program, which alone can continue them."""


def missing(path: Path) -> MissingStoreError:
    """The error that says so of `path`."""
    return MissingStoreError(
        f"{path}: there is no such pickle; a scan writes tries.pkl to <output>/nnfit/replica_1"
    )


def ways_on(path: Path) -> str:
    """Return what can be done with trials of n3fit, whose ``tries.json`` lies beside `path`."""
    tries = path.with_name(JSON)
    if not tries.is_file():
        return f"its trials could be read from {tries.name}, which is not beside it"
    folder = path.absolute().parent
    if is_replica_folder(folder):
        folder = folder.parent.parent
    shown = f"its trials are shown by {command_line('report', folder)}"
    card = folder / RUNCARD_COPY
    if not card.is_file():
        return shown
    again = Path(f"{folder.name}_on")
    new: dict[str, Word] = {"select": 10, "as": "ranges", "export_runcard": "ranges.yml"}
    return (
        f"{shown}; a new scan that learns from them begins with "
        f"{command_line('scan', card, history=folder, output=again)}, and one of the ranges in "
        f"which the best ones lie with {command_line('report', folder, **new)}"
    )


def read_state(path: Path) -> dict[str, Any]:
    """Return the state of the FileTrials in a pickle, in plain Python types.

    Raises
    ------
    MissingStoreError
        There is no such file.
    ForeignStoreError
        It is that of a scan of n3fit.
    StoreInputError
        The file cannot be read, is not the whole pickle of a store, or names a class that a store
        does not hold; nothing of it runs.
    """
    try:
        with open_regular(path) as file:
            state = load_state(file, ADMITTED)
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as err:
        raise StoreInputError(f"{path}: cannot be read: {err.strerror or err}") from err
    except ForbiddenName as err:
        if str(err).split(".")[0] in _OTHER_PROGRAMS:
            raise ForeignStoreError(
                f"{path}: the pickle of a scan of n3fit, which n3fit alone can continue; "
                f"{ways_on(path)}"
            ) from None
        raise StoreInputError(
            f"{path}: refused, it names {err}, which no store of trials holds"
        ) from err
    except (BrokenPickle, MemoryError) as err:
        raise StoreInputError(
            f"{path}: not the pickle of a store of trials, or torn ({err or 'it lacks memory'})"
        ) from err
    if not isinstance(state, dict):
        raise StoreInputError(f"{path}: not the pickle of a store of trials")
    return state


@dataclass(frozen=True)
class StoredState:
    """Contents of the pickle of a store, each part of its type."""

    exp_key: str | int | float | None
    scan: dict[str, Any]
    """See `n3hyper.hyper_optimization.filetrials.FileTrials.scan`."""
    space: str | None
    """The search space as JSON."""
    rstate: dict[str, Any] | None
    trials: bytes | bytearray
    """A line of JSON for each finished trial."""
    not_finite: dict[int, dict[str, Any]]
    """By number of a trial, its losses that are NaN or infinite."""
    attachments: dict[str, Any]
    """See `n3hyper.hyper_optimization.stores.attachments`."""

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> StoredState:
        """Return the parts of a state, checked.

        Raises
        ------
        StoreInputError
            Of another version, or something in it is missing or of a wrong type.
        """
        if state.get("format") != FORMAT:
            raise StoreInputError(
                f"format {shown(state.get('format'))} of a pickle of trials, version "
                f"{shown(state.get('version'))}; this version reads format {FORMAT}"
            )
        for name, kinds in _KINDS.items():
            if not isinstance(state.get(name), kinds) or name not in state:
                raise _wrong(name, state.get(name), kinds)
        scan = state["scan"]
        for name, kinds in _SCAN_KINDS.items():
            if name in scan and (not isinstance(scan[name], kinds) or isinstance(scan[name], bool)):
                raise _wrong(f"scan.{name}", scan[name], kinds)
        if scan.get("seed", 0) < 0:
            raise StoreInputError(f"not the state of trials: the seed is {shown(scan['seed'])}")
        for name, value in scan.get("fingerprint", {}).items():
            if not isinstance(value, str):
                raise _wrong(f"scan.fingerprint.{shown(name)}", value, (str,))
        check_points(scan.get(HISTORY, []))
        for name in _MAY_BE_ABSENT:
            if not isinstance(state.get(name, {}), dict):
                raise _wrong(name, state[name], (dict,))
        optional = {name: dict(state.get(name, {})) for name in _MAY_BE_ABSENT}
        return cls(**{**{name: state[name] for name in _KINDS}, **optional})


_NONE: Final = type(None)
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "exp_key": (_NONE, str, int, float),
    "scan": (dict,),
    "space": (_NONE, str),
    "rstate": (_NONE, dict),
    "trials": (bytes, bytearray),
}
_MAY_BE_ABSENT: Final = ("not_finite", "attachments")
_SCAN_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "seed": (int,),
    "algo": (str,),
    "fingerprint": (dict,),
    "runcard": (str,),
    "max_evals": (int, _NONE),
    "theory_path": (str, _NONE),
    HISTORY: (list,),
}


def _wrong(name: str, value: Any, kinds: tuple[type, ...]) -> StoreError:
    wanted = " or ".join("None" if kind is _NONE else kind.__name__ for kind in kinds)
    return StoreInputError(f"not the state of trials: {name} is {shown(value)}, not {wanted}")
