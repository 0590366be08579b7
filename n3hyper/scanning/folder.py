"""Folder of a scan: what it may contain, and what is written there before the first trial."""

from __future__ import annotations

from n3hyper.errors import StoreError, StoreInputError
from n3hyper.hyper_optimization.commands import command_line
from n3hyper.hyper_optimization.paths import JSON, PICKLE, RUNCARD_COPY
from n3hyper.scanning.listener import Listener
from n3hyper.scanning.request import ScanRequest
from n3hyper.system.atomic_write import remove_leftovers, write_atomically


def refuse_used_folder(request: ScanRequest) -> None:
    """Raise StoreError if the output folder holds trials; change nothing."""
    for name in (PICKLE, JSON):
        if (request.replica_folder / name).exists():
            raise StoreInputError(
                f"{request.output} holds a scan already; continue it with "
                f"{command_line('restart', pkl=request.pickle)}, or choose another folder with -o"
            )
    if request.output.exists() and not request.output.is_dir():
        raise StoreInputError(f"{request.output} is a file; choose a folder with -o")


def make_folder(request: ScanRequest) -> None:
    """Make the folder of the trials, or raise StoreError."""
    try:
        request.replica_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{request.output}: {error.strerror or error}") from error


def keep_runcard(request: ScanRequest) -> None:
    """Write the runcard, as it is run, into the output folder.

    Raises
    ------
    StoreError
        when it cannot be written.
    """
    make_folder(request)
    copy = request.output / RUNCARD_COPY
    remove_leftovers(copy)
    if request.runcard_text is not None or not (copy.exists() and copy.samefile(request.runcard)):
        write_atomically(copy, [request.text.encode()])


def put_runcard_back(request: ScanRequest, listener: Listener) -> None:
    """Restore the runcard of a restart from the pickle, if its file is missing."""
    if request.runcard_text is not None:
        write_atomically(request.runcard, [request.runcard_text.encode("utf-8", "replace")])
        listener.stage(f"{RUNCARD_COPY} is missing: restored from the pickle")
