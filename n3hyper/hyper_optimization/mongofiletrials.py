"""The store of a parallel scan: jobs in a database, and the same two files as a serial scan's.

The database is where scan and workers meet; a finished trial is taken from it once, into a
`FileTrials`, which writes ``tries.json`` and ``tries.pkl``. A trial that the files have is final,
whatever the database says of it later, so that a scan can also go on without its database.
"""

from __future__ import annotations

import datetime
import sys
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from hyperopt.mongoexp import MongoTrials

from n3hyper.errors import ObjectiveError, StoreError
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.mongo.address import (
    DATABASE,
    PORT,
    checked,
    database_name,
    make_uri,
)
from n3hyper.hyper_optimization.mongo.archive import extract_archive, write_archive
from n3hyper.hyper_optimization.mongo.attachments import TrialAttachments
from n3hyper.hyper_optimization.mongo.connection import address_of, open_database
from n3hyper.hyper_optimization.mongo.jobs import Jobs, job_id
from n3hyper.hyper_optimization.mongo.known_jobs import KnownJobs
from n3hyper.hyper_optimization.mongo.local_workers import WORKER_LOG, LocalWorkers
from n3hyper.hyper_optimization.mongo.mirror import FileWriter, with_name
from n3hyper.hyper_optimization.mongo.objectives import (
    ObjectiveDocument,
    find_objective,
    objective_name,
)
from n3hyper.hyper_optimization.mongo.records import convert_bson_to_dict
from n3hyper.hyper_optimization.mongo.scan_document import ScanDocument
from n3hyper.hyper_optimization.mongo.search import Search
from n3hyper.hyper_optimization.mongo.server import MongodRunner
from n3hyper.hyper_optimization.mongo.watching.work import Work, work_of
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.stores.base import TrialStore
from n3hyper.system.atomic_write import write_atomically
from n3hyper.system.folder_lock import this_process

__all__ = ["MongoFileTrials", "MongodRunner", "convert_bson_to_dict"]

SEEN: Final = 25.0
"""Seconds for which a worker counts as alive that has not been seen."""
_FORGOTTEN: Final = datetime.timedelta(days=1)
"""After which nobody needs to know any more that a worker was killed."""
_MOST_GAPS: Final = 10_000
"""Numbers of trials that nobody has seen; more is no accident."""


class MongoFileTrials(MongoTrials, TrialStore):  # type: ignore[misc]
    """hyperopt's MongoTrials, kept in the replica folder as well.

    Parameters
    ----------
    replica_path
        Folder of ``tries.json`` and ``tries.pkl``, which exists.
    db_host, db_port, db_name
        Of the database.
    num_workers
        Worker processes that `start_mongo_workers` starts.
    parameters
        The search space, for the readable values ``misc.space_vals`` of each trial.
    exp_key
        Name of the scan in the database; a new one by default. Stores of the same name share
        their trials.
    cmd, workdir
        Accepted as hyperopt's MongoTrials does, and not used.
    refresh
        Whether to read the database at once.
    store_trial
        False to write no files.
    uri
        In place of host, port and name: where user and password are needed.
    files
        The trials so far, as read from their files; `exp_key` and `parameters` are theirs.

    Attributes
    ----------
    files : FileTrials
        The finished trials.
    known : KnownJobs
        These, and the others as last read from the database.
    """

    def __init__(
        self,
        replica_path: Path | None,
        db_host: str = "localhost",
        db_port: int = PORT,
        db_name: str = DATABASE,
        num_workers: int = 1,
        parameters: Any = None,
        exp_key: str | None = None,
        cmd: Any = None,
        workdir: Any = None,
        refresh: bool = True,
        *,
        store_trial: bool = True,
        uri: str | None = None,
        files: FileTrials | None = None,
    ) -> None:
        self.uri = checked(uri or make_uri(db_host, db_port, db_name))
        self.num_workers = num_workers
        self.replica_path = None if replica_path is None else Path(replica_path)
        if files is None:
            folder = self.replica_path if store_trial else None
            files = FileTrials(folder, parameters, exp_key=exp_key or uuid.uuid4().hex)
        self.files = files
        self.scan_document: ScanDocument | ObjectiveDocument | None = None
        self.workers_started = False
        self.worker_command: Sequence[str] = (sys.executable, "-m", "n3hyper.cli", "mongo-worker")
        # hyperopt keeps the pickled objective here; it stays in this process
        self._attachments: dict[str, Any] = {}
        self._workers, self._writer = LocalWorkers(), FileWriter(files)
        self._allowed: tuple[str, ...] = ()
        self._search: Search | None = None
        jobs = Jobs(open_database(self.uri))
        self.known = KnownJobs(jobs, files)
        super().__init__(jobs, files._exp_key, cmd, workdir, refresh=False)
        if refresh:
            self.handle.create_jobs_indexes()
            self.refresh()

    @classmethod
    def from_pkl(cls, pickle_filepath: Path | str, **kwargs: Any) -> MongoFileTrials:
        """The store that wrote the pickle; what the database lacks of it is put there again.

        Parameters
        ----------
        **kwargs
            Where the database is, as in the constructor.
        """
        path = Path(pickle_filepath)
        files = FileTrials.from_pkl(path)
        return cls(path.parent, files=with_name(files), **kwargs)

    # ------------------------------------------------------------ what hyperopt reads
    @property
    def exp_key(self) -> str:
        """Name of the scan in the database."""
        return str(self._exp_key)

    @property
    def parameters(self) -> Any:
        """The search space; None when it is not known."""
        return self.files.parameters

    @property
    def finished(self) -> list[Record]:
        """The finished trials, in the order of their numbers."""
        return self.files.finished

    @property
    def rstate(self) -> Any:
        """The random generator of the scan; see `FileTrials.rstate`."""
        return self.files.rstate

    @rstate.setter
    def rstate(self, random_generator: Any) -> None:
        self.files.rstate = random_generator

    @property
    def scan(self) -> dict[str, Any]:
        """Return what a restart needs; see `FileTrials`."""
        return self.files.scan

    @scan.setter
    def scan(self, value: dict[str, Any]) -> None:
        self.files.scan = value

    @property
    def attachments(self) -> dict[str, Any]:
        """Return the attachments of this process, where hyperopt puts pickles."""
        return self._attachments

    @property
    def headers(self) -> dict[int, dict[str, Any]]:
        """Return, by number, the state of trials that have not finished; see `KnownJobs`."""
        return self.known.headers

    @property
    def _trials(self) -> list[Record]:
        return self.known.trials

    @property
    def _dynamic_trials(self) -> list[Record]:
        return self.known.trials

    def view(self, exp_key: str | None = None, refresh: bool = True, **_: Any) -> MongoFileTrials:
        """Another look at the scan, or at another one; it writes no files."""
        return type(self)(None, uri=self.uri, exp_key=exp_key or self.exp_key, refresh=refresh)

    def count_by_state_unsynced(self, arg: Any) -> int:
        """Return the number of trials that have the state, or one of the states, now."""
        self.refresh()
        if self._search is not None:
            self._search.look()
        return int(self.count_by_state_synced(arg))

    def trial_attachments(self, trial: Record) -> TrialAttachments:
        """Return the objective's attachments to a trial, by name, in the database."""
        return TrialAttachments(self.handle, job_id(self.exp_key, trial["tid"]))

    def delete_all(self, cond: Any = None) -> None:
        """Remove the scan's jobs and their attachments; finished trials stay in the files.

        Parameters
        ----------
        cond
            Of the documents that are removed; None for all, and the attachments of the search.
        """
        self.handle.delete_all({**(cond or {}), "exp_key": self.exp_key})
        if cond is None:
            self.attachments.clear()
        self.known.forget()

    def fmin(self, fn: Any, space: Any, *args: Any, **options: Any) -> Any:
        """Minimise a function that workers run: what `hyperopt.fmin` calls, with its arguments.

        Parameters
        ----------
        fn
            A function that workers can import by its name, ``module:function``, and that whoever
            started them has allowed: see `start_mongo_workers`, or ``n3hyper mongo-worker
            --allow-objective``. Its result is that of any objective of hyperopt; a NaN or infinite
            loss is a failure of the trial (``nan``), and so is an exception (``exception``).
            Attachments are bytes or text.
        space
            Its choices are plain values: numbers, text, lists, tuples, dictionaries.

        Raises
        ------
        ObjectiveError
            The function has no such name, the workers that were started here do not allow it, or
            the space holds other objects.
        StoreError
            The workers that were started here have ended.
        """
        document = ObjectiveDocument(self.exp_key, objective_name(fn))
        name = document.objective
        low_level = getattr(fn, "fmin_pass_expr_memo_ctrl", False)
        if low_level or options.get("pass_expr_memo_ctrl"):
            raise ObjectiveError(f"objective {name}: workers do not have expr, memo and ctrl")
        if self.workers_running and name not in self._allowed:
            raise ObjectiveError(
                f"objective {name}: the workers that were started do not allow it; "
                f"start_mongo_workers(objectives=[{name!r}])"
            )
        self.publish(document)
        self._search = Search(self, document, space)
        self.known.point_of = self._search.point
        try:
            return super().fmin(fn, space, *args, **options)
        finally:
            self._search = self.known.point_of = None

    # ------------------------------------------------------------ new trials
    def new_trial_ids(self, n: int) -> list[int]:
        """The next `n` numbers of trials, which nobody else is given."""
        return list(self.handle.take_numbers(self.exp_key, n))

    def _insert_trial_docs(self, docs: Iterable[Record]) -> list[int]:
        return [self.insert(doc) for doc in docs]

    def insert(self, doc: Record) -> int:
        """Put one job in; its number.

        Raises
        ------
        StoreError
            The scan has that trial already.
        """
        return self.known.insert(doc)

    def withdraw(self, tids: Iterable[int]) -> None:
        """Take back jobs that nobody has begun; their numbers are free again."""
        self.known.withdraw(tids)

    def work(self, seconds: float, lease: float) -> Work:
        """Return what is worked on, by the workers that were seen within so many seconds.

        Parameters
        ----------
        lease
            See `n3hyper.hyper_optimization.mongo.watching.work.work_of`.
        """
        now = self._server_time()
        workers = self._workers_seen(now, seconds)
        return work_of(self.exp_key, self.headers.values(), workers, now, lease)

    def sign_of_life(self, max_evals: int) -> None:
        """Tell those who ask the database that the process of the scan is there.

        Parameters
        ----------
        max_evals
            Trials in all.
        """
        self.handle.scans.update_one(
            {"_id": self.exp_key},
            {
                "$set": {"process": this_process(), "max_evals": max_evals},
                "$currentDate": {"driven": True},
            },
        )

    def sign_off(self) -> None:
        """Tell them that it has ended."""
        self.handle.scans.update_one({"_id": self.exp_key}, {"$unset": {"driven": ""}})

    def live_workers(self, seconds: float = SEEN) -> list[dict[str, Any]]:
        """Workers that work for this scan or wait for one, and were seen of late.

        Parameters
        ----------
        seconds
            How late, by the server's clock.
        """
        return self._workers_seen(self._server_time(), seconds)

    def _workers_seen(self, now: datetime.datetime, seconds: float) -> list[dict[str, Any]]:
        jobs: Jobs = self.handle
        return jobs.workers_seen(self.exp_key, now, seconds)

    def _server_time(self) -> datetime.datetime:
        jobs: Jobs = self.handle
        return jobs.server_time()

    # ------------------------------------------------------------ what has changed
    def refresh(self) -> None:
        """Take up what has changed in the database; write the files where trials have finished.

        What has finished before is not read again.

        Raises
        ------
        StoreError
            The files cannot be written.
        pymongo.errors.ConnectionFailure
            The database does not answer.
        """
        self.refresh_tids(None)
        self.write()

    def refresh_tids(self, tids: Iterable[int] | None) -> None:
        """Take up what has changed in some trials (None for all); write nothing."""
        number = self.handle.next_number(self.exp_key)
        if number is None:
            self.publish(self.scan_document)
            number = 0
        if number > len(self.known.documents) + _MOST_GAPS:
            raise StoreError(
                f"{self}: the next trial's number is said to be {number}; this is not that scan's"
            )
        unfinished = self.known.unfinished(number)
        self.known.read(unfinished if tids is None else unfinished & set(tids))

    # ------------------------------------------------------------ the files
    def write(self, at_once: bool = True) -> None:
        """Write ``tries.json`` and ``tries.pkl`` where trials have finished since.

        Parameters
        ----------
        at_once
            False to leave it for later while writing would take more than a tenth of the time.
        """
        self._writer.write(at_once)

    def to_pkl(self) -> None:
        """Write ``tries.pkl``; a serial restart can go on from it as well."""
        self.files.to_pkl()

    # ------------------------------------------------------------ the scan and its workers
    def publish(self, scan: ScanDocument | ObjectiveDocument | None = None) -> None:
        """Tell workers of the scan or search, and give the database what it lacks of the trials.

        Parameters
        ----------
        scan
            None where no worker of n3hyper is to work for it.
        """
        self.scan_document = scan
        number = max([-1, *self.known.documents]) + 1
        changes: dict[str, Any] = {"$max": {"next": number}}
        if scan is not None:
            changes["$set"] = scan.encode()
        self.handle.scans.update_one({"_id": self.exp_key}, changes, upsert=True)
        self.handle.workers.delete_many({"seen": {"$lt": self._server_time() - _FORGOTTEN}})
        self.known.settle()

    def start_mongo_workers(
        self,
        workdir: Path | str | None = None,
        exp_key: str | None = None,
        poll_interval: float = 0.1,
        no_subprocesses: bool = False,
        max_consecutive_failures: int = 10,
        reserve_timeout: float = 600,
        theory_path: Path | None = None,
        memory: int | None = None,
        objectives: Iterable[Any] = (),
    ) -> None:
        """Start the workers, `num_workers` of them, which end with this process.

        Parameters
        ----------
        workdir
            Of the workers; this process's by default.
        exp_key
            Work for that scan alone; for any in the database by default.
        poll_interval
            Seconds between questions for a job.
        no_subprocesses
            Accepted as hyperopt's workers do; a worker is always one process.
        max_consecutive_failures
            How often in a row a worker is started again that died without finishing a job.
        reserve_timeout
            Seconds without a job after which a worker ends.
        theory_path
            See ``n3hyper scan --theory-path``.
        memory
            Bytes for all of them; None for most of what is free.
        objectives
            Functions of a user's own that they may run in a search (`fmin`), themselves or by name
            (``module:function``). Workers import them from where this process does. None by
            default: then they run scans only.

        Raises
        ------
        ObjectiveError
            An objective cannot be imported, or workers run already that do not allow it.
        """
        if callable(objectives) or isinstance(objectives, str):
            objectives = (objectives,)
        names = tuple(
            objective if isinstance(objective, str) else objective_name(objective)
            for objective in objectives
        )
        for name in names:
            find_objective(name)
        if self.workers_running and not set(names) <= set(self._allowed):
            raise ObjectiveError(
                "workers run already, which do not allow these objectives: call "
                "stop_mongo_workers() first"
            )
        options = {
            "--workers": self.num_workers,
            "--poll-interval": poll_interval,
            "--max-consecutive-failures": max_consecutive_failures,
            "--reserve-timeout": reserve_timeout,
            "--exp-key": exp_key,
            "--theory-path": theory_path,
            "--memory": memory,
            "--allow-objective": names,
        }
        if not self.workers_running:
            self._allowed = names
        self._workers.start(
            self.worker_command,
            options,
            uri=self.uri,
            log=self.worker_log,
            workdir=workdir,
            same_modules=bool(names),
        )
        self.workers_started = True

    @property
    def worker_log(self) -> Path:
        """The file that the workers started here write to."""
        return (self.replica_path or Path()) / WORKER_LOG

    @property
    def workers_running(self) -> bool:
        """Return whether the workers that were started here still are."""
        return self._workers.running

    def stop_mongo_workers(self) -> None:
        """End the workers; what they were doing is left to others."""
        self._workers.stop()
        self.workers_started = False

    # ------------------------------------------------------------ archives
    def compress_mongodb_database(self) -> Path:
        """Write the database into ``<replica folder>/<database>.tar.gz``, as mongodump lays it out.

        Returns
        -------
        Path
            Of the archive.
        """
        folder = self.replica_path or Path()
        name = database_name(self.uri)
        archive = folder / f"{name}.tar.gz"
        write_atomically(archive, [write_archive(self.handle.db, name)])
        return archive

    @staticmethod
    def extract_mongodb_database(
        database_tar_file: Path | str, path: Path | str | None = None
    ) -> Path:
        """Unpack an archive into `path` (default: the current folder); the folder of its database.

        A server that is started there holds its content, `MongodRunner(dbpath=FOLDER)` or
        ``n3hyper mongod --dbpath FOLDER``; `MongodRunner.restore` and ``n3hyper mongod --restore``
        put it into another database.

        Raises
        ------
        StoreError
            It is no archive of a database: it holds links, devices, or names that lead out of
            the folder. Nothing has been written then.
        """
        return extract_archive(Path(database_tar_file), Path.cwd() if path is None else Path(path))

    def __str__(self) -> str:
        return f"{len(self)} trials in {address_of(self.handle.db)}"
