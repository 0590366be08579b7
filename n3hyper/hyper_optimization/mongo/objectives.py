"""Objectives of a user's own, which workers import by their names.

There is no code in the database: a search names its objective, ``module:function``, and a worker
runs it if whoever started the worker has allowed that name. A job holds the point at which the
objective is to be evaluated, in plain values.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.errors import ObjectiveError, StoreError
from n3hyper.hyper_optimization.mongo.scan_document import (
    LEASE,
    ScanDocument,
    checked_lease,
    decode_scan,
    header,
    scan_name,
)
from n3hyper.hyper_optimization.sampling.samplers import ActivationStr

Objective = Callable[[Any], Any]

_LONGEST_POINT: Final = 1_000_000
_LONGEST_NAME: Final = 200


def objective_name(function: Any) -> str:
    """Return the name, ``module:function``, by which others can import a function.

    Raises
    ------
    ObjectiveError
        It has no such name.

    Examples
    --------
    >>> objective_name(json.dumps)
    'json:dumps'
    >>> objective_name(lambda x: x)
    Traceback (most recent call last):
    ...
    n3hyper.errors.ObjectiveError: objective <lambda>: workers run functions that they can import \
by name (module:function), and this one is made within another or a lambda
    """
    module = getattr(function, "__module__", None)
    path = getattr(function, "__qualname__", None)
    shown = path if isinstance(path, str) else type(function).__name__
    if not callable(function) or not isinstance(module, str) or not isinstance(path, str):
        reason = f"this is an object of type {type(function).__name__}"
    elif "<" in path:
        reason = "this one is made within another or a lambda"
    elif module == "__main__":
        reason = "this one is in the script that is run: move it to a module of its own"
    elif _lookup(sys.modules.get(module), path) is not function:
        reason = f"{module}:{path} is something else"
    else:
        return f"{module}:{path}"
    raise ObjectiveError(
        f"objective {shown}: workers run functions that they can import by name "
        f"(module:function), and {reason}"
    )


def _lookup(place: Any, path: str) -> Any:
    for name in path.split("."):
        place = getattr(place, name, None)
    return place


def find_objective(name: str) -> Objective:
    """Return the function of a name, ``module:function``.

    Raises
    ------
    ObjectiveError
        It is no such name, or cannot be imported here.

    Examples
    --------
    >>> find_objective("json:dumps") is json.dumps
    True
    """
    module, _, path = name.partition(":")
    parts = [*module.split("."), *path.split(".")]
    if not all(part.isidentifier() for part in parts) or len(name) > _LONGEST_NAME:
        raise ObjectiveError(f"objective {name[:_LONGEST_NAME]!r}: write it as module:function")
    try:
        found = _lookup(importlib.import_module(module), path)
    except Exception as err:  # whatever a module does when it is imported
        raise ObjectiveError(
            f"objective {name}: {module} cannot be imported here: {type(err).__name__}: {err}"
        ) from err
    if not callable(found):
        raise ObjectiveError(f"objective {name}: {module} has no function {path}")
    function: Objective = found
    return function


@dataclass(frozen=True)
class ObjectiveDocument:
    """Description, for workers, of a search with a user's objective.

    Parameters
    ----------
    exp_key
        Its name in the database.
    objective
        ``module:function``.
    lease
        Seconds without a heartbeat after which a worker counts as gone.
    """

    exp_key: str
    objective: str
    lease: float = LEASE

    def encode(self) -> dict[str, Any]:
        """Return it as the database keeps it."""
        return {**header(), "objective": self.objective, "lease": float(self.lease)}

    @property
    def name(self) -> str:
        """Name of the search in messages."""
        return f"search for {self.objective}"

    @property
    def beat(self) -> float:
        """Seconds between heartbeats."""
        return self.lease / 5


def decode_document(exp_key: str, document: Any) -> ScanDocument | ObjectiveDocument:
    """Return the scan or search of a document that anybody may have written.

    Raises
    ------
    StoreError
        It is not one that this version can work for; the message says why.

    Examples
    --------
    >>> search = ObjectiveDocument("key", "module:function")
    >>> decode_document("key", search.encode()) == search
    True
    """
    if not isinstance(document, Mapping) or "objective" not in document:
        return decode_scan(exp_key, document)
    lease = checked_lease(exp_key, document)
    objective = document["objective"]
    if not isinstance(objective, str) or len(objective) > _LONGEST_NAME:
        raise StoreError(f"{scan_name(exp_key)}: its objective is not a name")
    return ObjectiveDocument(exp_key, objective, lease)


def encode_point(point: Any) -> str:
    """Return a point of a search space as text, its tuples and the types of its keys included.

    Raises
    ------
    ObjectiveError
        It holds something that is no plain value.

    Examples
    --------
    >>> decode_point(encode_point({"x": (1, 2.5), 3: [None, "tanh"]}))
    {'x': (1, 2.5), 3: [None, 'tanh']}
    """
    return json.dumps(_tagged(point))


def _tagged(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_tagged(item) for item in value]}
    if isinstance(value, ActivationStr):
        return {"activation": value.function_name}
    if isinstance(value, Mapping):
        return {"dict": [[_tagged(key), _tagged(item)] for key, item in value.items()]}
    raise ObjectiveError(
        f"the search space holds a {type(value).__name__}: workers can be given numbers, text, "
        "lists, tuples and dictionaries"
    )


def decode_point(text: Any) -> Any:
    """Return the point of a text that anybody may have written.

    Raises
    ------
    StoreError
        It is not what `encode_point` writes.
    """
    if not isinstance(text, str) or len(text) > _LONGEST_POINT:
        raise StoreError("a job without a point")
    try:
        return _untagged(json.loads(text))
    except (ValueError, TypeError, RecursionError) as err:
        raise StoreError(f"not a point: {type(err).__name__}") from err


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, items),) = value.items()
    if kind == "dict":
        return {_untagged(key): _untagged(item) for key, item in items}
    if kind == "activation":
        return ActivationStr(str(items))
    if kind != "tuple":
        raise ValueError(kind)
    return tuple(_untagged(item) for item in items)
