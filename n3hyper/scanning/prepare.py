"""Preparation of a scan: from its runcard to its trainer and search space.

The heavy libraries are imported only after the runcard has been checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.sampling.history import HISTORY
from n3hyper.hyper_optimization.stores.scan_lock import locked_scan
from n3hyper.runcard import Runcard, keys_as_written, require_scan
from n3hyper.scanning.folder import (
    keep_runcard,
    make_folder,
    put_runcard_back,
    refuse_used_folder,
)
from n3hyper.scanning.listener import Listener
from n3hyper.scanning.request import ScanRequest

if TYPE_CHECKING:
    from n3hyper.data.problem import FitProblem
    from n3hyper.fitting.model_trainer import ModelTrainer
    from n3hyper.hyper_optimization.sampling.space import SearchSpace

WARM_UP: Final = ("n3hyper.fitting.backend:tensorflow",)
"""Functions that load what the process of the fits needs for any scan."""


class PreparedScan(NamedTuple):
    """Parts of a scan whose input has been checked."""

    trainer: Any
    """Object with ``hyperparametrizable(params) -> result``, a `ModelTrainer` but in tests."""
    scanner: SearchSpace
    identity: dict[str, str]
    """Hashes of data, theory, folds, ... that distinguish this scan from others."""


PrepareScan = Callable[[ScanRequest, Runcard, Listener], PreparedScan]


@contextmanager
def held_scan(
    request: ScanRequest, listener: Listener, prepare: PrepareScan
) -> Iterator[PreparedScan]:
    """Load the runcard, refuse mistakes, prepare, lock the folder and store the runcard there.

    This is the common recipe of serial and parallel scans. Nothing is written before `prepare` has
    returned; the folder is held until the block ends.

    Raises
    ------
    RuncardError, DataError, TheoryError
        when the input is wrong.
    StoreError
        when the folder holds a scan already, another process is writing there, or nothing can be
        written.
    """
    if request.restart:
        with locked_scan(request.replica_folder):
            prepared = prepare(request, request.load(), listener)
            put_runcard_back(request, listener)
            yield prepared
        return
    runcard = request.load()
    refuse_used_folder(request)
    prepared = prepare(request, runcard, listener)
    if request.history is not None:
        described = {HISTORY: request.history.described}
        prepared = prepared._replace(identity={**prepared.identity, **described})
    make_folder(request)
    with locked_scan(request.replica_folder):
        # another scan may have begun here while this one was reading
        refuse_used_folder(request)
        keep_runcard(request)
        yield prepared


def prepare_scan(request: ScanRequest, runcard: Runcard, listener: Listener) -> PreparedScan:
    """Read data and theory, and make the trainer and the search space of a scan.

    Raises
    ------
    RuncardError, DataError, TheoryError
        when the input is wrong.
    """
    from n3hyper.data.build import build_problem
    from n3hyper.fitting.training.memory import refuse_wide_networks
    from n3hyper.hyper_optimization.scores.scoring import refuse_too_few_replicas
    from n3hyper.hyper_optimization.search_space import HyperScanner
    from n3hyper.hyper_optimization.stores.identity import scan_identity

    refuse_too_few_replicas(require_scan(runcard), request.replicas)
    for note in runcard.notes:
        listener.stage(note)
    refuse_wide_networks(runcard, request.memory)
    scanner = HyperScanner(runcard.parameters, runcard.hyperscan)
    listener.stage("reading data and theory")
    with keys_as_written(runcard):
        problem = build_problem(runcard, request.replicas, request.theory_path)
    listener.stage(
        f"{problem.ndata} points of {len(problem.datasets)} data sets, {len(problem.folds)} folds"
        f" x {request.replicas} {'replica' if request.replicas == 1 else 'replicas'}"
    )
    trainer = make_trainer(problem, runcard, request.memory, listener.fit_progress)
    return PreparedScan(trainer, scanner, scan_identity(problem, runcard))


def make_trainer(
    problem: FitProblem,
    runcard: Runcard,
    memory: int | None,
    on_progress: Callable[[Progress], None],
) -> ModelTrainer:
    """Return the trainer that fits and scores trials; its first fit imports TensorFlow."""
    from n3hyper.fitting.model_trainer import ModelTrainer
    from n3hyper.hyper_optimization.scores.scoring import make_scorer
    from n3hyper.hyper_optimization.stores.trial_pdfs import with_pdfs

    score = with_pdfs(make_scorer(problem, require_scan(runcard)))
    return ModelTrainer(problem, runcard, score, on_progress=on_progress, memory=memory)
