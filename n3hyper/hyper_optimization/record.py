"""The record of one trial: what stands in ``tries.json``, in pickles and in the database.

A record is hyperopt's trial document in plain Python types: numbers, text, lists, dictionaries,
None. Arrays are lists; NaN and infinity are None, so that its JSON is JSON. A failed trial has the
status ``fail``, a `failure` with reason and text, and None for a loss.

    tid, state, misc: {vals, idxs, space_vals, ...}, book_time, refresh_time, ...
    result:
      status               ok or fail
      loss                 what the scan minimises, None for a failed trial
      validation_loss      mean over folds and replicas
      experimental_loss    mean over folds and replicas, on the data left out
      kfold_meta           (k folds, R replicas)
        validation_losses, experimental_losses, hyper_losses     (k, R)
        hyper_losses_chi2, hyper_losses_phi2, hyper_losses_logp  (k,) on the data left out
        trvl_losses_chi2, trvl_losses_chi2exp, trvl_losses_phi2, trvl_losses_logp
                                                                 (k,) on the data fitted
        penalties          by name, (k, R)
        best_epochs, stop_epochs, positivity_passed, replicas_used   (k, R)
      failure              reason, one of `REASONS`, and text
      seconds, epochs_run, seed, version

The `state` is hyperopt's: 2 for a trial with a score in each fold (failed or not), 3 for one
without, such as a trial that raised. NNPDF's ``vp-hyperoptplot`` reads the former, skips the
latter.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper import __version__
from n3hyper.errors import StoreInputError, shown
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.json_text import load_json

STATE_NEW, STATE_RUNNING, STATE_DONE, STATE_ERROR = 0, 1, 2, 3
"""hyperopt's JOB_STATEs."""
STATUS_OK, STATUS_FAIL = "ok", "fail"
FINISHED: Final = (STATE_DONE, STATE_ERROR)

REASONS: Final = ("nan", "threshold", "positivity", "exception", "memory", "timeout", "lost")
"""Why a trial may fail."""

FOLD_SCORES: Final = (
    "hyper_losses_chi2",
    "hyper_losses_phi2",
    "hyper_losses_logp",
    "trvl_losses_chi2",
    "trvl_losses_chi2exp",
    "trvl_losses_phi2",
    "trvl_losses_logp",
)
"""Entries of kfold_meta with one number a fold."""
REPLICA_SCORES: Final = ("validation_losses", "experimental_losses", "hyper_losses")
"""Entries of kfold_meta with one number a fold and replica."""
TIMES: Final = ("book_time", "refresh_time")
LARGEST_FILE: Final = 4 * 2**30
"""Bytes of a file of trials."""
MOST_CONTAINERS: Final = 20_000
"""Lists and mappings of a record: a list of each fold's numbers for each score."""
_LARGEST_NUMBER: Final = 2**63
"""No integer of a record is larger: numbers, seeds, counts."""

Record = dict[str, Any]


def plain(value: Any) -> Any:
    """`value` in plain Python types; NaN and infinity become None, anything unknown its text.

    Examples
    --------
    >>> plain({"loss": np.float64("nan"), "folds": np.arange(2), "name": "Adam", "two": (1, True)})
    {'loss': None, 'folds': [0, 1], 'name': 'Adam', 'two': [1, True]}
    """
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str, datetime.datetime)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [plain(item) for item in items]
    return str(value)


def to_json(record: Mapping[str, Any]) -> str:
    """The record as one line of JSON.

    Examples
    --------
    >>> to_json({"tid": 0, "result": {"loss": float("inf")}})
    '{"tid": 0, "result": {"loss": null}}'
    """
    return json.dumps(plain(record), allow_nan=False, default=_time_text)


def _time_text(value: Any) -> str:
    """What JSON has no type for: `plain` leaves times alone."""
    return str(value)


def from_json(text: str | bytes | bytearray) -> Record:
    """Return the record of a line that `to_json` wrote, its times as times.

    Raises
    ------
    StoreInputError
        The text is not the record of a trial.
    """
    try:
        record = load_json(text, MOST_CONTAINERS)
    except ValueError as err:
        raise StoreInputError(f"not the record of a trial: {err}") from err
    check_record(record)
    for name in TIMES:
        if isinstance(record.get(name), str):
            try:
                record[name] = datetime.datetime.fromisoformat(record[name])
            except ValueError as err:
                raise StoreInputError(
                    f"trial {record['tid']}: {name} is not a time: {shown(record[name])}"
                ) from err
    return dict(record)


def check_record(record: Any) -> None:
    """Raise StoreInputError unless `record` has what every trial document must have."""
    if not isinstance(record, dict):
        raise StoreInputError(f"not the record of a trial: {type(record).__name__}")
    for key, kind in (("tid", int), ("state", int), ("misc", dict), ("result", dict)):
        value = record.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise StoreInputError(
                f"not the record of a trial: {key} is {shown(value)} and not of {kind}"
            )
    tid, misc, result = record["tid"], record["misc"], record["result"]
    if not 0 <= tid < _LARGEST_NUMBER:
        raise StoreInputError(f"not the record of a trial: tid is {shown(tid)}")
    if misc.get("tid") != tid:
        raise StoreInputError(f"trial {tid}: its misc belongs to trial {shown(misc.get('tid'))}")
    for key in ("vals", "idxs"):
        if not isinstance(misc.get(key), dict):
            raise StoreInputError(f"trial {tid}: misc.{key} is missing")
        for label, values in misc[key].items():
            if not isinstance(values, list) or not all(map(_is_scalar, values)):
                raise StoreInputError(
                    f"trial {tid}: misc.{key}.{shown(label)} is {shown(values)}, not a list of "
                    "numbers"
                )
    for key in ("kfold_meta", "failure"):
        if not isinstance(result.get(key, {}), (dict, type(None))):
            raise StoreInputError(f"trial {tid}: result.{key} is {shown(result[key])}")


def _is_scalar(value: Any) -> bool:
    """Whether it is a text, a truth value or a number of the usual size."""
    if isinstance(value, int):
        return abs(value) < _LARGEST_NUMBER
    return value is None or isinstance(value, (str, float))


def check_unique(records: Iterable[Mapping[str, Any]]) -> None:
    """Raise StoreInputError where two records have one number."""
    seen: set[Any] = set()
    for record in records:
        if record["tid"] in seen:
            raise StoreInputError(f"trial {record['tid']} stands twice")
        seen.add(record["tid"])


def read_tries(path: Path) -> list[Record]:
    """Return the records of a ``tries.json``, n3hyper's or n3fit's.

    Raises
    ------
    StoreInputError
        The file cannot be read, or is not a list of trials.
    """
    try:
        content = read_regular(path, LARGEST_FILE)
        records = load_json(content, most_containers(content))
    except OSError as err:
        raise StoreInputError(f"{path}: cannot be read: {err.strerror}") from err
    except (ValueError, MemoryError) as err:
        raise StoreInputError(f"{path}: not JSON: {err or 'it lacks memory'}") from err
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise StoreInputError(f"{path}: not a list of trials")
    return records


def most_containers(content: bytes) -> int:
    """How many lists and mappings a file of trials may have, by how many trials it may have.

    >>> most_containers(b'[{"tid": 0}]')
    21000
    """
    return MOST_CONTAINERS + 1000 * content.count(b'"tid"')


def as_array(value: Any) -> NDArray[np.float64]:
    """Numbers of a record as an array: None is NaN, and n3fit's arrays as text are read.

    Examples
    --------
    >>> as_array([[1.0, None]])
    array([[ 1., nan]])
    >>> as_array("[[1.5 2. ]\\n [3.  nan]]")
    array([[1.5, 2. ],
           [3. , nan]])
    """
    if isinstance(value, str):
        rows = [row.replace("[", " ").split() for row in value.split("]") if row.strip(" []\n")]
        numbers = np.array(rows, dtype=np.float64)
        return numbers if value.lstrip().startswith("[[") else numbers.reshape(-1)
    return np.array(value, dtype=np.float64)


def is_finite(value: Any) -> bool:
    """Whether `value` is a number and neither NaN nor infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    # no float is as large as an integer may be
    return abs(value) < _LARGEST_NUMBER if isinstance(value, int) else math.isfinite(value)


def failed_result(reason: str, text: str, **scores: Any) -> Record:
    """The result of a trial that failed, with whatever is known of its scores.

    Examples
    --------
    >>> result = failed_result("exception", "ValueError: no")
    >>> result["status"], result["loss"], result["failure"]
    ('fail', None, {'reason': 'exception', 'text': 'ValueError: no'})
    """
    if reason not in REASONS:
        raise ValueError(f"unknown reason {reason!r}")
    empty: Record = {name: [] for name in (*REPLICA_SCORES, *FOLD_SCORES)}
    result: Record = {
        "validation_loss": None,
        "experimental_loss": None,
        "kfold_meta": {**empty, "penalties": {}},
        "version": __version__,
        **scores,
        "status": STATUS_FAIL,
        "loss": None,
        "failure": {"reason": reason, "text": " ".join(text.split())},
    }
    return dict(plain(result))


def finished_result(result: Any) -> Record:
    """The record's form of what an objective returned.

    A number is a loss; a loss that is not finite is a failure; a failure has no loss.
    """
    if is_finite(result) or isinstance(result, (float, np.floating)):
        result = {"status": STATUS_OK, "loss": float(result)}
    if not isinstance(result, Mapping):
        return failed_result("exception", f"the objective returned {type(result).__name__}")
    scores = dict(result)
    if scores.get("status") == STATUS_OK and is_finite(scores.get("loss")):
        return dict(plain({"version": __version__, **scores}))
    failure = scores.pop("failure", None)
    if failure:
        return failed_result(failure["reason"], failure["text"], **scores)
    if scores.get("status") == STATUS_OK:
        return failed_result("nan", f"the loss is {scores.get('loss')}", **scores)
    return failed_result("exception", "the objective gave no reason", **scores)


def finished_state(result: Mapping[str, Any]) -> int:
    """hyperopt's state of a finished trial: `STATE_ERROR` where a fold has no score.

    Examples
    --------
    >>> finished_state({"status": "ok"}), finished_state(failed_result("lost", "worker died"))
    (2, 3)
    """
    if result["status"] == STATUS_OK:
        return STATE_DONE
    meta = result.get("kfold_meta", {})
    scores = [meta.get(name) or [None] for name in FOLD_SCORES]
    complete = all(is_finite(number) for each in scores for number in each)
    return STATE_DONE if complete else STATE_ERROR
