"""The loop of a sequential scan: suggest, evaluate, record, until there are enough trials."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3hyper.errors import FitError, StoreError, StoreInputError
from n3hyper.hyper_optimization.commands import command_line
from n3hyper.hyper_optimization.evaluation import HyperoptTrainer, Trainer, evaluate
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.paths import JSON, PICKLE
from n3hyper.hyper_optimization.record import (
    STATUS_OK,
    Record,
    plain,
)
from n3hyper.hyper_optimization.sampling.space import (
    SearchSpace,
    evaluate_space,
    runcard_parameters,
)
from n3hyper.hyper_optimization.sampling.suggest import (
    HYPEROPT_SEED,
    Suggests,
    scored,
    suggester_of,
    trial_generator,
)
from n3hyper.hyper_optimization.stores.base import OwnStore, TrialStore
from n3hyper.hyper_optimization.stores.identity import check_identity, complete_identity
from n3hyper.hyper_optimization.stores.recovery import reopen, trial_origin
from n3hyper.hyper_optimization.stores.scan_lock import locked_scan
from n3hyper.system.atomic_write import remove_leftovers
from n3hyper.system.interruption import uninterrupted

__all__ = ["LoopListener", "ScanOutcome", "ScanSettings", "evaluate", "run_scan", "save"]


@dataclass(frozen=True)
class ScanOutcome:
    """Result of a scan."""

    trials: FileTrials
    stopped: str = ""
    """Why it ended before all trials were run; empty when they were."""
    gave_up: bool = False
    """Whether too many failures are why."""

    @property
    def best(self) -> Record | None:
        """The trial with the smallest loss, the earlier of two alike; None when all failed."""
        candidates = [trial for trial in self.trials.finished if scored(trial)]
        return min(candidates, key=lambda trial: float(trial["result"]["loss"]), default=None)

    @property
    def failures(self) -> Counter[str]:
        """Return the number of trials that failed, by reason."""
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


@dataclass(frozen=True)
class ScanSettings:
    """Settings of a scan beside its space and the number of its trials."""

    seed: int | None = None
    """Of the suggestions; 42 where a scan is begun, and that of the scan at a restart."""
    algo: str | None = None
    """Of the suggestions; ``tpe`` where a scan is begun, and that of the scan at a restart."""
    restart: bool = False
    """Whether the trials of the folder are continued."""
    fingerprint: Mapping[str, str] | None = None
    """What trials must share to be compared, by name (data, theory, folds, version, ...). It is
    kept with the trials, together with the space's, and a restart compares it."""
    keep: Mapping[str, Any] | None = None
    """What else is kept with the trials, in plain types, anew at each restart."""
    max_failures: int | None = None
    """Failed trials in a row, since this start, after which the scan gives up."""
    lock: bool = True
    """Whether the folder is locked here; False for a caller that has locked it already."""


class LoopListener:
    """Listener that follows the loop of a scan, and may end it; this one does nothing."""

    def opened(self, trials: FileTrials, notes: list[str]) -> None:
        """Hear once of the trials that there are, and of what was put right in their files."""

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        """Hear of a trial that begins."""

    def take(self, tid: int, result: Record) -> None:
        """Take out of a result, before it is saved, what is kept elsewhere."""

    def trial_ended(self, trial: Record) -> None:
        """Hear of a trial that has ended and is saved."""

    def stop_reason(self) -> str:
        """Return the reason to end the scan before the next trial, if there is one."""
        return ""


def run_scan(
    folder: Path,
    model_trainer: Trainer,
    hyperscanner: SearchSpace,
    max_evals: int,
    settings: ScanSettings | None = None,
    listener: LoopListener | None = None,
    suggester: Suggests | None = None,
) -> ScanOutcome:
    """Run trials until there are `max_evals`, each saved before the next begins.

    What ends one trial, an exception or a lack of memory, is recorded as its failure, and the scan
    goes on. KeyboardInterrupt and SystemExit pass through: what is finished has been saved, and the
    trial under way is done again by a restart, with the same seeds.

    Parameters
    ----------
    folder
        Of ``tries.json`` and ``tries.pkl``; made where it is missing.
    max_evals
        Trials in all, those before a restart counted.
    suggester
        Source of the trials; None for the algorithm of the scan.

    Raises
    ------
    StoreError
        The folder holds trials and the scan is not restarted, or it is and there are none, or they
        are those of another scan; another process is writing there; a file cannot be written.
    """
    settings, listener = settings or ScanSettings(), listener or LoopListener()
    _make(folder)
    with locked_scan(folder) if settings.lock else nullcontext():
        identity = complete_identity(settings.fingerprint, hyperscanner.as_dict())
        trials, notes = _open_store(folder, hyperscanner, settings.restart, identity)
        _settle(trials, hyperscanner, settings, identity)
        trials.scan.update(settings.keep or {})
        if suggester is None:
            suggester = suggester_of(trials.scan, hyperscanner.as_dict())
        if settings.restart:
            mend(trials, folder, notes)
        listener.opened(trials, notes)
        if isinstance(model_trainer, HyperoptTrainer):
            model_trainer.set_hyperopt(True, keys=sorted(hyperscanner.hyper_keys))
        failed_in_a_row = 0
        while trials.number_finished < max_evals:
            if reason := listener.stop_reason():
                return ScanOutcome(trials, reason)
            record = _run_trial(trials, suggester, model_trainer, hyperscanner, listener)
            listener.trial_ended(record)
            failed_in_a_row = 0 if record["result"]["status"] == STATUS_OK else failed_in_a_row + 1
            if settings.max_failures is not None and failed_in_a_row >= settings.max_failures:
                return ScanOutcome(trials, _gave_up(failed_in_a_row, record), gave_up=True)
    return ScanOutcome(trials)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise StoreError(f"{folder}: cannot be made: {err.strerror or err}") from err


def _gave_up(failures: int, record: Record) -> str:
    failure = record["result"]["failure"]
    return f"{failures} trials in a row failed, the last by {failure['reason']}: {failure['text']}"


def _open_store(
    folder: Path, hyperscanner: SearchSpace, restart: bool, identity: Mapping[str, str]
) -> tuple[FileTrials, list[str]]:
    """A new store, or that of the folder with what had to be put right."""
    if restart:
        return reopen(folder, hyperscanner.as_dict(), identity)
    for path in (folder / PICKLE, folder / JSON):
        if path.exists():
            raise StoreInputError(
                f"{path} exists: the folder holds a scan already; "
                f"{command_line('restart', pkl=folder / PICKLE)} goes on with it"
            )
    return FileTrials(folder, parameters=hyperscanner.as_dict()), []


def mend(trials: FileTrials, folder: Path, notes: list[str]) -> None:
    """Make the files of a store that was opened again whole, and remove what a kill left."""
    for name in (PICKLE, JSON):
        remove_leftovers(folder / name)
    if notes:
        save(trials)
    elif not trials.is_written_as(folder / JSON):
        trials.write_json()


def save(trials: TrialStore) -> None:
    """Write both files; a signal that comes meanwhile acts afterwards.

    The pickle is first: it is what a restart reads, and what the JSON is mended from.
    """
    with uninterrupted():
        trials.to_pkl()
        trials.refresh()


def _settle(
    trials: OwnStore,
    hyperscanner: SearchSpace,
    settings: ScanSettings,
    identity: Mapping[str, str],
) -> None:
    """Keep with the trials what a restart must find the same, or compare it."""
    if not trials.scan:
        trials.scan = {
            "seed": HYPEROPT_SEED if settings.seed is None else settings.seed,
            "algo": "tpe" if settings.algo is None else settings.algo,
            "fingerprint": dict(identity),
        }
        trials.rstate = trial_generator(trials.scan["seed"], 0)
        return
    for key, wanted in (("seed", settings.seed), ("algo", settings.algo)):
        if wanted is not None and wanted != trials.scan[key]:
            raise StoreInputError(
                f"the scan was begun with {key} {trials.scan[key]!r} and cannot continue with "
                f"{wanted!r}"
            )
    spaces = (trials.parameters, hyperscanner.as_dict())
    check_identity(trials.scan["fingerprint"], identity, spaces)


def _run_trial(
    trials: OwnStore,
    suggester: Suggests,
    model_trainer: Trainer,
    hyperscanner: SearchSpace,
    listener: LoopListener,
) -> Record:
    """Suggest, evaluate and save one trial."""
    (tid,) = trials.new_trial_ids(1)
    try:
        (document,) = suggester.suggest(trials, tid)
        trial = trials.begin(document)
        parameters = evaluate_space(hyperscanner.as_dict(), trial["misc"]["vals"])
        trial["misc"]["space_vals"] = plain(parameters)
        listener.trial_started(tid, runcard_parameters(parameters))
        begin = time.perf_counter()
        result = evaluate(model_trainer, parameters)
        seconds = result.get("seconds")
        result["seconds"] = {
            **(seconds if isinstance(seconds, dict) else {}),
            "total": time.perf_counter() - begin,
        }
        listener.take(tid, result)
        result["seed"] = suggester.seed
        result["scan"] = trial_origin(trials.scan)
        trials.finish(trial, result)
    except BaseException:
        trials.discard_unfinished()
        raise
    trials.rstate = trial_generator(suggester.seed, tid + 1)
    save(trials)
    return trial
