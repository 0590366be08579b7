"""Replay of one trial of a scan, with the same parameters and seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from n3hyper.errors import StoreInputError
from n3hyper.hyper_optimization.record import Record, as_array, is_finite
from n3hyper.hyper_optimization.stores.trial_pdfs import PDFS

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.filetrials import FileTrials
    from n3hyper.scanning.listener import Listener

_NOT_COMPARED: Final = ("seconds", "seed", "scan", "version", "failure", PDFS)
"""Parts of a result that are no outcome of the fit."""


@dataclass(frozen=True)
class Replay:
    """Trial as it was recorded, and its result when run again."""

    tid: int
    recorded: Record
    again: Record
    differences: tuple[str, ...]
    """Parts of the scan that have changed since: data, theory, version, ..."""

    @property
    def same(self) -> bool:
        """Return whether all numbers agree to the bit."""
        return all(_alike(*values) for _, *values in self.compared())

    def compared(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield all entries of the record: dotted name, recorded value, new value.

        A result of today may have entries that the record of an older version lacks.
        """
        after = dict(_flat(self.again))
        for name, before in _flat(self.recorded):
            yield name, before, after.get(name)

    def largest_difference(self) -> float:
        """Return the largest relative difference of two numbers; infinite if one is no number."""
        return max((_distance(*values) for _, *values in self.compared()), default=0.0)


def replay(
    pickle: Path,
    tid: int,
    listener: Listener,
    theory_path: Path | None = None,
    memory: int | None = None,
) -> Replay:
    """Fit and score the parameters of trial `tid` again; nothing is written.

    Parameters
    ----------
    pickle
        Pickle or folder of the scan, as `find_store` takes it.
    listener
        A `n3hyper.scanning.listener.Listener`.

    Raises
    ------
    StoreInputError
        when there is no such scan, or no such trial in it.
    """
    from n3hyper.hyper_optimization.filetrials import FileTrials
    from n3hyper.hyper_optimization.sampling.space import evaluate_space, runcard_parameters
    from n3hyper.hyper_optimization.serial_loop import evaluate
    from n3hyper.hyper_optimization.stores.identity import complete_identity, differences
    from n3hyper.hyper_optimization.stores.recovery import reopen
    from n3hyper.scanning.prepare import prepare_scan
    from n3hyper.scanning.restart import restart_request

    request = restart_request(pickle, None, theory_path=theory_path, memory=memory)
    if request.pickle.exists():
        _find(FileTrials.from_pkl(request.pickle), tid)
    runcard = request.load()
    trainer, scanner, fingerprint = prepare_scan(request, runcard, listener)
    space = scanner.as_dict()
    identity = complete_identity(fingerprint, space)
    trials, _ = reopen(request.replica_folder, space, identity)
    trial = _find(trials, tid)
    changed = differences(trials.scan.get("fingerprint", {}), identity, (trials.parameters, space))
    trainer.set_hyperopt(True, keys=sorted(scanner.hyper_keys))
    parameters = evaluate_space(
        space if trials.parameters is None else trials.parameters, trial["misc"]["vals"]
    )
    listener.trial_started(tid, runcard_parameters(parameters))
    return Replay(tid, trial["result"], evaluate(trainer, parameters), tuple(changed))


def _find(trials: FileTrials, tid: int) -> Record:
    finished: list[Record] = trials.finished
    for trial in finished:
        if trial["tid"] == tid:
            return trial
    known = f"trials {finished[0]['tid']} to {finished[-1]['tid']}" if finished else "no trial"
    raise StoreInputError(f"no trial {tid}: the scan has {known}")


def _flat(result: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in result.items():
        if prefix or name not in _NOT_COMPARED:
            if isinstance(value, Mapping):
                yield from _flat(value, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", value


def _alike(recorded: Any, again: Any) -> bool:
    return bool(recorded == again)


def _distance(recorded: Any, again: Any) -> float:
    """Return the relative difference of two numbers, or the largest of two lists."""
    if recorded == again:
        return 0.0
    try:
        before, after = as_array(recorded), as_array(again)
    except (TypeError, ValueError):
        return math.inf
    if before.shape != after.shape:
        return math.inf
    distances = [
        abs(a - b) / max(abs(a), abs(b)) if is_finite(a) and is_finite(b) else math.inf
        for a, b in zip(before.ravel(), after.ravel(), strict=True)
        if a != b and not (math.isnan(a) and math.isnan(b))
    ]
    return max(distances, default=0.0)
