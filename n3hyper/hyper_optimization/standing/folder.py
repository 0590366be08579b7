"""State of the scan or fit in a folder, by its files and by who holds them; nothing is written.

hyperopt is not loaded.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreError, StoreInputError
from n3hyper.hyper_optimization.commands import command_line
from n3hyper.hyper_optimization.paths import (
    JOBS,
    JSON,
    PICKLE,
    RUNCARD_COPY,
    RUNNING,
    find_store,
    is_replica_folder,
)
from n3hyper.hyper_optimization.record import Record, check_record, from_json, read_tries
from n3hyper.hyper_optimization.standing.overview import Standing, Tally
from n3hyper.hyper_optimization.standing.state_file import RunState, read_state_file
from n3hyper.hyper_optimization.stores.record_lines import split_lines, without_lists
from n3hyper.hyper_optimization.stores.safe_pickle import ForeignStoreError, StoredState, read_state
from n3hyper.system.folder_lock import holder_of

_FILES: Final = (PICKLE, JSON, RUNNING)
_MOST_FOLDERS: Final = 20_000


def newest_store(folder: Path) -> Path:
    """Return the folder of the trials that were written last, below `folder`.

    Raises
    ------
    StoreInputError
        There are none.
    """
    dated: list[tuple[float, Path]] = []
    for place, folders, files in itertools.islice(os.walk(folder), _MOST_FOLDERS):
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        for name in set(files) & set(_FILES):
            try:
                dated.append(((Path(place) / name).stat().st_mtime, Path(place)))
            except OSError:
                continue
    if not dated:
        raise StoreInputError(
            f"{folder.absolute()}: no scan and no fit below this folder; name one, or the address "
            "of its database"
        )
    return max(dated)[1]


def store_of(path: Path) -> Path:
    """Return the folder of the trials of what a user names: a file of them, or a folder above.

    Raises
    ------
    StoreInputError
        There is none.
    """
    if (path / JOBS).is_dir():
        return path / JOBS
    store = find_store(path).parent
    if any((store / name).exists() for name in _FILES):
        return store
    if (path / RUNCARD_COPY).is_file() and store.is_dir():
        return store
    raise StoreInputError(f"{path}: no scan and no fit here")


def stored_trials(store: Path, lists: bool = True) -> tuple[dict[str, Any], Iterator[Record]]:
    """Return what the files in a folder say of the scan, and the trials that have ended.

    Parameters
    ----------
    lists
        Whether lists of numbers are read; without them, thousands of trials take a second.

    Raises
    ------
    StoreInputError
        They cannot be read.
    """
    if (store / PICKLE).exists():
        try:
            stored = StoredState.of(read_state(store / PICKLE))
        except ForeignStoreError:
            pass  # n3fit's, whose trials stand in its JSON as well
        else:
            lines = stored.trials if lists else without_lists(stored.trials)
            return stored.scan, map(from_json, split_lines(lines))
    if (store / JSON).exists():
        records = read_tries(store / JSON) if lists else read_tries(store / JSON, without_lists)
        return {}, _checked(records)
    return {}, iter(())


def _checked(records: Iterable[Record]) -> Iterator[Record]:
    for record in records:
        check_record(record)
        yield record


def standing_of(store: Path, root: Path, kind: str) -> Standing:
    """Return how the trials in a folder stand.

    Parameters
    ----------
    store
        Folder of the trials.
    root
        Folder of the scan or fit.
    kind
        ``scan`` or ``fit``.

    Raises
    ------
    StoreInputError
        A file cannot be read.
    """
    holder: str | None
    try:
        holder = holder_of(store)
        known = True
    except StoreError:
        holder, known = None, False
    # in this order: a trial that ends meanwhile is in both, and counts as ended
    state = read_state_file(store)
    scan, records = stored_trials(store, lists=False)
    tally = Tally.of(records)
    standing = Standing(
        name=root.resolve().name,
        kind=kind,
        place=str(root),
        tally=tally,
        total=scan.get("max_evals"),
        alive=holder is not None if known else None,
        process=holder or "",
    )
    if state is not None and (not known or holder in (None, state.process)):
        standing = _with_state(standing, state)
    # of a fit, the jobs so far do not say whether all is done
    if standing.alive or (standing.complete and kind != "fit"):
        return standing
    return replace(standing, go_on=_command(standing, store, root))


def _with_state(standing: Standing, state: RunState) -> Standing:
    """Return it with what its process has said, which may have been killed since."""
    trials = [each for each in state.trials if each.tid not in standing.tally.tids]
    known = replace(
        standing,
        total=state.total or standing.total,
        process=state.process,
        database=state.database,
    )
    if standing.alive is False:
        # what has become of its workers since is not known here
        left = tuple(replace(each, lost=False, lease_left=math.nan) for each in trials)
        workers = None if state.workers is None else ()
        return replace(known, running=left, workers=workers, killed=True)
    later = max(time.time() - state.written, 0.0)
    return replace(
        known,
        seconds=max(time.time() - state.begun, 0.0),
        stage=state.stage,
        running=tuple(replace(each, seconds=each.seconds + later) for each in trials),
        queued=state.queued,
        workers=state.workers,
        notes=state.notes,
    )


def _command(standing: Standing, store: Path, root: Path) -> str:
    """Return the command that goes on; empty where the files are not those of n3hyper."""
    options: dict[str, str | bool | None] = {
        "parallel": standing.workers is not None,
        "mongo_uri": standing.database or None,
    }
    if standing.kind == "fit":
        return command_line("fit", root, **options)
    if not (store / PICKLE).exists() or not is_replica_folder(store.absolute()):
        return ""
    return command_line("restart", pkl=root, n=standing.total, **options)
