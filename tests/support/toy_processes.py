"""Processes of a parallel scan with the toy trainer, for tests and benchmarks.

    python -m tests.support.toy_processes worker          what a fleet starts
    python -m tests.support.toy_processes fleet ...       n3hyper mongo-worker
    python -m tests.support.toy_processes scan ...        n3hyper scan --parallel, or restart

Everything but the fits is as in the real commands. Environment: TOY_SECONDS, the time of a fit;
TOY_DEADLY, the number of epochs from which a fit kills its worker; TOY_HUNGRY, the number from
which it is killed itself; TOY_IDENTITY, the identity claimed for this host's data.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.mongo.address import find_uri
from n3hyper.hyper_optimization.mongo.scan_document import FIT, ScanDocument
from n3hyper.hyper_optimization.record import read_tries
from n3hyper.hyper_optimization.sampling.history import points_of
from n3hyper.scanning.isolation import IsolatedTrainer
from n3hyper.scanning.prepare import PreparedScan
from n3hyper.scanning.request import History
from n3hyper.services.fleet import Fleet, run_fleet
from n3hyper.services.worker_process import main as worker_main
from n3hyper.services.worker_settings import WorkerSettings
from n3hyper.system.interruption import INTERRUPTED, interrupted_by_signals

ROOT = Path(__file__).resolve().parents[2]
MODULE = "tests.support.toy_processes"
FLEET = (sys.executable, "-m", MODULE, "fleet")
PROGRESS = Progress(600, 1000, 1.25, active=3, folds=(1.5, 1.0))
"""What the toys say in each trial."""
WORKER = (sys.executable, "-m", MODULE, "worker")
SCAN = (sys.executable, "-m", MODULE, "scan")


def environment(**variables: str) -> dict[str, str]:
    """Return an environment in which the commands above find the tests."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, **variables}


def misbehave(setup: dict[str, Any]) -> None:
    """Take time, or end the process."""
    for variable, victim in (("TOY_DEADLY", os.getppid()), ("TOY_HUNGRY", os.getpid())):
        if setup["epochs"] >= float(os.environ.get(variable, "inf")):
            os.kill(victim, signal.SIGKILL)
    time.sleep(float(os.environ.get("TOY_SECONDS", "0")))


def make_toy(on_progress: Callable[[Any], None]) -> Any:
    """Return a trainer without a network."""
    from n3hyper.hyper_optimization.scores.scoring import make_scorer
    from n3hyper.runcard.model import KFold, Partition
    from tests.support.synthetic import synthetic_problem
    from tests.support.toy_trainer import ToyTrainer

    problem = synthetic_problem(dis=(8, 6), hadronic=0, replicas=2, nx=12)
    kfold = KFold(
        partitions=tuple(Partition(fold.datasets) for fold in problem.folds), threshold=1e6
    )

    def fail(setup: dict[str, Any]) -> None:
        on_progress(PROGRESS)
        misbehave(setup)

    return ToyTrainer(problem, make_scorer(problem, kfold), fail)


def toy() -> PreparedScan:
    """Return the same as `n3hyper.scanning.prepare.prepare_scan`, without a network."""
    from n3hyper.hyper_optimization.hyper_scan import HyperScanner
    from tests.support.toy_trainer import HYPERSCAN, PARAMETERS

    identity = {"data": os.environ.get("TOY_IDENTITY", "toy"), "theory": "toy", "replicas": "2"}
    scanner = HyperScanner(PARAMETERS, HYPERSCAN)
    return PreparedScan(make_toy(lambda progress: None), scanner, identity)


def toy_fits() -> PreparedScan:
    """Return the same with fits in a separate process, as in a worker."""
    _, scanner, identity = toy()
    fits = IsolatedTrainer(lambda progress: None)
    fits.prepare(make_toy)
    return PreparedScan(fits, scanner, identity)


def toy_jobs(document: ScanDocument) -> PreparedScan:
    """The same of a fit, whose jobs are replicas."""
    from n3hyper.replicas.card import parse_fit_card
    from n3hyper.replicas.jobs import JobSpace
    from tests.support.toy_replicas import IDENTITY, ToyReplicas

    setups = len(parse_fit_card(document.runcard, Path("runcard")).setups)
    return PreparedScan(ToyReplicas(setups, misbehave), JobSpace(), IDENTITY)


class Printer:
    """Listener that prints the progress of a scan to the standard output."""

    def stage(self, text: str) -> None:
        print(text, flush=True)

    def status(self, status: Any) -> None:
        print(status, flush=True)

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        raise AssertionError("trials are started by workers")

    def fit_progress(self, progress: Any) -> None:
        raise AssertionError("fits are made by workers")

    def trial_ended(self, trial: dict[str, Any]) -> None:
        print(f"ended {trial['tid']}", flush=True)


def toy_history(tries: Path) -> History:
    setups = [
        (each["misc"]["space_vals"], each["result"].get("loss")) for each in read_tries(tries)
    ]
    return History(points_of(toy()[1].as_dict(), setups).points, "toys; nothing was checked")


def scan(arguments: list[str]) -> int:
    from n3hyper.scanning.parallel import ParallelRequest, perform_parallel_scan
    from n3hyper.scanning.request import ScanRequest
    from n3hyper.scanning.restart import restart_request

    parser = argparse.ArgumentParser()
    parser.add_argument("runcard", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("-n", type=int, required=True)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--mongo-uri")
    # a worker that a busy machine keeps silent for a while is not taken for dead
    parser.add_argument("--lease", type=float, default=60.0)
    parser.add_argument("--database-timeout", type=float, default=60.0)
    parser.add_argument("--history", type=Path, help="a tries.json of the toy trainer")
    given = parser.parse_args(arguments)
    history = None if given.history is None else toy_history(given.history)
    request = ScanRequest(given.runcard, given.output, given.n, replicas=2, history=history)
    if request.pickle.exists():
        request = restart_request(request.pickle, given.n)
    outcome = perform_parallel_scan(
        request,
        ParallelRequest(given.workers, given.mongo_uri, given.database_timeout, given.lease),
        Printer(),
        prepare=lambda *_: toy(),
        worker_command=FLEET,
    )
    print(f"{len(outcome.trials.finished)} trials {outcome.stopped}")
    return 0


def fleet(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--mongo-uri")
    parser.add_argument("--poll-interval", type=float, default=0.05)
    parser.add_argument("--max-consecutive-failures", type=int, default=10)
    parser.add_argument("--reserve-timeout", type=float, default=600.0)
    parser.add_argument("--exp-key")
    parser.add_argument("--database-timeout", type=float, default=60.0)
    given = parser.parse_args(arguments)
    settings = WorkerSettings(
        find_uri(given.mongo_uri),
        given.exp_key,
        given.poll_interval,
        reserve_timeout=given.reserve_timeout,
        database_timeout=given.database_timeout,
    )

    def say(text: str) -> None:
        print(text, flush=True)

    return run_fleet(Fleet(settings, given.workers, say, given.max_consecutive_failures, WORKER))


def main() -> int:
    mode, *arguments = sys.argv[1:]
    if mode == "worker":
        # what the process of the fits is told must have a name that it knows
        from tests.support.toy_processes import toy_fits as fits

        return worker_main(
            prepare=lambda document, *_: toy_jobs(document) if document.kind == FIT else fits()
        )
    try:
        with interrupted_by_signals(lambda: "does not end", grace=30.0):
            return {"scan": scan, "fleet": fleet}[mode](arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
