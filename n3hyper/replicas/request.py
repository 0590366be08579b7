"""Request of a user for a fit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreInputError
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.json_text import load_json
from n3hyper.replicas.folder import FitFolder, write
from n3hyper.replicas.vetoes import Thresholds

_REQUEST: Final = "request.json"
_LARGEST: Final = 2**20
"""Bytes of it."""


@dataclass(frozen=True)
class FitRequest:
    """Request of a user for a fit, from options and runcard.

    Parameters
    ----------
    runcard
        File of the runcard; of a restart, that in the folder.
    output
        Folder of the fit.
    replicas
        How many must pass the vetoes.
    at_most
        Largest number of a replica that is fitted to make up for those that fail.
    trials, origin
        See `load_fit_card`.
    thresholds
        Of the vetoes.
    timeout
        Seconds; no job is started that is not expected to end within them.
    theory_path
        Where to look for the theory first.
    max_failures
        Failed jobs in a row that end the fit; None for no limit.
    memory
        Bytes that the fits may take; None for most of what is free.
    log
        Formats of the log beside the jobs; see `n3hyper.scanning.run_log.FORMATS`.
    restart
        Go on with the fit in `output`.
    """

    runcard: Path
    output: Path
    replicas: int
    at_most: int
    trials: tuple[Mapping[str, Any], ...] = ()
    origin: str = ""
    thresholds: Thresholds = field(default_factory=Thresholds)
    timeout: float | None = None
    theory_path: Path | None = None
    max_failures: int | None = None
    memory: int | None = None
    log: tuple[str, ...] = ()
    restart: bool = False

    @property
    def replica_folder(self) -> Path:
        """Return the folder where the jobs are kept, as `ScanRequest` has it."""
        return self.folder.store

    @property
    def folder(self) -> FitFolder:
        """The folder with its paths."""
        return FitFolder(self.output)


def keep_request(request: FitRequest) -> None:
    """Write down what was asked for, for a restart."""
    path = None if request.theory_path is None else os.path.abspath(request.theory_path)
    wanted = {"replicas": request.replicas, "at_most": request.at_most, "theory_path": path}
    write(request.folder.store / _REQUEST, json.dumps(wanted))


def restart_request(
    output: Path, replicas: int | None, at_most: int | None, **options: Any
) -> FitRequest:
    """Return the request that goes on with the fit of a folder.

    Parameters
    ----------
    replicas, at_most
        None for what was asked for the last time.

    Raises
    ------
    StoreInputError
        There is no fit.
    """
    folder = FitFolder(output)
    if not folder.store.is_dir() or not folder.runcard.is_file():
        raise StoreInputError(f"{output}: no fit of n3hyper; a new one begins with a runcard")
    before = _asked_before(folder)
    wanted = replicas or before.get("replicas") or 1
    theory = before.get("theory_path")
    if options.get("theory_path") is None and theory is not None and Path(theory).is_dir():
        options["theory_path"] = Path(theory)
    limit = at_most or (before.get("at_most") if replicas is None else None) or at_most_of(wanted)
    return FitRequest(
        runcard=folder.runcard,
        output=output,
        replicas=wanted,
        at_most=max(limit, wanted),
        restart=True,
        **options,
    )


def wanted_replicas(folder: FitFolder) -> tuple[int, int] | None:
    """Return how many replicas of a fit are to pass, and to be fitted at most; None if unknown."""
    before = _asked_before(folder)
    if "replicas" not in before or "at_most" not in before:
        return None
    return before["replicas"], before["at_most"]


def at_most_of(replicas: int) -> int:
    """Return how many replicas are tried where nothing else is said: half as many again, or ten.

    >>> at_most_of(4), at_most_of(100)
    (14, 150)
    """
    return replicas + max(replicas // 2, 10)


def _asked_before(folder: FitFolder) -> dict[str, Any]:
    """Return what `begin` has kept; nothing where it is lost."""
    try:
        found = load_json(read_regular(folder.store / _REQUEST, _LARGEST))
        numbers = {name: int(found[name]) for name in ("replicas", "at_most")}
        return {**numbers, "theory_path": found.get("theory_path")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
