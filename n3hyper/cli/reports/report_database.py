"""Scans of a database, for ``n3hyper report mongodb://...``."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from n3hyper.errors import N3HyperError, StoreError
from n3hyper.report.errors import ReportError

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.record import Record
    from n3hyper.report.analysis.prepare import Database
    from n3hyper.runcard.model import Runcard

_TIMEOUT: Final = 20.0
"""Seconds to wait for the database, as somebody is waiting for the report."""


def read_database(uri: str) -> list[Database]:
    """Return name, finished trials and runcard of each scan in the database.

    The setups of the trials are worked out from the runcard's search space: a database holds
    numbers only.

    Raises
    ------
    StoreError
        The database does not answer, or refuses.
    ReportError
        It holds no scan.
    """
    from n3hyper.hyper_optimization.mongo.address import find_uri
    from n3hyper.hyper_optimization.mongo.connection import Retrying, address_of, open_database
    from n3hyper.hyper_optimization.mongo.jobs import Jobs
    from n3hyper.hyper_optimization.mongo.records import record_of
    from n3hyper.hyper_optimization.record import FINISHED

    jobs = Jobs(open_database(find_uri(uri)))
    address = address_of(jobs.jobs.database)
    retrying = Retrying(address, _TIMEOUT)
    try:
        scans = retrying(partial(_all, jobs.scans, {}))
        found: list[Database] = []
        for scan in scans:
            key = str(scan["_id"])
            runcard, card = _runcard(scan.get("runcard"))
            wanted = {"exp_key": scan["_id"], "state": {"$in": list(FINISHED)}}
            documents = retrying(partial(_all, jobs.jobs, wanted))
            tids = [document.get("tid") for document in documents]
            records = [
                _with_setup(record_of(document, tid, key), runcard)
                for tid, document in zip(tids, documents, strict=True)
                if isinstance(tid, int)
            ]
            records.sort(key=lambda record: int(record["tid"]))
            name = address if len(scans) == 1 else f"{address}/{key}"
            found.append((name, records, card))
    finally:
        jobs.close()
    if not found:
        raise ReportError(f"{address}: no scan in this database")
    return found


def _all(collection: Any, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(collection.find(wanted))


def _runcard(text: Any) -> tuple[Runcard | None, Mapping[str, Any]]:
    """Return the runcard that the database keeps for workers; empty if it cannot be read."""
    from n3hyper.runcard import load_runcard

    if not isinstance(text, str):
        return None, {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runcard.yml"
        path.write_text(text, encoding="utf-8", errors="replace")
        try:
            runcard = load_runcard(path)
        except N3HyperError:
            return None, {}
    return runcard, runcard.raw


def _with_setup(record: Record, runcard: Runcard | None) -> Record:
    """Return the record with the readable values of its setup, if they can be found."""
    from n3hyper.hyper_optimization.filetrials import space_eval_trial
    from n3hyper.hyper_optimization.search_space import HyperScanner

    if runcard is None or "space_vals" in record["misc"]:
        return record
    try:
        space = HyperScanner(runcard.parameters, runcard.hyperscan).as_dict()
        record["misc"]["space_vals"] = space_eval_trial(space, record)
    except (StoreError, KeyError, TypeError, ValueError, IndexError):
        return record  # values of another space: the trial is shown by its labels
    return record
