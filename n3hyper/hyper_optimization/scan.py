"""The loop of a sequential scan: suggest, evaluate, record, until there are enough trials."""

from __future__ import annotations

import datetime
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from n3hyper.errors import FitError, StoreError
from n3hyper.hyper_optimization.folder_lock import locked_folder
from n3hyper.hyper_optimization.hyper_scan import HYPEROPT_SEED, HyperScanner
from n3hyper.hyper_optimization.record import (
    STATE_RUNNING,
    STATUS_OK,
    Record,
    failed_result,
    finished_result,
    finished_state,
)
from n3hyper.hyper_optimization.space import (
    evaluate_space,
    runcard_parameters,
    space_fingerprint,
)
from n3hyper.hyper_optimization.suggest import Suggester, scored, trial_generator

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.filetrials import FileTrials

log = logging.getLogger(__name__)

_OUT_OF_MEMORY: Final = ("MemoryError", "ResourceExhaustedError")
"""Python's and TensorFlow's."""


@dataclass(frozen=True)
class ScanOutcome:
    """What a scan has found."""

    trials: FileTrials
    stopped: str = ""
    """Why it ended before all trials were run; empty when they were."""

    @property
    def best(self) -> Record | None:
        """The trial with the smallest loss, the earlier of two alike; None when all failed."""
        candidates = [trial for trial in self.trials.finished if scored(trial)]
        return min(candidates, key=lambda trial: float(trial["result"]["loss"]), default=None)

    @property
    def failures(self) -> Counter[str]:
        """How many trials failed, by reason."""
        return Counter(
            trial["result"].get("failure", {}).get("reason", "exception")
            for trial in self.trials.finished
            if trial["result"]["status"] != STATUS_OK
        )

    @property
    def best_parameters(self) -> dict[str, Any]:
        """Parameters of the best trial, as a runcard has them.

        Raises
        ------
        FitError
            No trial succeeded.
        """
        best = self.best
        if best is None:
            reasons = ", ".join(f"{n} {why}" for why, n in self.failures.most_common())
            number = len(self.trials.finished)
            raise FitError(f"none of {number} trials succeeded ({reasons or 'none was run'})")
        return runcard_parameters(best["misc"]["space_vals"])


def run_scan(
    folder: Path,
    model_trainer: Any,
    hyperscanner: HyperScanner,
    max_evals: int,
    *,
    seed: int | None = None,
    algo: str | None = None,
    restart: bool = False,
    fingerprint: Mapping[str, str] | None = None,
    max_failures: int | None = None,
    on_start: Callable[[int, dict[str, Any]], None] | None = None,
    on_trial: Callable[[Record], None] | None = None,
    stop: Callable[[], str] | None = None,
) -> ScanOutcome:
    """Run trials until there are `max_evals`, each saved before the next begins.

    What ends one trial, an exception or a lack of memory, is recorded as its failure, and the scan
    goes on. KeyboardInterrupt and SystemExit pass through: what is finished has been saved, and the
    trial under way is done again by a restart, with the same seeds.

    Parameters
    ----------
    folder
        Of ``tries.json`` and ``tries.pkl``; made where it is missing.
    model_trainer
        Object with ``hyperparametrizable(params) -> result``.
    max_evals
        Trials in all, those before a restart counted.
    seed, algo
        Of the suggestions; 42 and ``tpe``. A restart keeps those of the scan.
    restart
        Go on with the trials of the folder.
    fingerprint
        What trials must share to be compared, by name (data, theory, folds, version, ...). It is
        kept with the trials, together with the space's, and a restart compares it.
    max_failures
        Failed trials in a row after which the scan gives up.
    on_start, on_trial
        Called with number and parameters before a trial, with the record after it.
    stop
        Asked before each trial; a reason ends the scan.

    Raises
    ------
    StoreError
        The folder holds trials and `restart` is not set, or it is set and there are none, or they
        are those of another scan; another process is writing there; a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder):
        trials = _open_store(folder, hyperscanner, restart)
        _settle(trials, hyperscanner, seed, algo, fingerprint)
        suggester = Suggester(hyperscanner.as_dict(), trials.scan["seed"], trials.scan["algo"])
        if hasattr(model_trainer, "set_hyperopt"):
            model_trainer.set_hyperopt(True, keys=sorted(hyperscanner.hyper_keys))
        failed_in_a_row = 0
        while len(trials.finished) < max_evals:
            if reason := stop() if stop else "":
                return ScanOutcome(trials, reason)
            record = _run_trial(trials, suggester, model_trainer, hyperscanner, on_start)
            if on_trial:
                on_trial(record)
            failed_in_a_row = 0 if record["result"]["status"] == STATUS_OK else failed_in_a_row + 1
            if max_failures is not None and failed_in_a_row >= max_failures:
                return ScanOutcome(trials, _gave_up(failed_in_a_row, record))
    return ScanOutcome(trials)


def _gave_up(failures: int, record: Record) -> str:
    failure = record["result"]["failure"]
    return f"{failures} trials in a row failed, the last by {failure['reason']}: {failure['text']}"


def _open_store(folder: Path, hyperscanner: HyperScanner, restart: bool) -> FileTrials:
    """A new store, or that of the folder."""
    from n3hyper.hyper_optimization.filetrials import FileTrials

    pickle, json = folder / "tries.pkl", folder / "tries.json"
    if not restart:
        for path in (pickle, json):
            if path.exists():
                raise StoreError(
                    f"{path} exists: the folder holds a scan already; "
                    f"n3hyper restart --pkl {pickle} goes on with it"
                )
        return FileTrials(folder, parameters=hyperscanner.as_dict())
    trials = FileTrials.from_pkl(pickle)
    # a kill between the two files leaves the JSON one trial ahead or behind
    trials.write_json()
    return trials


def _settle(
    trials: FileTrials,
    hyperscanner: HyperScanner,
    seed: int | None,
    algo: str | None,
    fingerprint: Mapping[str, str] | None,
) -> None:
    """Keep with the trials what a restart must find the same, or compare it."""
    wanted: dict[str, Any] = {
        "seed": seed,
        "algo": algo,
        "fingerprint": {
            **(fingerprint or {}),
            "space": space_fingerprint(hyperscanner.as_dict()),
        },
    }
    if not trials.scan:
        defaults = {"seed": HYPEROPT_SEED, "algo": "tpe"}
        trials.scan = {key: defaults.get(key) if v is None else v for key, v in wanted.items()}
        trials.rstate = trial_generator(trials.scan["seed"], 0)
        return
    for key in ("seed", "algo"):
        if wanted[key] is not None and wanted[key] != trials.scan[key]:
            raise StoreError(
                f"the scan was begun with {key} {trials.scan[key]!r} and cannot go on with "
                f"{wanted[key]!r}"
            )
    before, now = trials.scan["fingerprint"], wanted["fingerprint"]
    differing = [name for name in sorted(before) if name in now and before[name] != now[name]]
    if differing:
        raise StoreError(
            f"not the scan that the trials belong to: {', '.join(differing)} "
            f"{'differs' if len(differing) == 1 else 'differ'}"
        )


def _run_trial(
    trials: FileTrials,
    suggester: Suggester,
    model_trainer: Any,
    hyperscanner: HyperScanner,
    on_start: Callable[[int, dict[str, Any]], None] | None,
) -> Record:
    """Suggest, evaluate and save one trial."""
    (tid,) = trials.new_trial_ids(1)
    try:
        (document,) = suggester.suggest(trials, tid)
        trials.insert_trial_docs([document])
        trial: Record = trials._dynamic_trials[-1]
        trial["state"] = STATE_RUNNING
        trial["book_time"] = trial["refresh_time"] = _now()
        parameters = evaluate_space(hyperscanner.as_dict(), trial["misc"]["vals"])
        if on_start:
            on_start(tid, runcard_parameters(parameters))
        begin = time.perf_counter()
        result = evaluate(model_trainer, parameters)
        seconds = result.get("seconds")
        result["seconds"] = {
            **(seconds if isinstance(seconds, dict) else {}),
            "total": time.perf_counter() - begin,
        }
        result["seed"] = suggester.seed
        trial["result"] = result
        trial["refresh_time"] = _now()
        trial["state"] = finished_state(result)
    except BaseException:
        trials.discard_unfinished()
        raise
    trials.rstate = trial_generator(suggester.seed, tid + 1)
    trials.to_pkl()
    trials.refresh()
    return trial


def evaluate(model_trainer: Any, parameters: Mapping[str, Any]) -> Record:
    """The result of one trial in the record's form; an exception is a failure of the trial.

    KeyboardInterrupt and SystemExit pass through.
    """
    try:
        return finished_result(model_trainer.hyperparametrizable(dict(parameters)))
    except Exception as err:  # whatever ends one trial must not end the scan
        name = type(err).__name__
        log.debug("trial failed", exc_info=True)
        reason = "memory" if name in _OUT_OF_MEMORY else "exception"
        return failed_result(reason, f"{name}: {err}" if str(err) else name)


def _now() -> datetime.datetime:
    """UTC to the millisecond, without a zone, as hyperopt and its database keep times."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
