"""A scan from its runcard to its files: the recipe behind ``n3hyper scan`` and ``restart``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from n3hyper.errors import StoreError, StoreInputError
from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.atomic_write import remove_leftovers, write_atomically
from n3hyper.hyper_optimization.budget import Budget
from n3hyper.hyper_optimization.folder_lock import locked_folder
from n3hyper.hyper_optimization.isolation import IsolatedTrainer
from n3hyper.hyper_optimization.record import Record
from n3hyper.runcard import Runcard, load_runcard, require_scan

if TYPE_CHECKING:
    from n3hyper.data.problem import FitProblem
    from n3hyper.fitting.model_trainer import ModelTrainer
    from n3hyper.hyper_optimization.filetrials import FileTrials
    from n3hyper.hyper_optimization.scan import ScanOutcome

RUNCARD_COPY: Final = "filter.yml"
REPLICA_FOLDER: Final = Path("nnfit") / "replica_1"
PICKLE: Final = "tries.pkl"
WARM_UP: Final = ("n3hyper.fitting.backend:tensorflow",)
"""What the process of the fits has to load, whatever the scan."""


class Listener(Protocol):
    """Who is told how the scan goes; see `n3hyper.cli.display`."""

    def stage(self, text: str) -> None:
        """What is being prepared."""

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        """A trial begins."""

    def fit_progress(self, progress: Progress) -> None:
        """A chunk of epochs has passed."""

    def trial_ended(self, trial: Record) -> None:
        """A trial has ended, and is saved."""


@dataclass(frozen=True)
class ScanRequest:
    """What a user asked for.

    Parameters
    ----------
    runcard
        File of the runcard.
    output
        Folder of the scan.
    max_evals
        Trials of the scan in all, those before a restart counted.
    replicas
        Networks of each fold.
    seed, algo
        Of the suggestions; None for the defaults, or those of the scan that is restarted.
    timeout
        Seconds; no trial is started that is not expected to end within them.
    theory_path
        Where to look for the theory first.
    skip_missing
        Leave out the sets that the theory has no tables for; see `what_theory_has`.
    restart
        Go on with the trials in `output`.
    max_failures
        Failed trials in a row that end the scan; None for no limit.
    memory
        Bytes that the fits may take; None for most of what is free.
    done
        Trials that a scan which is restarted has.
    best
        Their smallest loss.
    runcard_text
        What a restart has to write to `runcard`, where the file is missing and the pickle knows.
    """

    runcard: Path
    output: Path
    max_evals: int
    replicas: int = 1
    seed: int | None = None
    algo: str | None = None
    timeout: float | None = None
    theory_path: Path | None = None
    skip_missing: bool = False
    restart: bool = False
    max_failures: int | None = None
    memory: int | None = None
    done: int = 0
    best: float | None = None
    runcard_text: str | None = None

    @property
    def replica_folder(self) -> Path:
        """Where the trials are kept."""
        return self.output / REPLICA_FOLDER

    @property
    def pickle(self) -> Path:
        """The file that a restart is given."""
        return self.replica_folder / PICKLE


def perform_scan(request: ScanRequest, listener: Listener) -> ScanOutcome:
    """Load, build, scan. Nothing is written before all input has been found right.

    Raises
    ------
    RuncardError, DataError, TheoryError
        The input is wrong.
    StoreError
        The folder holds a scan already, or the trials cannot be read or written.
    """
    budget = None if request.timeout is None else Budget(request.timeout)
    with ExitStack() as held:
        if request.restart:
            held.enter_context(locked_folder(request.replica_folder))
            _put_runcard_back(request, listener)
        runcard = load_runcard(request.runcard)
        if not request.restart:
            refuse_used_folder(request)
        # its process gets ready while data and theory are being read
        fits = held.enter_context(IsolatedTrainer(listener.fit_progress, WARM_UP))
        trainer, scanner, fingerprint = prepare(request, runcard, listener)
        fits.prepare(partial(make_trainer, trainer.problem, runcard, request.memory))
        if not request.restart:
            make_folder(request)
            held.enter_context(locked_folder(request.replica_folder))
            # while this one was reading, another may have begun here
            refuse_used_folder(request)
            keep_runcard(request)
        from n3hyper.hyper_optimization.scan import run_scan

        def on_open(trials: FileTrials, notes: list[str]) -> None:
            for note in notes:
                listener.stage(note)
            if budget:
                budget.learn(trials.finished)

        def on_start(tid: int, params: dict[str, Any]) -> None:
            if budget:
                budget.begin()
            listener.trial_started(tid, params)

        def on_trial(trial: Record) -> None:
            if budget:
                budget.end()
            listener.trial_ended(trial)

        return run_scan(
            request.replica_folder,
            fits,
            scanner,
            request.max_evals,
            seed=request.seed,
            algo=request.algo,
            restart=request.restart,
            fingerprint=fingerprint,
            keep={"runcard": _text(request.runcard), "max_evals": request.max_evals},
            max_failures=request.max_failures,
            on_start=on_start,
            on_trial=on_trial,
            on_open=on_open,
            stop=budget.spent if budget else None,
            lock=False,
        )


def prepare(
    request: ScanRequest, runcard: Runcard, listener: Listener
) -> tuple[Any, Any, dict[str, str]]:
    """What fits, what is scanned, and what tells this scan from others.

    Returns
    -------
    ModelTrainer, HyperScanner, dict
    """
    from n3hyper.data.build import build_problem
    from n3hyper.hyper_optimization.hyper_scan import HyperScanner
    from n3hyper.hyper_optimization.identity import scan_identity

    require_scan(runcard)
    for note in runcard.notes:
        listener.stage(note)
    scanner = HyperScanner(runcard.parameters, runcard.hyperscan)
    listener.stage("reading data and theory")
    problem = build_problem(runcard, request.replicas, request.theory_path)
    listener.stage(
        f"{problem.ndata} points of {len(problem.datasets)} data sets, {len(problem.folds)} folds"
        f" x {request.replicas} {'replica' if request.replicas == 1 else 'replicas'}"
    )
    trainer = make_trainer(problem, runcard, request.memory, listener.fit_progress)
    return trainer, scanner, scan_identity(problem, runcard)


def make_trainer(
    problem: FitProblem,
    runcard: Runcard,
    memory: int | None,
    on_progress: Callable[[Progress], None],
) -> ModelTrainer:
    """What fits and scores the trials of a scan; TensorFlow is imported by its first fit."""
    from n3hyper.fitting.model_trainer import ModelTrainer
    from n3hyper.hyper_optimization.scoring import make_scorer

    score = make_scorer(problem, require_scan(runcard))
    return ModelTrainer(problem, runcard, score, on_progress=on_progress, memory=memory)


def refuse_used_folder(request: ScanRequest) -> None:
    """Raise StoreError where the output folder holds trials; touch nothing."""
    for name in (PICKLE, "tries.json"):
        if (request.replica_folder / name).exists():
            raise StoreInputError(
                f"{request.output} holds a scan already; go on with it by "
                f"n3hyper restart --pkl {request.pickle}, or choose another folder with -o"
            )
    if request.output.exists() and not request.output.is_dir():
        raise StoreInputError(f"{request.output} is a file; choose a folder with -o")


def make_folder(request: ScanRequest) -> None:
    """Make the folder of the trials; StoreError where that cannot be."""
    try:
        request.replica_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{request.output}: {error.strerror or error}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreInputError(f"{path}: cannot be read: {error}") from error


def keep_runcard(request: ScanRequest) -> None:
    """Put the runcard, as it is being run, into the output folder.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    make_folder(request)
    copy = request.output / RUNCARD_COPY
    remove_leftovers(copy)
    if not (copy.exists() and copy.samefile(request.runcard)):
        write_atomically(copy, [_text(request.runcard).encode()])


def _put_runcard_back(request: ScanRequest, listener: Listener) -> None:
    if request.runcard_text is not None:
        write_atomically(request.runcard, [request.runcard_text.encode("utf-8", "replace")])
        listener.stage(f"{RUNCARD_COPY} is missing: written as the pickle has it")


def find_store(path: Path) -> Path:
    """The pickle of a scan from what a user names: it, its JSON, or a folder above it.

    Where none of them exists, the path of the pickle that would be there.
    """
    if path.is_dir():
        inner = path / REPLICA_FOLDER
        return (inner if inner.is_dir() else path) / PICKLE
    return path.with_name(PICKLE) if path.name == "tries.json" else path


def restart_request(
    pickle: Path, max_evals: int | None, output: Path | None = None, **options: Any
) -> ScanRequest:
    """The request that goes on with the scan of `pickle`, found by where the pickle lies.

    Parameters
    ----------
    pickle
        It, or what `find_store` takes for it.
    max_evals
        Trials of the scan in all; None for as many as it was begun with.
    output
        Make a scan folder of its own there first, from the pickle alone.

    Raises
    ------
    StoreError
        The trials cannot be read, or their runcard is missing.
    """
    from n3hyper.hyper_optimization.store_summary import summarise

    pickle = find_store(pickle)
    if output is not None:
        pickle = _unpacked(pickle, output)
    folder = pickle.resolve().parent
    if pickle.name != PICKLE or Path(folder.parent.name, folder.name) != REPLICA_FOLDER:
        if pickle.exists():
            raise StoreInputError(
                f"{pickle}: not {REPLICA_FOLDER / PICKLE} in the folder of a scan; "
                "with -o DIR, such a folder is made of it"
            )
        raise _missing(pickle)
    found = summarise(folder)
    scan_folder = folder.parent.parent
    runcard = scan_folder / RUNCARD_COPY
    if not runcard.is_file() and found.runcard is None:
        raise StoreInputError(f"{pickle}: the runcard of its scan, {runcard}, is missing")
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


def _missing(pickle: Path) -> StoreError:
    from n3hyper.hyper_optimization.safe_pickle import missing

    return missing(pickle)


def _unpacked(pickle: Path, output: Path) -> Path:
    """The pickle of a new scan folder, made of a pickle that may lie anywhere."""
    from n3hyper.hyper_optimization.store_summary import summarise_pickle

    runcard = summarise_pickle(pickle).runcard
    if runcard is None:
        raise StoreInputError(f"{pickle}: does not hold the runcard of its scan")
    request = ScanRequest(output / RUNCARD_COPY, output, max_evals=1)
    refuse_used_folder(request)
    from n3hyper.hyper_optimization.filetrials import FileTrials

    trials = FileTrials.from_pkl(pickle)
    make_folder(request)
    with locked_folder(request.replica_folder):
        write_atomically(request.runcard, [runcard.encode("utf-8", "replace")])
        trials.move_to(request.replica_folder)
    return request.pickle


def finished_trials(request: ScanRequest) -> int:
    """How many trials the scan has before it is run: none unless it is a restart."""
    return request.done
