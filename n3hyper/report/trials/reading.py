"""Reading of the records in a ``tries.json``: n3hyper's, n3fit's of any age, half-written ones.

Most bytes of a file are the matrices over folds and replicas, which most reports never look at.
They are cut out before the JSON is read and left as bytes until `Matrices.get` is asked for one:
10,000 trials are read in a tenth of the time that all their numbers take.
"""

from __future__ import annotations

import gc
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.foreign.json_text import check_depth, load_json
from n3hyper.hyper_optimization.record import most_containers
from n3hyper.physics.arrays import Array
from n3hyper.report.errors import ReportError
from n3hyper.report.text import LARGEST

_KEY_ENDS: Final = {b'": ': 3} | {bytes([last]) + b'":': 2 for last in range(256)}
"""The three bytes before a value of a key, and how many of them belong to the key's end."""
_PLACE: Final = re.compile(r"@([0-9a-f]{16}):(\d+):(\d+)")


@dataclass(frozen=True, eq=False)
class Matrices:
    """Numbers over folds and replicas of the trials of one file.

    Parameters
    ----------
    data
        The bytes of the file.
    token
        Drawn for this file: a text in it that looks like a place is not taken for one.
    """

    data: bytes
    token: str = ""

    def get(self, value: Any) -> Array | None:
        """Return the array that stands for `value` in a record; None if there is none.

        Lists, what was cut out, and n3fit's arrays as text are understood, not those that n3fit
        has shortened to "...". None and text in a list are NaN.
        """
        if isinstance(value, str):
            value = self._text(value)
        if isinstance(value, np.ndarray):
            return value
        if not isinstance(value, list) or not value:
            return None
        found: Array | None
        try:
            found = np.array(value, dtype=np.float64)
        except (ValueError, TypeError, OverflowError):
            found = _forgiving(value)
        if found is None or found.ndim not in (1, 2) or found.size == 0:
            return None
        found[~(np.abs(found) < LARGEST)] = np.nan
        return found

    def _text(self, text: str) -> Any:
        place = _PLACE.fullmatch(text)
        if place is None or place[1] != self.token:
            return array_of_text(text)
        try:
            return json.loads(self.data[int(place[2]) : int(place[3])].decode())
        except (ValueError, RecursionError):
            return None


def _forgiving(value: list[Any]) -> Array | None:
    """Return rows of equal length, whatever is in them; None if their lengths differ."""
    rows = [row if isinstance(row, list) else [row] for row in value]
    if len({len(row) for row in rows}) != 1:
        return None
    found = np.array([[_float(item) for item in row] for row in rows], dtype=np.float64)
    return found if isinstance(value[0], list) else found[:, 0]


def _float(value: Any) -> float:
    try:
        return np.nan if isinstance(value, bool) else float(value)
    except (ValueError, TypeError, OverflowError):
        return np.nan


def array_of_text(text: str) -> Array | None:
    """Return the array that NumPy printed as `text`; None if it is incomplete.

    Examples
    --------
    >>> array_of_text("[[1.5 2. ] [3.  nan]]")
    array([[1.5, 2. ],
           [3. , nan]])
    >>> array_of_text("[1. 2. ... 3.]") is None
    True
    """
    if not text.lstrip().startswith("[") or "..." in text:
        return None
    rows = [row.replace("[", " ").split() for row in text.split("]") if row.strip(" []\n\t")]
    try:
        numbers = np.array(rows, dtype=np.float64)
    except (ValueError, OverflowError):
        return None
    if numbers.size == 0:
        return None
    return numbers if text.lstrip().startswith("[[") else numbers.reshape(-1)


@dataclass(frozen=True, eq=False)
class Tries:
    """Records in a file."""

    records: list[Any]
    """One for each trial, unchecked."""
    matrices: Matrices
    note: str = ""
    """What was wrong with the file, in a few words."""


def read_records(data: bytes, name: str) -> Tries:
    """Return the records in the bytes of a ``tries.json``.

    A file whose end is missing (n3fit rewrites its file in place) gives the trials before it.

    Raises
    ------
    ReportError
        It holds no trials.
    """
    if not data[:1000].strip() and not data.strip():
        raise ReportError(f"{name}: empty; has the first trial ended?")
    matrices = Matrices(data, os.urandom(8).hex())
    note = ""
    with no_collection():
        try:
            rest = _without_matrices(matrices)
            records = load_json(rest, most_containers(rest))
        except (UnicodeDecodeError, json.JSONDecodeError) as err:
            records, reason = _whole_ones(matrices), " ".join(str(err).split())
            if not records:
                raise ReportError(f"{name}: not JSON: {reason}") from None
            note = f"{name} ends in the middle of a trial; the {len(records)} before it are shown"
        except ValueError as err:
            raise ReportError(f"{name}: not JSON: {err}") from None
    if isinstance(records, dict) and isinstance(records.get("trials"), list):
        records = records["trials"]
    if not isinstance(records, list):
        raise ReportError(f"{name}: not a list of trials but {_kind(records)}")
    return Tries(records, matrices, note)


def _kind(value: Any) -> str:
    return {dict: "a mapping", str: "text", bool: "a truth value"}.get(type(value), "a number")


@contextmanager
def no_collection() -> Iterator[None]:
    """Switch the garbage collector off while millions of objects are made, which doubles the time
    otherwise.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _without_matrices(matrices: Matrices) -> bytes:
    """Return the JSON with ``"@token:start:stop"`` for each matrix of numbers."""
    data, token = matrices.data, matrices.token.encode()
    parts: list[bytes] = []
    end, find = 0, data.find
    start = find(b"[[")
    while start >= 0:
        stop = _end_of_value(data, start)
        if stop:
            parts += (data[end:start], b'"@%s:%d:%d"' % (token, start, stop))
            end = stop
        start = find(b"[[", stop or start + 1)
    parts.append(data[end:])
    return b"".join(parts)


def _end_of_value(data: bytes, start: int) -> int:
    """Return where lists of numbers end that begin here and are the value of a key; 0 for others.

    Inside a text the quotation mark after a key would have a backslash before it. They end before
    the next quotation mark: single bytes are found much sooner than two.
    """
    key = _KEY_ENDS.get(data[start - 3 : start])
    if key is None or data[start - key - 1 : start - key] == b"\\":
        return 0
    quote = data.find(b'"', start)
    stop = data.rfind(b"]]", start, quote if quote >= 0 else len(data)) + 2
    if stop < 2 or data.find(b"}", start, stop) >= 0:
        return 0
    balanced = data.count(b"[", start, stop) == data.count(b"]", start, stop)
    return stop if balanced else 0


def _whole_ones(matrices: Matrices) -> list[Any]:
    """Return the records before the place where the JSON breaks."""
    text = _without_matrices(matrices).decode("utf-8", "replace")
    start = text.find("[") + 1
    decoder, records = json.JSONDecoder(), []
    while start:
        try:
            record, stop = decoder.raw_decode(text, _skip(text, start))
            check_depth(record)
        except (ValueError, RecursionError):
            break
        records.append(record)
        start = _skip(text, stop)
        if text[start : start + 1] != ",":
            break
        start += 1
    return records


def _skip(text: str, start: int) -> int:
    while start < len(text) and text[start] in " \t\r\n":
        start += 1
    return start
