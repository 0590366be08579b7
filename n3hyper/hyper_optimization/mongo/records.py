"""Records of trials from documents of the database, which anybody may have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from n3hyper.hyper_optimization.evaluation import LONGEST_TRACEBACK
from n3hyper.hyper_optimization.mongo.connection import printable
from n3hyper.hyper_optimization.record import (
    FINISHED,
    FOLD_SCORES,
    REASONS,
    STATUS_FAIL,
    STATUS_OK,
    Record,
    failed_result,
    finished_state,
    is_finite,
    plain,
)

_KEPT: Final = ("tid", "spec", "misc", "owner", "version", "book_time", "refresh_time", "state")
_PLAIN_BSON: Final = ("ObjectId", "Decimal128", "Regex", "Code", "Timestamp", "DBRef")


def convert_bson_to_dict(obj: Any) -> Any:
    """BSON types as standard Python types, in whatever they are nested.

    Parameters
    ----------
    obj
        A dictionary or SON, a list, or anything else.

    Returns
    -------
    dict, list or object
        An ObjectId as its text; other objects as they are.

    Examples
    --------
    >>> from bson import ObjectId, SON
    >>> sample_son = SON([('_id', ObjectId('507f1f77bcf86cd799439011')), ('name', 'John Doe')])
    >>> convert_bson_to_dict(sample_son)
    {'_id': '507f1f77bcf86cd799439011', 'name': 'John Doe'}
    >>> sample_list = [
    ...     SON([('_id', ObjectId('507f1f77bcf86cd799439011')), ('name', 'John Doe')]), {'age': 30}
    ... ]
    >>> convert_bson_to_dict(sample_list)
    [{'_id': '507f1f77bcf86cd799439011', 'name': 'John Doe'}, {'age': 30}]
    """
    if isinstance(obj, Mapping):
        return {key: convert_bson_to_dict(value) for key, value in obj.items()}
    if isinstance(obj, list):
        return [convert_bson_to_dict(value) for value in obj]
    if type(obj).__name__ in _PLAIN_BSON:
        return str(obj)
    return obj


def record_of(document: Mapping[str, Any], tid: int, exp_key: str) -> Record:
    """The record of a trial, with the keys of a serial scan's.

    Parameters
    ----------
    document
        A job.
    tid, exp_key
        That its ``_id`` stands for; what the document says itself is not asked.
    """
    found = plain(convert_bson_to_dict({key: document.get(key) for key in _KEPT}))
    misc = found["misc"] if isinstance(found["misc"], dict) else {}
    for key in ("vals", "idxs"):
        if not isinstance(misc.get(key), dict):
            misc[key] = {}
    record: Record = {
        **found,
        "tid": tid,
        "exp_key": exp_key,
        "misc": {**misc, "tid": tid},
        "result": {"status": "new"},
    }
    if found["state"] in FINISHED:
        record["result"] = checked_result(convert_bson_to_dict(document.get("result")))
        record["state"] = finished_state(record["result"])
    return record


def checked_result(result: Any) -> Record:
    """A finished trial's result, or a failure that says what is wrong with it.

    Examples
    --------
    >>> checked_result({"status": "ok", "loss": 1.5})
    {'status': 'ok', 'loss': 1.5}
    >>> checked_result({"status": "ok", "loss": "x"})["failure"]["text"]
    'the database holds no proper result: no loss'
    """
    problem = _problem(result)
    if problem:
        return failed_result("exception", f"the database holds no proper result: {problem}")
    checked: Record = dict(plain(result))
    if "failure" in checked:
        failure = checked["failure"]
        for name in ("text", "quantity", "key"):
            if name in failure:
                failure[name] = printable(str(failure[name]))
        if "traceback" in failure:
            lines = str(failure["traceback"])[:LONGEST_TRACEBACK].splitlines()
            failure["traceback"] = "\n".join(printable(line) for line in lines)
    return checked


def _problem(result: Any) -> str:
    if not isinstance(result, Mapping):
        return "not a mapping"
    meta = result.get("kfold_meta", {})
    if not isinstance(meta, Mapping) or not isinstance(meta.get("penalties", {}), Mapping):
        return "kfold_meta is not a mapping"
    if not all(isinstance(meta.get(name, []), list) for name in FOLD_SCORES):
        return "scores are not lists"
    if result.get("status") == STATUS_OK:
        return "" if is_finite(result.get("loss")) else "no loss"
    failure = result.get("failure")
    if result.get("status") != STATUS_FAIL or not isinstance(failure, Mapping):
        return "neither a loss nor a failure"
    if failure.get("reason") not in REASONS or not isinstance(failure.get("text"), str):
        return "a failure without a reason"
    return ""
