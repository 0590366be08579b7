"""Recipe of ``n3hyper scan --parallel``: a parallel scan from its runcard to its files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.commands import command_line
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.mongo.address import (
    DATABASE,
    DEFAULT_URI,
    PORT,
    as_option,
    find_uri,
)
from n3hyper.hyper_optimization.mongo.connection import (
    DATABASE_TIMEOUT,
    Retrying,
    address_of,
    answers,
    open_database,
)
from n3hyper.hyper_optimization.mongo.local_workers import WORKER_LOG
from n3hyper.hyper_optimization.mongo.mirror import with_name
from n3hyper.hyper_optimization.mongo.scan_document import LEASE, ScanDocument, printable_label
from n3hyper.hyper_optimization.mongo.server import (
    LOG_FILE,
    MongodRunner,
    PortError,
    find_engine,
)
from n3hyper.hyper_optimization.mongofiletrials import MongoFileTrials
from n3hyper.hyper_optimization.parallel_loop import ParallelScan, Status
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.sampling.suggest import HYPEROPT_SEED, suggester_of, trial_generator
from n3hyper.hyper_optimization.serial_loop import ScanOutcome, save
from n3hyper.hyper_optimization.stores.identity import (
    check_identity,
    complete_identity,
    of_trials,
)
from n3hyper.hyper_optimization.stores.recovery import reopen
from n3hyper.hyper_optimization.stores.trial_pdfs import BestPDFs
from n3hyper.runcard import Runcard
from n3hyper.scanning.budget import Budget
from n3hyper.scanning.listener import Listener
from n3hyper.scanning.prepare import PreparedScan, PrepareScan, held_scan, prepare_scan
from n3hyper.scanning.request import ScanRequest
from n3hyper.scanning.run_recorder import RunRecorder

_SERVER, _PRIVATE = "server", "private"
"""Collection and document that mark a database started by a scan for itself."""
_MOST_RESTARTS: Final = 10
"""Largest number of restarts of the local workers when they are killed from outside."""
_GRACE: Final = 60.0
"""Seconds that running trials have beyond the time of the scan."""


class ParallelListener(Listener, Protocol):
    """Listener that follows a parallel scan; see `n3hyper.cli.displays.parallel_display`."""

    def status(self, status: Status) -> None:
        """Report the status of the scan."""


@dataclass(frozen=True)
class ParallelRequest:
    """Request for database and workers of a parallel scan, beside the scan itself.

    Parameters
    ----------
    workers
        Number to start on this host; by default one if the scan starts its own database, else none.
    mongo_uri
        URI of the database; see `n3hyper.hyper_optimization.mongo.address.find_uri`. By default the
        database in the scan's folder, else the one on the usual port of this host, else a new one.
    database_timeout
        Seconds to wait for a database that does not answer.
    lease
        Seconds without a heartbeat after which a worker is taken for dead.
    """

    workers: int | None = None
    mongo_uri: str | None = None
    database_timeout: float = DATABASE_TIMEOUT
    lease: float = LEASE

    @property
    def database(self) -> str:
        """Return `mongo_uri` as it may be repeated from any folder; empty where it names a user."""
        given = as_option(self.mongo_uri)
        if given is None:
            return ""
        return given if "://" in given else str(Path(given).absolute())


def perform_parallel_scan(
    request: ScanRequest,
    parallel: ParallelRequest,
    listener: ParallelListener,
    *,
    prepare: PrepareScan = prepare_scan,
    worker_command: tuple[str, ...] | None = None,
) -> ScanOutcome:
    """Load the runcard, build the problem, find or start a database and workers, and scan.

    Nothing is written before all input has been checked and the database has answered.

    Parameters
    ----------
    prepare, worker_command
        Replacements of real fits, for tests and benchmarks.

    Raises
    ------
    RuncardError, DataError, TheoryError
        when the input is wrong.
    StoreError
        when the folder holds a scan already, the trials cannot be read or written, or the database
        does not answer.
    """
    budget = None if request.timeout is None else Budget(request.timeout)
    recorder = RunRecorder(listener, "scan", request.max_evals, request.log)
    uri: str | None = None

    def prepare_with_database(
        request: ScanRequest, runcard: Runcard, listener: Listener
    ) -> PreparedScan:
        nonlocal uri
        uri = database_in_use(request, parallel, listener)
        # the trainer is not used here, and costs next to nothing before its first fit
        prepared = prepare(request, runcard, listener)
        if uri is not None:
            await_database(uri, parallel.database_timeout, listener)
        return prepared

    with ExitStack() as held:
        scan = held.enter_context(held_scan(request, recorder, prepare_with_database))
        held.enter_context(
            recorder.recording(request.replica_folder, parallel.database, parallel=True)
        )
        scanner = scan.scanner
        identity = complete_identity(scan.identity, scanner.as_dict())
        files = open_files(
            request.replica_folder,
            scanner.as_dict(),
            identity,
            recorder,
            restart=request.restart,
            seed=request.seed,
            algo=request.algo,
            keep=request.kept,
        )
        if budget:
            budget.learn(files.finished)
        document = ScanDocument(
            "",
            request.text,
            request.replicas,
            of_trials(identity),
            parallel.lease,
            label=printable_label(request.output.resolve().name),
        )
        shared = held.enter_context(
            shared_trials(uri, files, document, request, parallel, recorder, worker_command)
        )
        trials = shared.trials
        trials.known.take = BestPDFs(request.replica_folder, request.keep).take
        return ParallelScan(
            trials,
            suggester_of(trials.scan, scanner.as_dict()),
            request.max_evals,
            shared.retrying,
            max_failures=request.max_failures,
            on_trial=timed(recorder.trial_ended, budget),
            on_status=recorder.status,
            stop=budget.spent if budget else lambda: "",
            deadline=deadline(request.timeout),
            tend=shared.tend,
        ).run()


class SharedRun(Protocol):
    """Request for trials that workers run: a `ScanRequest`, or that of a fit."""

    @property
    def output(self) -> Path:
        """Folder of the scan or fit, where its own database lies."""

    @property
    def replica_folder(self) -> Path:
        """Folder of the trials and of the log of the workers."""

    @property
    def theory_path(self) -> Path | None:
        """Return the folder where local workers look for the theory first."""

    @property
    def memory(self) -> int | None:
        """Bytes that the fits of the local workers may take."""


class SharedTrials(NamedTuple):
    """Trials in a database, whose workers have been told of them."""

    trials: MongoFileTrials
    retrying: Retrying
    tend: Callable[[], None]
    """To be called again and again: keeps the local workers running."""


@contextmanager
def shared_trials(
    uri: str | None,
    files: FileTrials,
    document: ScanDocument,
    run: SharedRun,
    parallel: ParallelRequest,
    listener: Listener,
    worker_command: tuple[str, ...] | None = None,
) -> Iterator[SharedTrials]:
    """Put trials into a database, tell workers of them, and start the local ones.

    The database and the workers that were started end with the block.

    Parameters
    ----------
    uri
        Of the database; None to start one.
    files
        The trials so far.
    document
        What workers are told; the name of the scan in the database is filled in.
    worker_command
        In place of real workers, for tests and benchmarks.
    """
    with ExitStack() as held:
        address, server = held.enter_context(_database(uri, run, listener))
        trials = MongoFileTrials(None, uri=address, files=files, refresh=False)
        held.callback(trials.handle.close)
        trials.replica_path = run.replica_folder
        retrying = Retrying(address_of(trials.handle.db), parallel.database_timeout, listener.stage)
        if server is not None:
            retrying.revive = server.revive
        retrying(trials.handle.create_jobs_indexes)
        retrying(lambda: trials.publish(replace(document, exp_key=trials.exp_key)))
        tend = _local_workers(
            held, trials, run, parallel, server is not None, listener, worker_command
        )
        yield SharedTrials(trials, retrying, tend)


def open_files(
    folder: Path,
    space: dict[str, Any],
    identity: dict[str, str],
    listener: Listener,
    *,
    restart: bool,
    seed: int | None = None,
    algo: str | None = None,
    keep: Mapping[str, Any],
) -> FileTrials:
    """Return the trials so far, none for a new scan; a restart is possible from here on.

    The parameters are those of `n3hyper.hyper_optimization.serial_loop.run_scan`.
    """
    if restart:
        files, notes = reopen(folder, space, identity)
        for note in notes:
            listener.stage(note)
        files = with_name(files)
    else:
        files = with_name(FileTrials(folder, parameters=space))
    if not files.scan:
        files.scan = {
            "seed": HYPEROPT_SEED if seed is None else seed,
            "algo": "tpe" if algo is None else algo,
            "fingerprint": dict(identity),
        }
        files.rstate = trial_generator(files.scan["seed"], 0)
    check_identity(files.scan["fingerprint"], identity, (files.parameters, space))
    files.scan.update(keep)
    save(files)
    return files


def database_in_use(
    request: SharedRun, parallel: ParallelRequest, listener: Listener
) -> str | None:
    """Return the URI of the database that the scan is to use; None if it has to start one.

    Raises
    ------
    StoreError
        when the given address is wrong, or no server can be started.
    """
    if parallel.mongo_uri is not None:
        return find_uri(parallel.mongo_uri)
    if not (request.output / DATABASE).is_dir():
        uri = find_uri()
        database = open_database(uri)
        try:
            if uri != DEFAULT_URI or (answers(database) and not _is_private(database)):
                listener.stage(f"using the database at {address_of(database)}")
                return uri
        finally:
            database.client.close()
    find_engine()
    return None


def await_database(uri: str, timeout: float, listener: Listener) -> None:
    """Wait until the database answers, and lets this scan in."""
    database = open_database(uri)
    try:
        retrying = Retrying(address_of(database), timeout, listener.stage)
        retrying(lambda: database["scans"].find_one({}, ["_id"]))
    finally:
        database.client.close()


@contextmanager
def _database(
    uri: str | None, run: SharedRun, listener: Listener
) -> Iterator[tuple[str, MongodRunner | None]]:
    """Provide the URI of the database, and its server if it runs for the time of the block only."""
    if uri is not None:
        yield uri, None
        return
    dbpath = run.output / DATABASE
    server = _private_server(dbpath)
    try:
        listener.stage(
            f"started a database in {dbpath} (log: {LOG_FILE}); workers of this host may join: "
            f"{command_line('mongo-worker', mongo_uri=server.uri_file)}"
        )
        yield server.uri, server
    finally:
        server.stop()


def _private_server(dbpath: Path) -> MongodRunner:
    """Start a server for the time of a scan, on its last port or where workers look for it."""
    server = MongodRunner(dbpath=dbpath)
    server.db_port = server.earlier_port or PORT
    try:
        server.start()
    except PortError:
        server.db_port = 0
        server.start()
    try:
        database = open_database(server.uri)
        database[_SERVER].update_one({"_id": _PRIVATE}, {"$set": {"of": str(dbpath)}}, upsert=True)
        database.client.close()
    except BaseException:
        server.stop()
        raise
    return server


def _is_private(database: Any) -> bool:
    """Return whether another scan has started this database, which will end with that scan."""
    from pymongo.errors import ConnectionFailure, OperationFailure

    try:
        return database[_SERVER].find_one({"_id": _PRIVATE}) is not None
    except OperationFailure:  # it requires a password, which a private one does not
        return False
    except ConnectionFailure:  # it has just ended
        return True


def _local_workers(
    held: ExitStack,
    trials: MongoFileTrials,
    run: SharedRun,
    parallel: ParallelRequest,
    private_database: bool,
    listener: Listener,
    command: tuple[str, ...] | None,
) -> Callable[[], None]:
    """Start this host's workers, which `held` ends; return a function that keeps them running."""
    workers = int(private_database) if parallel.workers is None else parallel.workers
    if not workers:
        listener.stage("this scan starts no workers itself: start some with n3hyper mongo-worker")
        return lambda: None
    if command is not None:
        trials.worker_command = command
    trials.num_workers = workers
    starts = 0

    def tend() -> None:
        nonlocal starts
        if trials.workers_running:
            return
        if starts > _MOST_RESTARTS:
            raise StoreError(
                "the local workers end again and again; the last lines of "
                f"{run.replica_folder / WORKER_LOG} say why"
            )
        if starts:
            listener.stage("the local workers have ended: started again")
        starts += 1
        trials.start_mongo_workers(
            exp_key=trials.exp_key, theory_path=run.theory_path, memory=run.memory
        )

    held.callback(trials.stop_mongo_workers)
    listener.stage(
        f"{workers} local {'worker' if workers == 1 else 'workers'} "
        f"(log: {run.replica_folder / WORKER_LOG})"
    )
    tend()
    return tend


def timed(ended: Callable[[Record], None], budget: Budget | None) -> Callable[[Record], None]:
    """Return `ended`, called with each record once the budget has learned its time."""

    def on_trial(record: Record) -> None:
        if budget:
            budget.learn([record])
        ended(record)

    return on_trial


def deadline(timeout: float | None) -> Callable[[], bool]:
    """Return whether the time is up, with some grace for what runs."""
    end = None if timeout is None else time.monotonic() + timeout + _GRACE

    def over() -> bool:
        return end is not None and time.monotonic() > end

    return over
