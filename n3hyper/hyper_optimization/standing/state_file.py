"""The file that says what runs at the moment, written beside the trials while they are run.

Nothing depends on it but who looks on from another terminal. It is there as long as its process
holds the folder; one that a killed process has left behind is told by the lock.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreError
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.json_text import load_json
from n3hyper.hyper_optimization.paths import RUNNING
from n3hyper.hyper_optimization.standing.state import (
    RunningTrial,
    WorkerState,
    decode_trial,
    decode_worker,
    encode,
    is_count,
    number,
    text,
)
from n3hyper.system.atomic_write import remove_leftovers, write_atomically
from n3hyper.system.folder_lock import this_process

FORMAT: Final = 1
EVERY: Final = 2.0
"""Seconds between two writings at least."""
_LARGEST: Final = 2**24
"""Bytes of the file: a thousand workers take a twentieth of it."""
_MOST_VALUES: Final = 200_000


@dataclass(frozen=True)
class RunState:
    """State of a process that works in the folder of a scan or of a fit."""

    kind: str
    """``scan`` or ``fit``."""
    total: int
    """Trials in all; of a fit, the jobs so far."""
    begun: float
    """POSIX time of its start."""
    stage: str = ""
    """What it does before the first trial."""
    trials: tuple[RunningTrial, ...] = ()
    workers: tuple[WorkerState, ...] | None = None
    """None in a serial scan."""
    queued: int = 0
    """Trials that wait for a worker."""
    notes: tuple[str, ...] = ()
    """Why workers refuse the scan."""
    database: str = ""
    """What the command line named the database by; empty where it did not, or named a user."""
    process: str = ""
    """As the lock of the folder names it."""
    written: float = 0.0
    """POSIX time at which this was so."""

    def encode(self) -> bytes:
        """Return the content of the file."""
        data = {**vars(self), "format": FORMAT, "trials": [encode(each) for each in self.trials]}
        if self.workers is not None:
            data["workers"] = [encode(each) for each in self.workers]
        return json.dumps(data, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: Any) -> RunState | None:
        """Return the state of a file that anybody may have written; None where it is none.

        >>> state = RunState("scan", 10, 5.0, trials=(RunningTrial(1, 2.0),), process="process 1")
        >>> RunState.decode(json.loads(state.encode())) == state
        True
        """
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            return None
        if not is_count(data.get("total")):
            return None
        trials, workers, notes = (_list(data.get(name)) for name in ("trials", "workers", "notes"))
        known = [decode_worker(each) for each in workers]
        return cls(
            kind="fit" if data.get("kind") == "fit" else "scan",
            total=data["total"],
            begun=number(data.get("begun"), 0.0),
            stage=text(data.get("stage")),
            trials=tuple(each for each in map(decode_trial, trials) if each is not None),
            workers=tuple(each for each in known if each is not None)
            if data.get("workers") is not None
            else None,
            queued=data["queued"] if is_count(data.get("queued")) else 0,
            notes=tuple(text(each) for each in notes),
            database=text(data.get("database")),
            process=text(data.get("process")),
            written=number(data.get("written"), 0.0),
        )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def read_state_file(folder: Path) -> RunState | None:
    """Return what the file in a folder of trials says; None where none can be read."""
    try:
        return RunState.decode(load_json(read_regular(folder / RUNNING, _LARGEST), _MOST_VALUES))
    except (OSError, ValueError, MemoryError):
        return None


@contextmanager
def state_file(
    folder: Path, state: Callable[[], RunState], say: Callable[[str], None]
) -> Iterator[None]:
    """Write the file during the block, when the state has changed, at most every `EVERY` seconds.

    The folder is held by this process. A file that cannot be written is no reason to end the scan.

    Parameters
    ----------
    state
        Gives the state as it is now; called by another thread.
    say
        Is told once that the file cannot be written.
    """
    path = folder / RUNNING
    over = threading.Event()

    def write() -> None:
        last: RunState | None = None
        while True:
            now = state()
            if now != last:
                last = now
                write_atomically(path, [_signed(now).encode()])
            if over.wait(EVERY):
                return

    def keep_writing() -> None:
        try:
            write()
        except StoreError as err:
            say(f"n3hyper status will not see what runs here: {err}")

    remove_leftovers(path)
    writer = threading.Thread(target=keep_writing, name="state of the scan", daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _signed(state: RunState) -> RunState:
    return replace(state, process=this_process(), written=time.time())
