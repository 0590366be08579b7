"""Request of a user for a scan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3hyper.errors import StoreInputError
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.yaml_text import LARGEST
from n3hyper.hyper_optimization.paths import PICKLE, replica_folder
from n3hyper.hyper_optimization.sampling.history import HISTORY, Point
from n3hyper.runcard import Runcard, load_runcard, parse_text


@dataclass(frozen=True)
class History:
    """Trials of another scan that a scan learns from, and what is known of them."""

    points: tuple[Point, ...]
    described: str
    """Where they are from, and what could not be checked."""


@dataclass(frozen=True)
class ScanRequest:
    """Request for a scan, as a user gives it.

    Parameters
    ----------
    runcard
        File of the runcard.
    output
        Folder of the scan.
    max_evals
        Total number of trials of the scan, including those before a restart.
    replicas
        Number of replicas of each fold.
    seed, algo
        Seed and algorithm of the suggestions; by default those of a restarted scan, if any.
    timeout
        Seconds; no trial starts that is not expected to end in time.
    theory_path
        Folder to look for the theory in; in a restart, by default where the scan found it.
    skip_missing
        Leave out sets without tables in the theory; see `with_what_theory_has`.
    restart
        Continue the trials in `output`.
    max_failures
        Failed trials in a row that end the scan; None for no limit.
    keep
        Of how many of the best trials the PDFs are kept.
    memory
        Bytes that the fits may use; None for most of the free memory.
    log
        Formats of the log beside the trials; see `n3hyper.scanning.run_log.FORMATS`.
    done
        Number of trials that a restarted scan already has.
    best
        Their smallest loss.
    runcard_text
        The runcard as it is run, if this differs from the file `runcard`: it takes parts from
        another scan, some of its sets have no theory, or, in a restart, the file is missing and
        the pickle has it. Mistakes are reported with the name of the file all the same.
    history
        What is taken of another scan's trials; None for a scan that begins with nothing, and in a
        restart, since the pickle has it.
    moved
        Key paths in the file of those in `runcard_text`; see `n3hyper.runcard.parse_text`.
    """

    runcard: Path
    output: Path
    max_evals: int
    replicas: int = 1
    seed: int | None = None
    algo: str | None = None
    timeout: float | None = None
    theory_path: Path | None = None
    skip_missing: bool = False
    restart: bool = False
    max_failures: int | None = None
    memory: int | None = None
    keep: int = 5
    log: tuple[str, ...] = ()
    done: int = 0
    best: float | None = None
    runcard_text: str | None = None
    history: History | None = None
    moved: tuple[Mapping[str, str], ...] = ()

    @property
    def text(self) -> str:
        """Text of the runcard as it is run; StoreInputError if it cannot be read."""
        return _text(self.runcard) if self.runcard_text is None else self.runcard_text

    def load(self) -> Runcard:
        """Return the runcard as it is run; RuncardError if it is wrong."""
        if self.runcard_text is None:
            return load_runcard(self.runcard)
        return parse_text(self.runcard_text, self.runcard, self.moved)

    @property
    def kept(self) -> dict[str, Any]:
        """Parts of the request that the pickle of the scan keeps for a restart."""
        path = None if self.theory_path is None else os.path.abspath(self.theory_path)
        kept: dict[str, Any] = {
            "runcard": self.text,
            "max_evals": self.max_evals,
            "theory_path": path,
        }
        if self.history is not None:
            kept[HISTORY] = list(self.history.points)
        return kept

    @property
    def replica_folder(self) -> Path:
        """Folder of the trials."""
        return replica_folder(self.output)

    @property
    def pickle(self) -> Path:
        """File that a restart takes."""
        return self.replica_folder / PICKLE


def _text(path: Path) -> str:
    try:
        return read_regular(path, LARGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreInputError(f"{path}: cannot be read: {error}") from error
