"""The trials of a parallel scan as one of its processes knows them.

Those that have finished are those of the files; the others are as last read from the database,
which is asked for no more than what has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.mongo.jobs import Jobs, job_id
from n3hyper.hyper_optimization.mongo.mirror import signed
from n3hyper.hyper_optimization.mongo.records import record_of
from n3hyper.hyper_optimization.mongo.scan_document import evaluate_point, space_labels
from n3hyper.hyper_optimization.record import (
    FINISHED,
    STATE_ERROR,
    STATE_NEW,
    STATE_RUNNING,
    STATUS_OK,
    Record,
    failed_result,
    plain,
)
from n3hyper.hyper_optimization.sampling.space import evaluate_space
from n3hyper.hyper_optimization.stores.trial_pdfs import PDFS, BestPDFs


class KnownJobs:
    """Jobs of a scan as they were last read.

    Parameters
    ----------
    jobs
        Of the database.
    files
        The trials that have finished, to which others are added; name and space of the scan.

    Attributes
    ----------
    documents : dict
        All trials by number.
    headers : dict
        By number, the state of those that have not finished, as last read from the database.
    trials : list
        The documents in the order of their numbers.
    take : callable
        Takes out of a result, by its number, what is kept elsewhere; by default it is thrown away.
    point_of
        Makes of the values of a job what its worker evaluates, where that is a user's objective.
    """

    def __init__(self, jobs: Jobs, files: FileTrials) -> None:
        self.jobs, self.files = jobs, files
        self.take = BestPDFs(Path(), keep=0).take
        self.exp_key, self.space = str(files._exp_key), files.parameters
        self.documents: dict[int, Record] = {}
        self.headers: dict[int, dict[str, Any]] = {}
        self.trials: list[Record] = []
        self.point_of: Callable[[Mapping[str, Any]], str] | None = None
        self._labels = frozenset() if self.space is None else space_labels(self.space)
        self._take_files()

    # ------------------------------------------------------------ what is put in
    def insert(self, doc: Record) -> int:
        """See `MongoFileTrials.insert`."""
        from pymongo.errors import DuplicateKeyError

        tid = int(doc["tid"])
        job = {**plain(doc), "exp_key": self.exp_key, "attempts": 0}
        if self.space is not None:
            point = evaluate_space(self.space, job["misc"]["vals"])
            job["misc"]["space_vals"] = plain(point)
        told = job["misc"]
        if self.point_of is not None:
            told = {**told, "point": self.point_of(told["vals"])}
        try:
            self.jobs.raise_number(self.exp_key, tid + 1)
            self.jobs.jobs.insert_one({"_id": job_id(self.exp_key, tid), **job, "misc": told})
        except DuplicateKeyError as err:
            raise StoreError(f"the scan has a trial {tid} already") from err
        self.documents.setdefault(tid, job)
        self.headers[tid] = {"tid": tid, "state": STATE_NEW, "attempts": 0, "owner": None}
        self._sort()
        return tid

    def withdraw(self, tids: Iterable[int]) -> None:
        """See `MongoFileTrials.withdraw`."""
        tids = list(tids)
        ids = {job_id(self.exp_key, tid): tid for tid in tids}
        self.jobs.withdraw(ids)
        begun = {ids[header["_id"]] for header in self.jobs.headers(list(ids))}
        for tid in tids:
            if tid not in begun:
                self.headers.pop(tid, None)
                self.documents.pop(tid, None)
        self._sort()

    def settle(self) -> None:
        """Let the database know all finished trials of the files."""
        finished = {job_id(self.exp_key, int(trial["tid"])): trial for trial in self.files.trials}
        known = {
            job["_id"]: job.get("state")
            for job in self.jobs.jobs.find({"exp_key": self.exp_key}, ["state"])
        }
        for name, record in finished.items():
            if known.get(name) not in FINISHED:
                self.jobs.jobs.replace_one({"_id": name}, {**record, "_id": name}, upsert=True)

    def forget(self) -> None:
        """Know of no jobs but those of the files."""
        self.headers.clear()
        self.documents = {}
        self._take_files()

    # ------------------------------------------------------------ what has changed
    def unfinished(self, number: int) -> set[int]:
        """The numbers below `number` of trials that are not known to have finished."""
        return set(self.headers) | {tid for tid in range(number) if tid not in self.documents}

    def read(self, tids: Iterable[int]) -> None:
        """Take up what has changed in some trials; those that have finished go to the files."""
        ids = {job_id(self.exp_key, tid): tid for tid in sorted(tids)}
        ended, seen = [], set()
        for header in self.jobs.headers(list(ids)):
            tid = ids[header["_id"]]
            seen.add(tid)
            if header.get("state") in FINISHED or tid not in self.documents:
                ended.append(header["_id"])
            else:
                self._note(tid, header)
        records = []
        for document in self.jobs.documents(ended):
            tid = ids[document["_id"]]
            record = record_of(document, tid, self.exp_key)
            if record["state"] in FINISHED:
                if PDFS in record["result"]:
                    self.take(tid, record["result"])
                    self.jobs.jobs.update_one(
                        {"_id": document["_id"]}, {"$unset": {f"result.{PDFS}": ""}}
                    )
                records.append(signed(self._pointed(record), self.files.scan))
                self.headers.pop(tid, None)
            else:
                self.documents[tid] = self._pointed(record)
                self._note(tid, document)
        self._put_back([tid for tid in ids.values() if tid not in seen and tid in self.headers])
        if records:
            before = len(self.files.trials)
            self.files.add_records(records)
            self._take_files(before)
        elif len(self.trials) != len(self.documents):
            self._sort()

    def _note(self, tid: int, header: Mapping[str, Any]) -> None:
        """Note what a running or waiting job looks like now."""
        state = header.get("state")
        document = self.documents[tid]
        document["state"] = state if state in (STATE_NEW, STATE_RUNNING) else STATE_NEW
        self.headers[tid] = dict(header)

    def _pointed(self, record: Record) -> Record:
        """Return the job with its values if they are a point of the search space, or with none."""
        record["misc"].pop("point", None)
        if self.space is None:
            return record
        tid, misc, result = record["tid"], record["misc"], record["result"]
        vals: dict[str, list[Any]] = {label: [] for label in sorted(self._labels)}
        space_vals: Any = {}
        try:
            vals, space_vals = evaluate_point(self.space, self._labels, misc)
        except StoreError as err:
            if result.get("status") == STATUS_OK:
                record["result"] = failed_result("exception", f"the job was malformed: {err}")
                record["state"] = STATE_ERROR
        record["misc"] = {
            **{key: misc.get(key) for key in ("tid", "cmd", "workdir")},
            "idxs": {label: [tid] if values else [] for label, values in vals.items()},
            "vals": vals,
            "space_vals": plain(space_vals),
        }
        return record

    def _put_back(self, tids: Iterable[int]) -> None:
        """Jobs that were here and are not in the database: a crash or another server lost them."""
        for tid in tids:
            document = self.documents.pop(tid)
            del self.headers[tid]
            with suppress(StoreError):  # another scan process was quicker
                self.insert({**document, "state": STATE_NEW, "owner": None})

    def _take_files(self, begin: int = 0) -> None:
        """The finished trials are those of the files; `begin` of them are known already."""
        for record in self.files.trials[begin:]:
            self.documents[int(record["tid"])] = record
        self._sort()

    def _sort(self) -> None:
        self.trials = [self.documents[tid] for tid in sorted(self.documents)]
