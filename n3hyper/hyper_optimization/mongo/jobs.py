"""The jobs of parallel scans in the database, and the few steps by which they change hands.

A job is the document of a trial: hyperopt's, and the `attempts` that it has taken. Its ``_id`` is
made of scan and number, so that no number can be there twice. Each step is one atomic update of one
document, asked for by its ``_id`` and by all that it must still be:

    new -> claim -> running -> finish    -> done, error
                            -> give_back -> new           (the worker ends; no attempt is counted)
                            -> release   -> new           (the worker is gone)
                            -> lose      -> error         (it was gone too often)

``refresh_time`` is the server's, as a worker's heartbeat sets it. Whether a worker is gone is told
by a heartbeat that has stopped changing, not by comparing clocks.

It is hyperopt's MongoJobs with what pymongo 4 no longer has (insert, update, remove,
find_and_modify, count, authenticate) put in terms of what it has.
"""

from __future__ import annotations

import copy
import datetime
import weakref
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hyperopt.mongoexp import MongoJobs, OperationFailure

from n3hyper.hyper_optimization.record import (
    FINISHED,
    STATE_ERROR,
    STATE_NEW,
    STATE_RUNNING,
    Record,
    failed_result,
    finished_state,
)

if TYPE_CHECKING:
    from pymongo.database import Database

ATTEMPTS: Final = 3
"""How often a job is begun before it counts as lost."""
CANDIDATES: Final = 8
"""Among so many of the oldest jobs a worker chooses, so that not all ask for the same."""
_BATCH: Final = 100
"""Jobs asked for at once: what the embedded server needs grows with the square of their number."""
HEADER: Final = ("tid", "state", "owner", "attempts", "refresh_time", "book_time")
_MOST_WORKERS: Final = 10_000
_NOW: Final = {"refresh_time": True}

Document = dict[str, Any]


def job_id(exp_key: str, tid: int) -> str:
    """The ``_id`` of a job.

    >>> job_id("scan", 3)
    'scan/3'
    """
    return f"{exp_key}/{tid}"


def trial_number(_id: Any) -> int | None:
    """The number of the trial of a job, by its ``_id``, which anybody may have written.

    >>> trial_number("scan/3"), trial_number("scan"), trial_number(7)
    (3, None, None)
    """
    digits = _id.rpartition("/")[2] if isinstance(_id, str) else ""
    return int(digits) if digits.isdecimal() and len(digits) < 10 else None


@dataclass(frozen=True)
class Claim:
    """A job that a worker holds: what it must still be for the worker to change it."""

    id: Any
    owner: str
    attempts: int

    @property
    def condition(self) -> Document:
        """Return the condition as a filter."""
        return {
            "_id": self.id,
            "state": STATE_RUNNING,
            "owner": self.owner,
            "attempts": self.attempts,
        }


class Jobs(MongoJobs):  # type: ignore[misc]
    """The collections of a database of scans.

    Parameters
    ----------
    database
        See `n3hyper.hyper_optimization.mongo.connection.open_database`.

    Attributes
    ----------
    scans
        Of each scan what its workers need (`n3hyper.hyper_optimization.mongo.scan_document`), and
        the next number of a trial.
    workers
        Of each worker when it was last seen, and what it has to say.
    close
        Call it to close the connection before the object goes.
    """

    def __init__(self, database: Database[Document]) -> None:
        import gridfs

        super().__init__(
            database, database["jobs"], gridfs.GridFS(database), database.client, None, "spec"
        )
        self.scans: Any = database["scans"]
        self.workers: Any = database["workers"]
        self.close = weakref.finalize(self, database.client.close)

    # ------------------------------------------------------------ hyperopt's interface
    def __len__(self) -> int:
        return int(self.jobs.count_documents({}))

    def create_indexes(self) -> None:
        """Nothing: hyperopt asks for it in a constructor, which should not need the server."""

    def create_jobs_indexes(self) -> None:
        """Create the indexes for the queries that are made often."""
        self.jobs.create_index("state")
        self.jobs.create_index([("exp_key", 1), ("state", 1), ("tid", 1)])

    def insert(self, job: Mapping[str, Any]) -> Document:
        """Put a document in; it is returned with its ``_id``."""
        from pymongo.errors import OperationFailure as Refusal

        document = copy.deepcopy(dict(job))
        try:
            document["_id"] = self.jobs.insert_one(document).inserted_id
        except Refusal as err:
            raise OperationFailure(err) from err
        return document

    def delete(self, job: Mapping[str, Any]) -> None:
        """Remove the documents that match."""
        self.jobs.delete_many(dict(job))

    def delete_all(self, cond: Mapping[str, Any] | None = None) -> None:
        """Remove the documents that match, and their attachments."""
        for document in self.jobs.find(dict(cond or {}), ["_attachments"]):
            for _, file_id in document.get("_attachments", []):
                self.gfs.delete(file_id)
            self.jobs.delete_one({"_id": document["_id"]})

    def reserve(
        self, host_id: Any, cond: Mapping[str, Any] | None = None, exp_key: str | None = None
    ) -> Document | None:
        """Claim any new job; None where there is none."""
        condition = {**(cond or {}), **({} if exp_key is None else {"exp_key": exp_key})}
        if condition.pop("owner", None) is not None:
            raise ValueError("refusing to reserve owned job")
        for candidate in self.jobs.find({**condition, "state": STATE_NEW}, ["_id"]):
            if self.claim(candidate["_id"], host_id) is not None:
                found: Document = self.jobs.find_one({"_id": candidate["_id"]})
                return found
        return None

    def refresh(self, doc: Document) -> None:
        """The heartbeat of a document, by the server's clock."""
        self.jobs.update_one({"_id": doc["_id"]}, {"$currentDate": _NOW, "$inc": {"version": 1}})
        doc["version"] = doc.get("version", 0) + 1

    def update(
        self,
        doc: Document,
        dct: Mapping[str, Any],
        collection: Any = None,
        do_sanity_checks: bool = True,
    ) -> Document:
        """Change a document, unless somebody else has changed it since `doc` was read.

        Raises
        ------
        OperationFailure
            Somebody has.
        """
        changes = {key: copy.deepcopy(value) for key, value in dct.items() if key != "_id"}
        changes["version"] = doc.get("version", 0) + 1
        condition = {"_id": doc["_id"]}
        if "version" in doc:
            condition["version"] = doc["version"]
        where = self.jobs if collection is None else collection
        done = where.update_one(condition, {"$set": changes})
        if do_sanity_checks and not done.matched_count:
            raise OperationFailure(f"updated doc not found: {doc['_id']}")
        doc.update(changes)
        return doc

    def server_time(self) -> datetime.datetime:
        """Return the time by the server's clock."""
        now: datetime.datetime = self.db.command("hello")["localTime"]
        return now

    def workers_seen(self, exp_key: str, now: datetime.datetime, seconds: float) -> list[Document]:
        """The workers of a scan or without one that were seen of late.

        Parameters
        ----------
        now, seconds
            The server's time, and how late.
        """
        since = now - datetime.timedelta(seconds=seconds)
        wanted = {"exp_key": {"$in": [exp_key, None]}, "seen": {"$gt": since}}
        return list(self.workers.find(wanted).limit(_MOST_WORKERS))

    # ------------------------------------------------------------ a worker's steps
    def candidates(
        self, exp_key: str | None = None, without: Collection[str] = ()
    ) -> list[Document]:
        """Return new jobs, oldest first: ``_id`` and ``exp_key``, nothing that could be hostile.

        Parameters
        ----------
        exp_key
            Of the scan; None for any but those in `without`.
        """
        text = {"$type": "string"}
        condition: Document = {"state": STATE_NEW, "_id": text, "exp_key": exp_key}
        if exp_key is None:
            condition["exp_key"] = {**text, **({"$nin": sorted(without)} if without else {})}
        found = self.jobs.find(condition, ["exp_key"]).limit(CANDIDATES)
        return list(found if exp_key is None else found.sort("tid", 1))

    def claim(self, _id: Any, owner: str) -> Claim | None:
        """Take a new job; None where another was quicker."""
        from pymongo.errors import WriteError

        condition = {"_id": _id, "state": STATE_NEW}
        taken = {"state": STATE_RUNNING, "owner": owner}
        now = {"$currentDate": {"book_time": True, **_NOW}}
        count = {"attempts": 1, "version": 1}
        try:
            self.jobs.update_one(condition, {"$set": taken, "$inc": count, **now})
        except WriteError:  # what should be a count is something else
            self.jobs.update_one(condition, {"$set": {**taken, **count}, **now})
        # asked rather than told: the answer to an earlier attempt may have been lost
        mine = {"_id": _id, "state": STATE_RUNNING, "owner": owner}
        header = self.jobs.find_one(mine, ["attempts"])
        return None if header is None else Claim(_id, owner, header.get("attempts", 1))

    def point(self, claim: Claim) -> Any:
        """The values of a claimed job as the database has them; they are not to be trusted."""
        document = self.jobs.find_one({"_id": claim.id}, ["tid", "misc.vals", "misc.point"])
        return (document or {}).get("misc")

    def beat(self, claim: Claim) -> bool:
        """Say that the job is being worked on; False where it is no longer the worker's."""
        done = self.jobs.update_one(claim.condition, {"$currentDate": _NOW, "$inc": {"version": 1}})
        return bool(done.matched_count)

    def finish(self, claim: Claim, result: Record) -> bool:
        """Put the result in; False where the job is no longer the worker's.

        Asking twice is harmless, so that an answer that was lost can be asked for again.
        """
        state = finished_state(result)
        done = self.jobs.update_one(
            claim.condition,
            {
                "$set": {"state": state, "result": result},
                "$currentDate": _NOW,
                "$inc": {"version": 1},
            },
        )
        if done.matched_count:
            return True
        already = {**claim.condition, "state": {"$in": list(FINISHED)}}
        return self.jobs.find_one(already, ["_id"]) is not None

    def give_back(self, claim: Claim) -> None:
        """Leave a job to others: this attempt does not count."""
        self.jobs.update_one(
            claim.condition,
            {"$set": {"state": STATE_NEW, "owner": None}, "$inc": {"attempts": -1, "version": 1}},
        )

    # ------------------------------------------------------------ the scan's steps
    def headers(self, ids: Sequence[str]) -> list[Document]:
        """Return the fields of jobs that change while they run (`HEADER`)."""
        return self._each(ids, list(HEADER))

    def documents(self, ids: Sequence[str]) -> list[Document]:
        """Whole jobs."""
        return self._each(ids, None)

    def _each(self, ids: Sequence[str], fields: list[str] | None) -> list[Document]:
        found: list[Document] = []
        for start in range(0, len(ids), _BATCH):
            batch = list(ids[start : start + _BATCH])
            found.extend(self.jobs.find({"_id": {"$in": batch}}, fields))
        return found

    def release(self, header: Mapping[str, Any]) -> bool:
        """Make a job new whose worker is gone, or lost where that was its last attempt.

        Parameters
        ----------
        header
            As last read; a job that has changed since is left alone.
        """
        attempts = header.get("attempts")
        if not isinstance(attempts, int):
            attempts = ATTEMPTS
        condition = {key: header.get(key) for key in ("_id", "owner", "attempts", "refresh_time")}
        condition["state"] = STATE_RUNNING
        if attempts < ATTEMPTS:
            changes: Document = {"state": STATE_NEW, "owner": None}
        else:
            text = f"its worker died {attempts} times, the last was {header.get('owner')}"
            changes = {"state": STATE_ERROR, "result": failed_result("lost", text)}
        done = self.jobs.update_one(condition, {"$set": changes, "$inc": {"version": 1}})
        return bool(done.modified_count)

    def withdraw(self, ids: Iterable[str]) -> None:
        """Remove jobs that nobody has taken."""
        for job in ids:
            self.jobs.delete_one({"_id": job, "state": STATE_NEW})

    def next_number(self, exp_key: str) -> int | None:
        """Below it lie the numbers of all trials; None where the scan is not known."""
        scan = self.scans.find_one({"_id": exp_key}, ["next"])
        return None if scan is None else int(scan.get("next", 0))

    def take_numbers(self, exp_key: str, n: int) -> list[int]:
        """`n` numbers that nobody else is given."""
        from pymongo import ReturnDocument

        scan: Document = self.scans.find_one_and_update(
            {"_id": exp_key},
            {"$inc": {"next": n}},
            projection=["next"],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return list(range(scan["next"] - n, scan["next"]))

    def raise_number(self, exp_key: str, number: int) -> None:
        """Let no number below `number` be given out."""
        self.scans.update_one({"_id": exp_key}, {"$max": {"next": number}}, upsert=True)
