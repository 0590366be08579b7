"""The text of a scan's records, kept ready to be written: a new record costs its own length."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from n3hyper.errors import StoreInputError
from n3hyper.hyper_optimization.record import Record, from_json, to_json

SEPARATOR: Final = b",\n"
"""Between records. JSON escapes newlines within text, so that it stands nowhere else."""


_FLAT: Final = rb'[^\]\[{}"]*'
_LIST: Final = re.compile(rb'(?<!\\)": ?\[' + _FLAT + rb"(?:\[" + _FLAT + rb"\]" + _FLAT + rb")*\]")
"""A key's end, and a list of numbers or of lists of numbers; a text has no quotation mark without a
backslash."""


def without_lists(text: bytes | bytearray) -> bytes:
    r"""Return the JSON of records with empty lists in place of lists and matrices of numbers.

    These are most of its bytes: scores of folds and replicas, and values of the search space.

    >>> without_lists(b'{"a": [[1.5, null], [NaN, 2]], "b": [true], "c": ["x: [1]", {"d": []}]}')
    b'{"a": [], "b": [], "c": ["x: [1]", {"d": []}]}'
    >>> without_lists(rb'{"text": "not \": [1] here"}')
    b'{"text": "not \\": [1] here"}'
    """
    return _LIST.sub(b'": []', text)


class RecordLines:
    """One JSON line a finished trial, in the order of their numbers.

    Examples
    --------
    >>> lines = RecordLines()
    >>> lines.add({"tid": 1})
    >>> lines.add({"tid": 0})
    >>> bytes(lines.text())
    b'{"tid": 0},\\n{"tid": 1}'
    >>> 1 in lines, len(lines)
    (True, 2)
    """

    def __init__(self) -> None:
        self._text = bytearray()
        self._places: dict[int, slice] = {}
        self._last = -1
        self._ordered = True

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, tid: object) -> bool:
        return tid in self._places

    def add(self, record: Record) -> None:
        """Add a finished trial, or replace the line of one that is there."""
        self._append(int(record["tid"]), to_json(record).encode())

    def _append(self, tid: int, line: bytes | bytearray) -> None:
        if self._places:
            self._text += SEPARATOR
        start = len(self._text)
        self._text += line
        self._ordered = self._ordered and tid > self._last
        self._places[tid] = slice(start, len(self._text))
        self._last = max(tid, self._last)

    def text(self) -> bytearray:
        """The lines, separated by `SEPARATOR`; not to be changed."""
        if not self._ordered:
            lines = {tid: bytes(self._text[place]) for tid, place in self._places.items()}
            self.__init__()  # type: ignore[misc]
            for tid in sorted(lines):
                self._append(tid, lines[tid])
        return self._text

    @classmethod
    def read(cls, text: bytes | bytearray) -> tuple[RecordLines, list[Record]]:
        """Return the lines of a `text`, and their records.

        Raises
        ------
        StoreInputError
            Some line is not the record of a trial, or two are of one trial.
        """
        lines, records = cls(), []
        with _without_collections():
            for line in split_lines(text):
                record = from_json(line)
                if record["tid"] in lines:
                    raise StoreInputError(f"trial {record['tid']} stands twice")
                records.append(record)
                lines._append(int(record["tid"]), line)
        return lines, records


def split_lines(text: bytes | bytearray) -> Iterator[bytes]:
    """Give one line after the other.

    >>> list(split_lines(b'{"tid": 1},\\n{"tid": 2}'))
    [b'{"tid": 1}', b'{"tid": 2}']
    """
    start = 0
    while text and start <= len(text):
        stop = text.find(SEPARATOR, start)
        stop = len(text) if stop < 0 else stop
        yield bytes(text[start:stop])
        start = stop + len(SEPARATOR)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Python looks for garbage as objects are made: with millions that stay, for most of the time.

    There is none here.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
