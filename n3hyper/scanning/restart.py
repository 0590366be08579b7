"""Restart: the request that continues a scan, made from the files of the scan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from n3hyper.errors import StoreInputError
from n3hyper.hyper_optimization.paths import PICKLE, REPLICA_FOLDER, RUNCARD_COPY, find_store
from n3hyper.hyper_optimization.stores.safe_pickle import missing
from n3hyper.hyper_optimization.stores.scan_lock import locked_scan
from n3hyper.hyper_optimization.stores.store_summary import summarise, summarise_pickle
from n3hyper.scanning.folder import make_folder, refuse_used_folder
from n3hyper.scanning.request import ScanRequest
from n3hyper.system.atomic_write import write_atomically


def restart_request(
    pickle: Path, max_evals: int | None, output: Path | None = None, **options: Any
) -> ScanRequest:
    """Return the request that continues the scan of `pickle`, found by the pickle's place.

    Parameters
    ----------
    pickle
        The pickle, or anything that `find_store` accepts for it.
    max_evals
        Total number of trials of the scan; None for the number it was begun with.
    output
        First make a new scan folder there, from the pickle alone.

    Raises
    ------
    StoreInputError
        when the trials cannot be read, or their runcard is missing.
    """
    pickle = find_store(pickle)
    if output is not None:
        pickle = _unpacked(pickle, output)
    folder = pickle.resolve().parent
    if pickle.name != PICKLE or Path(folder.parent.name, folder.name) != REPLICA_FOLDER:
        if pickle.exists():
            raise StoreInputError(
                f"{pickle}: not {REPLICA_FOLDER / PICKLE} in the folder of a scan; "
                "with -o DIR, such a folder is made from it"
            )
        raise missing(pickle)
    found = summarise(folder)
    scan_folder = folder.parent.parent
    runcard = scan_folder / RUNCARD_COPY
    if not runcard.is_file() and found.runcard is None:
        raise StoreInputError(f"{pickle}: the runcard of its scan, {runcard}, is missing")
    if options.get("theory_path") is None and found.theory_path is not None:
        # if the folder is gone, the theory is looked for as in a new scan
        options["theory_path"] = found.theory_path if found.theory_path.is_dir() else None
    return ScanRequest(
        runcard=runcard,
        output=scan_folder,
        max_evals=max_evals or max(found.max_evals or found.finished + 1, 1),
        replicas=found.replicas,
        restart=True,
        done=found.finished,
        best=found.best,
        runcard_text=None if runcard.is_file() else found.runcard,
        **options,
    )


def _unpacked(pickle: Path, output: Path) -> Path:
    """Return the pickle of a new scan folder, made from a pickle that may lie anywhere."""
    runcard = summarise_pickle(pickle).runcard
    if runcard is None:
        raise StoreInputError(f"{pickle}: does not hold the runcard of its scan")
    request = ScanRequest(output / RUNCARD_COPY, output, max_evals=1)
    refuse_used_folder(request)
    from n3hyper.hyper_optimization.filetrials import FileTrials

    trials = FileTrials.from_pkl(pickle)
    make_folder(request)
    with locked_scan(request.replica_folder):
        write_atomically(request.runcard, [runcard.encode("utf-8", "replace")])
        trials.move_to(request.replica_folder)
    return request.pickle
