"""Opening the store of a scan again, from whichever of its files there are.

``tries.pkl`` is written first and knows all; ``tries.json`` follows. A kill between the two leaves
the latter one trial behind. People copy, restore and lose files: then the JSON may be ahead, or
alone, and what it holds is taken up, for each trial is whole in either file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.filetrials import FileTrials, space_eval_trial
from n3hyper.hyper_optimization.identity import digest
from n3hyper.hyper_optimization.paths import JSON, PICKLE
from n3hyper.hyper_optimization.record import FINISHED, Record, check_record, plain, read_tries
from n3hyper.hyper_optimization.safe_pickle import ForeignStoreError, MissingStoreError, ways_on
from n3hyper.hyper_optimization.suggest import scored, trial_generator

_CHECKED: Final = 100
"""Trials of which the parameters are computed again, when a store is rebuilt."""


@dataclass(frozen=True)
class StoreSummary:
    """What a store says of its scan before any of it is run again."""

    finished: int
    """Number of trials."""
    replicas: int
    max_evals: int | None
    """How many trials were asked for the last time; None when unknown."""
    runcard: str | None
    """Its text; None when unknown."""
    best: float | None
    """The smallest loss."""
    theory_path: Path | None = None
    """Where the theory was looked for first; None when unknown."""


def trial_origin(scan: Mapping[str, Any]) -> dict[str, Any]:
    """What each record says of its scan, so that a ``tries.json`` alone can be gone on with."""
    identity = scan["fingerprint"]
    return {
        "algo": scan["algo"],
        "replicas": int(identity.get("replicas", 1)),
        "fingerprint": digest(identity),
    }


def summarise(folder: Path) -> StoreSummary:
    """What the store in `folder` says; nothing is written.

    Raises
    ------
    StoreError
        There is none, or it cannot be read.
    """
    if (folder / PICKLE).exists() or not (folder / JSON).exists():
        trials = _from_pickle(folder)
        scan = trials.scan
        return StoreSummary(
            finished=trials.number_finished,
            replicas=int(scan.get("fingerprint", {}).get("replicas", 1)),
            max_evals=scan.get("max_evals"),
            runcard=scan.get("runcard"),
            best=_best(trials.finished),
            theory_path=_folder(scan.get("theory_path")),
        )
    records = _finished_records(folder)
    origin = _common_origin(records, folder / JSON)
    return StoreSummary(len(records), origin["replicas"], None, None, _best(records))


def _folder(text: Any) -> Path | None:
    return Path(text) if isinstance(text, str) and os.path.isabs(text) else None


def _best(records: Iterable[Record]) -> float | None:
    losses = [each["result"]["loss"] for each in records if scored(each)]
    return min(losses, default=None)


def reopen(
    folder: Path, space: Any, fingerprint: Mapping[str, str]
) -> tuple[FileTrials, list[str]]:
    """The store in `folder`, and in one line each what had to be put right.

    Nothing is written.

    Parameters
    ----------
    space, fingerprint
        Of the scan that is to go on, for a store that does not say: a ``tries.json`` alone.

    Raises
    ------
    MissingStoreError
        There is none.
    StoreError
        A file cannot be read, or the two hold different trials.
    """
    if not (folder / PICKLE).exists() and (folder / JSON).exists():
        return _rebuilt(folder, space, fingerprint)
    trials = _from_pickle(folder)
    notes = []
    added = _ahead(trials, folder / JSON)
    if added:
        trials.add_records(added)
        notes.append(
            f"{JSON} has {_number(len(added))} that {PICKLE} lacks, taken up: "
            f"{_number(trials.number_finished)} in all"
        )
        if "seed" in trials.scan:
            trials.rstate = trial_generator(trials.scan["seed"], trials.number_finished)
    return trials, notes


def _number(trials: int) -> str:
    return f"{trials} trial{'' if trials == 1 else 's'}"


def _from_pickle(folder: Path) -> FileTrials:
    try:
        return FileTrials.from_pkl(folder / PICKLE)
    except (MissingStoreError, ForeignStoreError):
        raise
    except StoreError as err:
        if _can_go_on(folder / JSON):
            raise StoreError(
                f"{err}; with the pickle out of the way, the trials are taken from {JSON}"
            ) from err
        raise


def _can_go_on(path: Path) -> bool:
    """Whether a ``tries.json`` alone is enough to go on with its scan."""
    try:
        _common_origin(_finished_records(path.parent), path)
    except StoreError:
        return False
    return True


def _ahead(trials: FileTrials, path: Path) -> list[Record]:
    """The trials of a ``tries.json`` that are not among `trials`.

    A JSON that cannot be read has nothing that is missed: it is written again.
    """
    if not path.exists() or trials.is_written_as(path):
        return []
    try:
        records = [each for each in read_tries(path) if each.get("state") in FINISHED]
    except StoreError:
        return []
    known = {int(each["tid"]): each for each in trials.finished}
    for record in records:
        tid = record.get("tid")
        if tid in known and plain(known[tid]["misc"]["vals"]) != record["misc"]["vals"]:
            raise StoreError(
                f"{path}: trial {tid} is not that of {PICKLE}: they belong to two scans; "
                "move the one that is not meant out of the folder"
            )
    return [record for record in records if record.get("tid") not in known]


def _finished_records(folder: Path) -> list[Record]:
    """Of a ``tries.json`` that is alone.

    Raises
    ------
    StoreError
        It has no finished trial, or something else.
    """
    records = [each for each in read_tries(folder / JSON) if each.get("state") in FINISHED]
    if not records:
        raise MissingStoreError(f"{folder / JSON}: no trial has finished; begin the scan again")
    for record in records:
        try:
            check_record(record)
        except StoreError as err:
            raise StoreError(f"{folder / JSON}: {err}") from err
    return records


def _common_origin(records: Sequence[Record], path: Path) -> dict[str, Any]:
    """Seed, algorithm, replicas and fingerprint, on which all records agree."""
    origins = []
    for record in records:
        result = record.get("result", {})
        origin = result.get("scan")
        if not isinstance(origin, dict) or "seed" not in result:
            raise ForeignStoreError(
                f"{path}: trial {record.get('tid')} does not say how it was suggested; without "
                f"{PICKLE}, only trials that this version of n3hyper wrote can be gone on with; "
                f"{ways_on(path)}"
            )
        origins.append({"seed": result["seed"], **origin})
    for record, origin in zip(records, origins, strict=True):
        if origin != origins[0]:
            raise StoreError(
                f"{path}: trial {record['tid']} belongs to another scan than the first"
            )
    return origins[0]


def _rebuilt(
    folder: Path, space: Any, fingerprint: Mapping[str, str]
) -> tuple[FileTrials, list[str]]:
    """The store of a ``tries.json`` whose pickle is lost."""
    path = folder / JSON
    records = _finished_records(folder)
    origin = _common_origin(records, path)
    trials = FileTrials.from_records(folder, records, space)
    _check_parameters(trials.finished, space, path)
    if origin["fingerprint"] != digest(fingerprint):
        raise StoreError(
            f"{path}: not the scan that the trials belong to; something of "
            f"{', '.join(sorted(fingerprint))} differs"
        )
    trials.scan = {
        "seed": origin["seed"],
        "algo": origin["algo"],
        "fingerprint": dict(fingerprint),
    }
    trials.rstate = trial_generator(origin["seed"], len(records))
    note = f"{PICKLE} is missing: rebuilt from the {_number(len(records))} of {JSON}"
    return trials, [note]


def _check_parameters(records: Sequence[Record], space: Any, path: Path) -> None:
    """StoreError where the parameters of a record are not those of its point in the space."""
    for record in _spread(records, _CHECKED):
        try:
            parameters = space_eval_trial(space, record)
        except Exception:  # noqa: BLE001  # hyperopt has no error of its own for a wrong point
            parameters = {}
        if parameters != record["misc"].get("space_vals"):
            raise StoreError(
                f"{path}: trial {record['tid']} is not a point of the runcard's search space"
            )


def _spread(records: Sequence[Record], number: int) -> Iterable[Record]:
    """About `number` of the records, evenly, the first among them."""
    return records[:: max(1, len(records) // number)]
