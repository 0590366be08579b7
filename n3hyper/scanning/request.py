"""What a user asks of a scan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.paths import PICKLE, replica_folder
from n3hyper.runcard import Runcard, load_runcard, parse_text


@dataclass(frozen=True)
class ScanRequest:
    """What a user asked for.

    Parameters
    ----------
    runcard
        File of the runcard.
    output
        Folder of the scan.
    max_evals
        Trials of the scan in all, those before a restart counted.
    replicas
        Networks of each fold.
    seed, algo
        Of the suggestions; None for the defaults, or those of the scan that is restarted.
    timeout
        Seconds; no trial is started that is not expected to end within them.
    theory_path
        Where to look for the theory first; None in a restart for where the scan has found it.
    skip_missing
        Leave out the sets that the theory has no tables for; see `with_what_theory_has`.
    restart
        Go on with the trials in `output`.
    max_failures
        Failed trials in a row that end the scan; None for no limit.
    memory
        Bytes that the fits may take; None for most of what is free.
    done
        Trials that a scan which is restarted has.
    best
        Their smallest loss.
    runcard_text
        The runcard as it is run where this is not what the file `runcard` holds: it takes from
        another scan, some of its sets have no theory, or, in a restart, the file is missing and
        the pickle knows. Mistakes are reported by the name of the file all the same.
    moved
        Where key paths of `runcard_text` stand in the file; see `n3hyper.runcard.parse_text`.
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
    done: int = 0
    best: float | None = None
    runcard_text: str | None = None
    moved: tuple[Mapping[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The text of the runcard as it is run; StoreError where it cannot be read."""
        return _text(self.runcard) if self.runcard_text is None else self.runcard_text

    def load(self) -> Runcard:
        """Return the runcard as it is run; RuncardError where it is wrong."""
        if self.runcard_text is None:
            return load_runcard(self.runcard)
        return parse_text(self.runcard_text, self.runcard, self.moved)

    @property
    def kept(self) -> dict[str, Any]:
        """What the pickle of the scan keeps of the request, for a restart."""
        path = None if self.theory_path is None else os.path.abspath(self.theory_path)
        return {"runcard": self.text, "max_evals": self.max_evals, "theory_path": path}

    @property
    def replica_folder(self) -> Path:
        """Where the trials are kept."""
        return replica_folder(self.output)

    @property
    def pickle(self) -> Path:
        """The file that a restart is given."""
        return self.replica_folder / PICKLE


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
