"""Attachments of an objective to its trials, in the plain types that a pickle may hold."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from n3hyper.errors import StoreError
from n3hyper.foreign.arrays import load_npy

_ARRAY, _PLAIN = "array", "plain"
_KEPT: Final = (type(None), bool, int, float, str, bytes)


def encode_attachments(attachments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attachments of a store as its pickle keeps them.

    Parameters
    ----------
    attachments
        By name: numbers, text, bytes, arrays, and lists, tuples, sets and dictionaries of these
        (but of arrays).

    Raises
    ------
    StoreError
        Another object is attached. Reading it back would mean to run code from a file.

    Examples
    --------
    >>> decode_attachments(encode_attachments({"weights": np.arange(2), "log": b"x"}))
    {'weights': array([0, 1]), 'log': b'x'}
    """
    return {str(name): _encoded(str(name), value) for name, value in attachments.items()}


def _encoded(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, np.ndarray):
        file = io.BytesIO()
        try:
            np.save(file, value, allow_pickle=False)
        except ValueError as err:
            raise _refusal(name, value) from err
        return _ARRAY, file.getvalue()
    return _PLAIN, _copied(name, value)


def _copied(name: str, value: Any) -> Any:
    """A copy in exactly the types that need no class when they are read."""
    if isinstance(value, np.generic):
        value = value.item()
    kind = type(value)
    if kind in _KEPT:
        return value
    if kind is bytearray:
        return bytes(value)
    if kind is dict:
        return {_copied(name, key): _copied(name, item) for key, item in value.items()}
    if kind in (list, tuple, set, frozenset):
        return kind(_copied(name, item) for item in value)
    raise _refusal(name, value)


def _refusal(name: str, value: Any) -> StoreError:
    return StoreError(
        f"attachment {name!r} is a {type(value).__name__}, which a pickle of trials does not hold; "
        "attach numbers, text, bytes, arrays, or lists and dictionaries of them"
    )


def decode_attachments(encoded: Any) -> dict[str, Any]:
    """Return the attachments that `encode_attachments` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        The data are something else.
    """
    found: dict[str, Any] = {}
    for name, (kind, value) in dict(encoded).items():
        if kind == _ARRAY:
            value = load_npy(value)
        elif kind != _PLAIN:
            raise ValueError(f"unknown kind of attachment {str(kind)[:20]!r}")
        found[str(name)] = value
    return found
