"""Mirror of the database in the scan's folder: files as a serial scan has them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.sampling.suggest import trial_generator
from n3hyper.hyper_optimization.serial_loop import save
from n3hyper.hyper_optimization.stores.recovery import trial_origin

_WRITING_SHARE: Final = 0.1
"""Of the time: with many trials the files are written less often than trials finish."""


def with_name(files: FileTrials) -> FileTrials:
    """The trials as those of a scan in a database; a serial scan's have no name there yet."""
    if files._exp_key is not None:
        return files
    folder = None if files.pkl_file is None else files.pkl_file.parent
    named = FileTrials(folder, files.parameters, exp_key=uuid.uuid4().hex)
    named.scan, named.rstate = files.scan, files.rstate
    named.add_records([{**record, "exp_key": named._exp_key} for record in files.finished])
    return named


def signed(record: Record, scan: Mapping[str, Any]) -> Record:
    """Return the record signed with its scan, so that a restart needs no more than ``tries.json``.

    Parameters
    ----------
    scan
        See `FileTrials`.
    """
    if {"seed", "algo", "fingerprint"} <= set(scan):
        record["result"]["seed"] = scan["seed"]
        record["result"]["scan"] = trial_origin(scan)
    return record


class FileWriter:
    """Writes the files of a scan where trials have finished since, in little of the time.

    Parameters
    ----------
    files
        The trials as they were read from the files.
    """

    def __init__(self, files: FileTrials) -> None:
        self.files = files
        self._written, self._write_seconds = time.monotonic(), 0.0
        self._in_files = files.number_finished

    def write(self, at_once: bool = True) -> None:
        """See `MongoFileTrials.write`."""
        if self.files.pkl_file is None or self._in_files == self.files.number_finished:
            return
        waited = time.monotonic() - self._written
        if not at_once and waited * _WRITING_SHARE < self._write_seconds:
            return
        begin = time.monotonic()
        if "seed" in self.files.scan:
            # of the trial that would come next, as in a serial scan
            self.files.rstate = trial_generator(self.files.scan["seed"], self.files.number_finished)
        save(self.files)
        self._in_files = self.files.number_finished
        self._written = time.monotonic()
        self._write_seconds = self._written - begin
