"""A parallel scan from its runcard to its files: the recipe behind ``n3hyper scan --parallel``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.commands import command_line
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.hyper_scan import HYPEROPT_SEED, HyperScanner
from n3hyper.hyper_optimization.identity import check_identity, complete_identity
from n3hyper.hyper_optimization.mongo_address import DATABASE, DEFAULT_URI, PORT, find_uri
from n3hyper.hyper_optimization.mongo_connection import (
    PATIENCE,
    Patience,
    address_of,
    answers,
    open_database,
)
from n3hyper.hyper_optimization.mongo_files import with_name
from n3hyper.hyper_optimization.mongo_scan import LEASE, ScanDocument
from n3hyper.hyper_optimization.mongo_server import (
    LOG_FILE,
    MongodRunner,
    PortError,
    find_engine,
)
from n3hyper.hyper_optimization.mongo_workers import WORKER_LOG
from n3hyper.hyper_optimization.mongofiletrials import MongoFileTrials
from n3hyper.hyper_optimization.parallel_loop import ParallelScan, Status
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.recovery import reopen
from n3hyper.hyper_optimization.serial_loop import ScanOutcome, save
from n3hyper.hyper_optimization.suggest import Suggester, trial_generator
from n3hyper.runcard import Runcard
from n3hyper.scanning.budget import Budget
from n3hyper.scanning.listener import Listener
from n3hyper.scanning.prepare import PreparedScan, PrepareScan, held_scan, prepare_scan
from n3hyper.scanning.request import ScanRequest

_SERVER, _PRIVATE = "server", "private"
"""Collection and document of a database that a scan has started for its own time."""
_MOST_RESTARTS: Final = 10
"""Of the local workers, when they are killed from outside."""
_GRACE: Final = 60.0
"""Seconds that running trials are given beyond the time of the scan."""


class ParallelListener(Listener, Protocol):
    """Who is told how a parallel scan goes; see `n3hyper.cli.parallel_display`."""

    def status(self, status: Status) -> None:
        """How it stands."""


@dataclass(frozen=True)
class ParallelRequest:
    """What a user asks for beside the scan itself.

    Parameters
    ----------
    workers
        To start on this host; None for one where the scan starts its own database, else none.
    mongo_uri
        Of the database; see `n3hyper.hyper_optimization.mongo_address.find_uri`. None for the one
        that the scan was begun with in its own folder, the one on the usual port of this host, or
        one of its own.
    patience
        Seconds for which a database that is away is waited for.
    lease
        Seconds without a heartbeat after which a worker counts as gone.
    """

    workers: int | None = None
    mongo_uri: str | None = None
    patience: float = PATIENCE
    lease: float = LEASE


def perform_parallel_scan(
    request: ScanRequest,
    parallel: ParallelRequest,
    listener: ParallelListener,
    *,
    prepare: PrepareScan = prepare_scan,
    worker_command: tuple[str, ...] | None = None,
) -> ScanOutcome:
    """Load, build, find or start a database and workers, scan.

    Nothing is written before all input has been found right, and the database that is to be used
    has answered.

    Parameters
    ----------
    prepare, worker_command
        In place of real fits, for tests and benchmarks.

    Raises
    ------
    RuncardError, DataError, TheoryError
        The input is wrong.
    StoreError
        The folder holds a scan already, the trials cannot be read or written, or the database does
        not answer.
    """
    budget = None if request.timeout is None else Budget(request.timeout)
    uri: str | None = None

    def prepare_with_database(
        request: ScanRequest, runcard: Runcard, listener: Listener
    ) -> PreparedScan:
        nonlocal uri
        uri = _database_in_use(request, parallel, listener)
        # the trainer is not used here, and costs next to nothing before its first fit
        prepared = prepare(request, runcard, listener)
        if uri is not None:
            _await_database(uri, parallel.patience, listener)
        return prepared

    with ExitStack() as held:
        scan = held.enter_context(held_scan(request, listener, prepare_with_database))
        scanner = scan.scanner
        identity = complete_identity(scan.identity, scanner.as_dict())
        files = _open_files(request, scanner, identity, listener)
        if budget:
            budget.learn(files.finished)
        address, server = held.enter_context(_database(uri, request, listener))
        trials = MongoFileTrials(None, uri=address, files=files, refresh=False)
        held.callback(trials.handle.close)
        trials.replica_path = request.replica_folder
        patience = Patience(address_of(trials.handle.db), parallel.patience, listener.stage)
        if server is not None:
            patience.revive = server.revive
        patience(trials.handle.create_jobs_indexes)
        patience(
            lambda: trials.publish(
                ScanDocument(
                    trials.exp_key,
                    request.text,
                    request.replicas,
                    identity,
                    parallel.lease,
                )
            )
        )
        tend = _local_workers(
            held, trials, request, parallel, server is not None, listener, worker_command
        )
        return ParallelScan(
            trials,
            Suggester(scanner.as_dict(), trials.scan["seed"], trials.scan["algo"]),
            request.max_evals,
            patience,
            max_failures=request.max_failures,
            on_trial=_recorder(listener, budget),
            on_status=listener.status,
            stop=budget.spent if budget else lambda: "",
            deadline=_deadline(request.timeout),
            tend=tend,
        ).run()


def _open_files(
    request: ScanRequest, scanner: HyperScanner, identity: dict[str, str], listener: Listener
) -> FileTrials:
    """The trials so far, none for a new scan; a restart is possible from here on."""
    if request.restart:
        files, notes = reopen(request.replica_folder, scanner.as_dict(), identity)
        for note in notes:
            listener.stage(note)
        files = with_name(files)
    else:
        files = with_name(FileTrials(request.replica_folder, parameters=scanner.as_dict()))
    if not files.scan:
        files.scan = {
            "seed": HYPEROPT_SEED if request.seed is None else request.seed,
            "algo": "tpe" if request.algo is None else request.algo,
            "fingerprint": dict(identity),
        }
        files.rstate = trial_generator(files.scan["seed"], 0)
    check_identity(files.scan["fingerprint"], identity, (files.parameters, scanner.as_dict()))
    files.scan.update(request.kept)
    save(files)
    return files


def _database_in_use(
    request: ScanRequest, parallel: ParallelRequest, listener: Listener
) -> str | None:
    """The URI of the database that the scan is to use; None where it has to start one.

    Raises
    ------
    StoreError
        What was named is no address, or there is no server that could be started.
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


def _await_database(uri: str, patience: float, listener: Listener) -> None:
    """Wait until the database answers, and lets this scan in."""
    database = open_database(uri)
    try:
        patiently = Patience(address_of(database), patience, listener.stage)
        patiently(lambda: database["scans"].find_one({}, ["_id"]))
    finally:
        database.client.close()


@contextmanager
def _database(
    uri: str | None, request: ScanRequest, listener: Listener
) -> Iterator[tuple[str, MongodRunner | None]]:
    """The URI of the database, and its server where it is to run for the time of the block."""
    if uri is not None:
        yield uri, None
        return
    dbpath = request.output / DATABASE
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
    """A server for the time of a scan: where its last one was, else where workers look for it."""
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
    """Whether another scan has started that database, which will end with that scan."""
    from pymongo.errors import ConnectionFailure, OperationFailure

    try:
        return database[_SERVER].find_one({"_id": _PRIVATE}) is not None
    except OperationFailure:  # it wants a password, which a private one does not
        return False
    except ConnectionFailure:  # it has ended just now
        return True


def _local_workers(
    held: ExitStack,
    trials: MongoFileTrials,
    request: ScanRequest,
    parallel: ParallelRequest,
    own: bool,
    listener: Listener,
    command: tuple[str, ...] | None,
) -> Callable[[], None]:
    """Start this host's workers, which `held` ends; what has to be called to keep them running."""
    workers = int(own) if parallel.workers is None else parallel.workers
    if not workers:
        listener.stage("no workers of this scan's own: start some with n3hyper mongo-worker")
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
                f"{request.replica_folder / WORKER_LOG} say why"
            )
        if starts:
            listener.stage("the local workers have ended: started again")
        starts += 1
        trials.start_mongo_workers(
            exp_key=trials.exp_key, theory_path=request.theory_path, memory=request.memory
        )

    held.callback(trials.stop_mongo_workers)
    listener.stage(
        f"{workers} local {'worker' if workers == 1 else 'workers'} "
        f"(log: {request.replica_folder / WORKER_LOG})"
    )
    tend()
    return tend


def _recorder(listener: Listener, budget: Budget | None) -> Callable[[Record], None]:
    def on_trial(record: Record) -> None:
        if budget:
            budget.learn([record])
        listener.trial_ended(record)

    return on_trial


def _deadline(timeout: float | None) -> Callable[[], bool]:
    """Whether the time is up, with some grace for what runs."""
    end = None if timeout is None else time.monotonic() + timeout + _GRACE

    def over() -> bool:
        return end is not None and time.monotonic() > end

    return over
