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
        phi2_folds         (k,) as hyper_losses_phi2, None for a fold with fewer than two usable
                           replicas, of which there is no phi2; the other lists of phi2 are empty
                           then, since NNPDF's programs take averages of them
        with_dropped       chi2, phi2 and logp, (k,) each, as hyper_losses_* but of all replicas
                           that have numbers, those that do not count included
        fold_losses        (k,) times the weight of the fold
        fold_parts         by name, (k,): of fold_losses (of phi2: of the reciprocal)
        penalties          by name, (k, R)
        best_epochs, stop_epochs, positivity_passed, replicas_used   (k, R)
      loss_parts           by name, what the loss is the sum of: chi2, each penalty, dropped
      failure              reason, one of `REASONS`, and text; quantity, value, limit, key and fold
                           as far as they are known; the traceback of an exception
      seconds, epochs_run, seed, version

The `state` is hyperopt's: 2 for a trial with a score in each fold (failed or not), 3 for one
without, such as a trial that raised. NNPDF's ``vp-hyperoptplot`` reads the former, skips the
latter.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterable, Mapping
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

REASONS: Final = (
    "nan",
    "threshold",
    "threshold_chi2",
    "positivity",
    "replicas",
    "setup",
    "exception",
    "memory",
    "timeout",
    "lost",
)
"""Why a trial may fail; an exception is a fault of the program, and not of hyperparameters."""

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
OF_SEVERAL: Final = ("hyper_losses_phi2", "trvl_losses_phi2")
"""Those that need two usable replicas, and are empty where a fold has fewer."""
REPLICA_SCORES: Final = ("validation_losses", "experimental_losses", "hyper_losses")
"""Entries of kfold_meta with one number a fold and replica."""
MOST_PARTS: Final = 50
"""Parts of a loss; no runcard has so many penalties."""
TIMES: Final = ("book_time", "refresh_time")
LARGEST_FILE: Final = 4 * 2**30
"""Bytes of a file of trials."""
MOST_CONTAINERS: Final = 20_000
"""Lists and mappings of a record: a list of each fold's numbers for each score."""
_LARGEST_NUMBER: Final = 2**63
"""No integer of a record is larger: numbers, seeds, counts."""

Record = dict[str, Any]


def plain(value: Any, finite: bool = True) -> Any:
    """Return `value` in plain Python types, anything unknown as its text.

    Parameters
    ----------
    finite
        Whether NaN and infinity become None, as in a record.

    Examples
    --------
    >>> plain({"loss": np.float64("nan"), "folds": np.arange(2), "name": "Adam", "two": (1, True)})
    {'loss': None, 'folds': [0, 1], 'name': 'Adam', 'two': [1, True]}
    >>> plain(np.array([1.0, np.nan, np.inf]), finite=False)
    [1.0, nan, inf]
    """
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) or not finite else None
    if value is None or isinstance(value, (bool, int, str, datetime.datetime)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item, finite) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [plain(item, finite) for item in items]
    return str(value)


def not_finite(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a trial's result, those within its lists aside, that JSON lacks.

    Examples
    --------
    >>> not_finite({"status": "ok", "loss": np.float64("inf"), "loss_variance": 0.0})
    {'loss': inf}
    """
    numbers = {
        key: float(value)
        for key, value in result.items()
        if isinstance(value, (float, np.floating)) and not math.isfinite(value)
    }
    return {key: math.nan if math.isnan(number) else number for key, number in numbers.items()}


def to_json(record: Mapping[str, Any]) -> str:
    """The record as one line of JSON.

    Examples
    --------
    >>> to_json({"tid": 0, "result": {"loss": float("inf")}})
    '{"tid": 0, "result": {"loss": null}}'
    """
    return json.dumps(plain(record), allow_nan=False, default=_time_text)


def _time_text(value: Any) -> str:
    """Return a time as text, since JSON has no type for it."""
    return str(value)


def from_json(text: str | bytes | bytearray) -> Record:
    """Return the record of a line that `to_json` wrote, its times as times.

    A loss that is null although the status is ok is NaN: hyperopt looks for the best trial among
    numbers.

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
    result = record["result"]
    if result.get("status") == STATUS_OK and result.get("loss") is None:
        result["loss"] = math.nan
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
    """Return whether a value is a text, a truth value or a number of the usual size."""
    if isinstance(value, int):
        return abs(value) < _LARGEST_NUMBER
    return value is None or isinstance(value, (str, float))


def seconds_of(record: Mapping[str, Any]) -> float | None:
    """Return how long a finished trial took, in seconds; None where that is not known.

    >>> seconds_of({"result": {"seconds": {"total": 2.5}}}), seconds_of({"result": {}})
    (2.5, None)
    """
    seconds = record["result"].get("seconds")
    total = seconds.get("total") if isinstance(seconds, dict) else None
    return float(total) if is_finite(total) else None  # type: ignore[arg-type]


def check_unique(records: Iterable[Mapping[str, Any]]) -> None:
    """Raise StoreInputError where two records have one number."""
    seen: set[Any] = set()
    for record in records:
        if record["tid"] in seen:
            raise StoreInputError(f"trial {record['tid']} stands twice")
        seen.add(record["tid"])


def read_tries(
    path: Path, shortened: Callable[[bytes], bytes] = lambda content: content
) -> list[Record]:
    """Return the records of a ``tries.json``, n3hyper's or n3fit's.

    Parameters
    ----------
    shortened
        Leaves out of the file's content what is not needed.

    Raises
    ------
    StoreInputError
        The file cannot be read, or is not a list of trials.
    """
    try:
        content = shortened(read_regular(path, LARGEST_FILE))
        records = load_json(content, most_containers(content))
    except OSError as err:
        raise StoreInputError(f"{path}: cannot be read: {err.strerror}") from err
    except (ValueError, MemoryError) as err:
        raise StoreInputError(f"{path}: not JSON: {err or 'it lacks memory'}") from err
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise StoreInputError(f"{path}: not a list of trials")
    return records


def most_containers(content: bytes) -> int:
    """Return the number of lists and mappings that a file of so many trials may have.

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
    """Return whether `value` is a number and neither NaN nor infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    # no float is as large as an integer may be
    return abs(value) < _LARGEST_NUMBER if isinstance(value, int) else math.isfinite(value)


def known_parts(value: Any) -> dict[str, float]:
    """Return the parts of a loss in a record that anybody may have written; none if it has others.

    Examples
    --------
    >>> known_parts({"chi2": 1.5, "patience": 1}), known_parts({"chi2": "x"}), known_parts(None)
    ({'chi2': 1.5, 'patience': 1.0}, {}, {})
    """
    if not isinstance(value, Mapping) or len(value) > MOST_PARTS:
        return {}
    named = all(isinstance(name, str) and name.isprintable() and len(name) < 50 for name in value)
    if not named or not all(map(is_finite, value.values())):
        return {}
    return {name: float(part) for name, part in value.items()}


def known_mask(value: Any) -> list[list[bool]]:
    """Return which replicas of each fold count by such a record; nothing if it does not say.

    Examples
    --------
    >>> known_mask([[True, False]]), known_mask([[1]]), known_mask([True])
    ([[True, False]], [], [])
    """
    rows = value if isinstance(value, list) else []
    proper = all(isinstance(row, list) and set(map(type, row)) == {bool} for row in rows)
    return rows if proper else []


def failed_result(
    reason: str,
    text: str,
    traceback: str = "",
    details: Mapping[str, Any] | None = None,
    **scores: Any,
) -> Record:
    """Return the result of a trial that failed, with whatever is known of its scores.

    Parameters
    ----------
    traceback
        Of the exception that ended it; kept where there is one.
    details
        What else is known of the failure: see `n3hyper.hyper_optimization.scores.failures.Failure`.

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
        "failure": {
            "reason": reason,
            "text": " ".join(text.split()),
            **(details or {}),
            **({"traceback": traceback} if traceback else {}),
        },
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
        known = ("reason", "text", "traceback")
        details = {name: value for name, value in failure.items() if name not in known}
        return failed_result(
            failure["reason"], failure["text"], failure.get("traceback", ""), details, **scores
        )
    if scores.get("status") == STATUS_OK:
        return failed_result("nan", f"the loss is {scores.get('loss')}", **scores)
    return failed_result("exception", "the objective gave no reason", **scores)


def utc_now() -> datetime.datetime:
    """UTC to the millisecond, without a zone, as hyperopt and its database keep times."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


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
    scores = [meta.get(name) or ([] if name in OF_SEVERAL else [None]) for name in FOLD_SCORES]
    complete = all(is_finite(number) for each in scores for number in each)
    return STATE_DONE if complete else STATE_ERROR


_WHOLE: Final = ("nodes_per_layer", "epochs", "number_of_layers", "feature_scaling_points")
_REAL: Final = (
    *("stopping_patience", "stopping_delta", "threshold_chi2", "dropout"),
    *("optimizer", "positivity", "integrability", "learning_rate", "clipnorm"),
    *("pos_initial", "pos_multiplier", "integ_initial", "integ_multiplier"),
)
"""Hyperparameters, or groups of them, that are real numbers."""
_LARGEST_WHOLE: Final = 2**53


def todays_setup(setup: Mapping[str, Any]) -> Record:
    """Return the setup of a trial, of n3fit of any age, as a record of today has it.

    There, whole numbers may be floats, numbers of NumPy are text, and in 2022 the activation of
    all hidden layers was called ``activation``.

    Examples
    --------
    >>> todays_setup({"nodes_per_layer": [20.0, "41", 8], "dropout": "0.1", "activation": "tanh"})
    {'nodes_per_layer': [20, 41, 8], 'dropout': 0.1, 'activation_per_layer': 'tanh'}
    """
    found = dict(setup)
    for names, kind in ((_WHOLE, _whole), (_REAL, _real)):
        for name in names:
            value = found.get(name)
            if isinstance(value, list):
                found[name] = [kind(item) for item in value]
            elif isinstance(value, dict):
                found[name] = {key: kind(item) for key, item in value.items()}
            elif value is not None:
                found[name] = kind(value)
    if "activation_per_layer" not in found and isinstance(found.get("activation"), str):
        found["activation_per_layer"] = found.pop("activation")
    return found


def _whole(value: Any) -> Any:
    """A whole number as an integer, and all else as it is."""
    meant = _real(value)
    if isinstance(meant, float) and meant.is_integer() and abs(meant) < _LARGEST_WHOLE:
        return int(meant)
    return value


def _real(value: Any) -> Any:
    """The text of a finite number as that number, and all else as it is."""
    if not isinstance(value, str):
        return value
    try:
        meant = float(value)
    except ValueError:
        return value
    return meant if math.isfinite(meant) else value
