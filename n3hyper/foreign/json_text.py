"""JSON within bounds of depth and of the number of lists and mappings."""

from __future__ import annotations

import json
from typing import Any, Final

DEEPEST: Final = 100
"""Levels of lists and mappings: what reads a value part by part goes as deep as the value."""


def load_json(text: str | bytes | bytearray, most_containers: int | None = None) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    most_containers
        How many lists and mappings it may have: an empty one is two characters in the text, and
        some sixty bytes afterwards.

    Raises
    ------
    ValueError
        It is no JSON, or beyond the bounds.

    >>> load_json('{"a": [1, null]}')
    {'a': [1, None]}
    """
    if most_containers is not None and _containers(text) > most_containers:
        raise ValueError(f"more than {most_containers} lists and mappings")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    check_depth(value)
    return value


def _containers(text: str | bytes | bytearray) -> int:
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def check_depth(value: Any, deepest: int = DEEPEST) -> int:
    """Return the number of lists and mappings below a value.

    The value is a tree: one that holds a list twice is looked at twice.

    Raises
    ------
    ValueError
        They are nested in more than `deepest` levels.

    >>> check_depth({"a": [1, [2]], "b": {}})
    3
    """
    level, number = [value] if type(value) in _NESTING else [], 0
    for _ in range(deepest):
        found = [
            inner
            for entry in level
            # most lists are of numbers alone: their types are found without a loop of Python's
            if type(entry) is dict or not _NESTING.isdisjoint(map(type, entry))
            for inner in (entry.values() if type(entry) is dict else entry)
            if type(inner) in _NESTING
        ]
        if not found:
            return number
        number += len(found)
        level = found
    raise ValueError("nested too deeply")


_NESTING: Final = frozenset((list, dict, tuple))
