"""Summary of a scan from its files, before any of it is run again.

Whatever the files hold, it takes little: the trials are looked at one after the other, and none is
kept. hyperopt is not loaded, so that a file that is none is refused at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import StoreError, StoreInputError, shown
from n3hyper.hyper_optimization.paths import JSON, PICKLE
from n3hyper.hyper_optimization.record import (
    FINISHED,
    Record,
    check_record,
    check_unique,
    from_json,
    read_tries,
)
from n3hyper.hyper_optimization.sampling.space import check_scan_space
from n3hyper.hyper_optimization.sampling.suggest import scored
from n3hyper.hyper_optimization.stores.record_lines import split_lines
from n3hyper.hyper_optimization.stores.safe_pickle import (
    ForeignStoreError,
    MissingStoreError,
    StoredState,
    read_state,
    ways_on,
)

_MOST_REPLICAS_DIGITS: Final = 9


@dataclass(frozen=True)
class StoreSummary:
    """Summary of a scan from its store, before any of it is run again."""

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


def summarise(folder: Path) -> StoreSummary:
    """Return what the store in `folder` says; nothing is written.

    Raises
    ------
    StoreInputError
        There is none, or it cannot be read.
    """
    if (folder / PICKLE).exists() or not (folder / JSON).exists():
        try:
            return summarise_pickle(folder / PICKLE)
        except (MissingStoreError, ForeignStoreError):
            raise
        except StoreError as err:
            raise with_way_out(err, folder) from err
    records = finished_records(folder / JSON)
    origin = common_origin(records, folder / JSON)
    return StoreSummary(len(records), origin["replicas"], None, None, best_loss(records))


def summarise_pickle(path: Path) -> StoreSummary:
    """Return what the pickle of a store says, wherever it lies.

    Raises
    ------
    StoreInputError
        It is missing, or something else.
    """
    state = read_state(path)
    try:
        stored = StoredState.of(state)
        seen: set[int] = set()
        best: float | None = None
        for line in split_lines(stored.trials):
            record = from_json(line)
            if record["tid"] in seen:
                raise StoreInputError(f"trial {record['tid']} stands twice")
            seen.add(record["tid"])
            if scored(record) and (best is None or record["result"]["loss"] < best):
                best = record["result"]["loss"]
        replicas = _replicas(stored.scan)
        if stored.scan and stored.space is not None:
            check_scan_space(stored.space)
    except StoreInputError as err:
        raise StoreInputError(f"{path}: {err}") from err
    return StoreSummary(
        finished=len(seen),
        replicas=replicas,
        max_evals=stored.scan.get("max_evals"),
        runcard=stored.scan.get("runcard"),
        best=best,
        theory_path=_absolute(stored.scan.get("theory_path")),
    )


def _absolute(path: str | None) -> Path | None:
    return Path(path) if path is not None and os.path.isabs(path) else None


def _replicas(scan: Mapping[str, Any]) -> int:
    """The replicas of a scan; one where nothing is known of it."""
    if scan and not {"seed", "algo", "fingerprint"} <= set(scan):
        raise StoreInputError("does not say how its trials were suggested")
    text = scan.get("fingerprint", {}).get("replicas", "1")
    if not (text.isdecimal() and len(text) <= _MOST_REPLICAS_DIGITS and int(text)):
        raise StoreInputError(f"not a number of replicas: {shown(text)}")
    return int(text)


def with_way_out(error: StoreError, folder: Path) -> StoreError:
    """Return the error of a pickle, with what is left where it cannot be read."""
    try:
        common_origin(finished_records(folder / JSON), folder / JSON)
    except StoreError:
        return error
    return StoreInputError(
        f"{error}; with the pickle out of the way, the trials are taken from {JSON}"
    )


def best_loss(records: Iterable[Record]) -> float | None:
    """Return the smallest loss of the trials that have one."""
    losses = [record["result"]["loss"] for record in records if scored(record)]
    return min(losses, default=None)


def finished_records(path: Path) -> list[Record]:
    """Return the finished trials of a ``tries.json`` that is alone.

    Raises
    ------
    StoreInputError
        It has no finished trial, or something else.
    """
    records = [record for record in read_tries(path) if record.get("state") in FINISHED]
    if not records:
        raise MissingStoreError(f"{path}: no trial has finished; begin the scan again")
    try:
        for record in records:
            check_record(record)
        check_unique(records)
    except StoreInputError as err:
        raise StoreInputError(f"{path}: {err}") from err
    return records


def common_origin(records: Sequence[Record], path: Path) -> dict[str, Any]:
    """Return seed, algorithm, replicas and fingerprint, on which all records agree.

    Raises
    ------
    StoreInputError
        They do not, or do not say.
    """
    origins = []
    for record in records:
        result = record.get("result", {})
        origin = result.get("scan")
        if not isinstance(origin, dict) or not _is_origin({"seed": result.get("seed"), **origin}):
            raise ForeignStoreError(
                f"{path}: trial {record.get('tid')} does not say how it was suggested; without "
                f"{PICKLE}, only trials that this version of n3hyper wrote can be continued; "
                f"{ways_on(path)}"
            )
        origins.append({"seed": result["seed"], **origin})
    for record, origin in zip(records, origins, strict=True):
        if origin != origins[0]:
            raise StoreInputError(
                f"{path}: trial {record['tid']} belongs to another scan than the first"
            )
    return origins[0]


def _is_origin(origin: Mapping[str, Any]) -> bool:
    """Return whether a value is a seed and what `trial_origin` wrote."""
    numbers = [origin.get("seed"), origin.get("replicas")]
    texts = [origin.get("algo"), origin.get("fingerprint")]
    return (
        all(type(number) is int and 0 <= number < 2**63 for number in numbers)
        and 0 < len(str(origin["replicas"])) <= _MOST_REPLICAS_DIGITS
        and all(isinstance(text, str) for text in texts)
    )
