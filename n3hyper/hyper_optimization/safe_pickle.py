"""Reading the pickle of a store without running anything of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreError, StoreInputError, shown
from n3hyper.foreign.files import open_regular
from n3hyper.foreign.plain_pickle import BrokenPickle, ForbiddenName, load_state

ADMITTED: Final = ("n3hyper.hyper_optimization.filetrials", "FileTrials")
FORMAT: Final = 1
"""Of the pickle; a change that older versions cannot read raises it."""


class MissingStoreError(StoreInputError, FileNotFoundError):
    """There are no trials where they were looked for."""


def missing(path: Path) -> MissingStoreError:
    """The error that says so of `path`."""
    return MissingStoreError(
        f"{path}: there is no such pickle; a scan writes tries.pkl to <output>/nnfit/replica_1"
    )


def read_state(path: Path) -> dict[str, Any]:
    """Return the state of the FileTrials in a pickle, in plain Python types.

    Raises
    ------
    MissingStoreError
        There is no such file.
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
    """What the pickle of a store holds, each part of its type."""

    exp_key: str | int | float | None
    scan: dict[str, Any]
    """See `n3hyper.hyper_optimization.filetrials.FileTrials.scan`."""
    space: str | None
    """The search space as JSON."""
    rstate: dict[str, Any] | None
    trials: bytes | bytearray
    """A line of JSON for each finished trial."""

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
        return cls(**{name: state[name] for name in _KINDS})


_NONE: Final = type(None)
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "exp_key": (_NONE, str, int, float),
    "scan": (dict,),
    "space": (_NONE, str),
    "rstate": (_NONE, dict),
    "trials": (bytes, bytearray),
}
_SCAN_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "seed": (int,),
    "algo": (str,),
    "fingerprint": (dict,),
    "runcard": (str,),
    "max_evals": (int, _NONE),
}


def _wrong(name: str, value: Any, kinds: tuple[type, ...]) -> StoreError:
    wanted = " or ".join("None" if kind is _NONE else kind.__name__ for kind in kinds)
    return StoreInputError(f"not the state of trials: {name} is {shown(value)}, not {wanted}")
