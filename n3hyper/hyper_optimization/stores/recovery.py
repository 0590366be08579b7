"""Opening the store of a scan again, from whichever of its files there are.

``tries.pkl`` is written first and knows all; ``tries.json`` follows. A kill between the two leaves
the latter one trial behind. People copy, restore and lose files: then the JSON may be ahead, or
alone, and what it holds is taken up, for each trial is whole in either file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreError, StoreInputError
from n3hyper.hyper_optimization.filetrials import FileTrials, space_eval_trial
from n3hyper.hyper_optimization.paths import JSON, PICKLE
from n3hyper.hyper_optimization.record import FINISHED, Record, check_record, plain, read_tries
from n3hyper.hyper_optimization.sampling.history import HISTORY
from n3hyper.hyper_optimization.sampling.suggest import trial_generator
from n3hyper.hyper_optimization.stores.identity import digest
from n3hyper.hyper_optimization.stores.safe_pickle import ForeignStoreError, MissingStoreError
from n3hyper.hyper_optimization.stores.store_summary import (
    common_origin,
    finished_records,
    with_way_out,
)

_CHECKED: Final = 100
"""Trials of which the parameters are computed again, when a store is rebuilt."""


def trial_origin(scan: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of its scan, so that ``tries.json`` suffices for a restart."""
    identity = scan["fingerprint"]
    origin = {
        "algo": scan["algo"],
        "replicas": int(identity.get("replicas", 1)),
        "fingerprint": digest(identity),
    }
    return {**origin, HISTORY: len(scan[HISTORY])} if scan.get(HISTORY) else origin


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
    try:
        trials = FileTrials.from_pkl(folder / PICKLE)
    except (MissingStoreError, ForeignStoreError):
        raise
    except StoreError as err:
        raise with_way_out(err, folder) from err
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


def _ahead(trials: FileTrials, path: Path) -> list[Record]:
    """The trials of a ``tries.json`` that are not among `trials`.

    A JSON that cannot be read has nothing that is missed: it is written again.
    """
    if not path.exists() or trials.is_written_as(path):
        return []
    try:
        records = [record for record in read_tries(path) if record.get("state") in FINISHED]
        for record in records:
            check_record(record)
    except StoreError:
        return []
    known = {int(trial["tid"]): trial for trial in trials.finished}
    for record in records:
        tid = record.get("tid")
        if tid in known and plain(known[tid]["misc"]["vals"]) != record["misc"]["vals"]:
            raise StoreInputError(
                f"{path}: trial {tid} is not that of {PICKLE}: they belong to two scans; "
                "move the one that is not meant out of the folder"
            )
    return [record for record in records if record.get("tid") not in known]


def _rebuilt(
    folder: Path, space: Any, fingerprint: Mapping[str, str]
) -> tuple[FileTrials, list[str]]:
    """The store of a ``tries.json`` whose pickle is lost."""
    path = folder / JSON
    records = finished_records(path)
    origin = common_origin(records, path)
    trials = FileTrials.from_records(folder, records, space)
    _check_parameters(trials.finished, space, path)
    if origin["fingerprint"] != digest(fingerprint):
        raise StoreInputError(
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
    lost = f"the history that the scan has learned from was in {PICKLE}, and is lost"
    return trials, [note, lost] if origin.get(HISTORY) else [note]


def _check_parameters(records: Sequence[Record], space: Any, path: Path) -> None:
    """StoreError where the parameters of a record are not those of its point in the space."""
    for record in _spread(records, _CHECKED):
        try:
            parameters = space_eval_trial(space, record)
        except Exception:  # noqa: BLE001  # hyperopt has no error of its own for a wrong point
            parameters = {}
        if parameters != record["misc"].get("space_vals"):
            raise StoreInputError(
                f"{path}: trial {record['tid']} is not a point of the runcard's search space"
            )


def _spread(records: Sequence[Record], number: int) -> Iterable[Record]:
    """About `number` of the records, evenly, the first among them."""
    return records[:: max(1, len(records) // number)]
