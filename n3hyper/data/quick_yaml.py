"""Quick reader for nnpdf_data's YAML files, which are plain and large.

ruamel.yaml spends nearly all its time on features that such files do not use: tags, anchors, and a
long list of patterns for each of some hundred thousand numbers. Here the events of libyaml become
lists and dictionaries at once. Whatever is not plain (a tag, an anchor, a date, a hexadecimal
number, a key that occurs twice) is left to ruamel.yaml: the result is the same, ten times sooner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", re.ASCII)
_WORDS: Final[dict[str, Any]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NOT_TEXT: Final = frozenset("+-.0123456789=<")
"""First characters of plain scalars that may be something other than text."""
_NO_KEY: Final = object()


class _NotPlain(Exception):
    """Signal that the document has something that this reader does not know."""


def read_plain_yaml(text: str) -> Any:
    """Return the document, as ``YAML(typ="safe").load(text)`` would.

    Raises
    ------
    YAMLError
        for text that is not YAML 1.2, or is more than one document.

    >>> read_plain_yaml("{a: [1, 2.5e1, 0x1F], b: yes, c: ~}")
    {'a': [1, 25.0, 31], 'b': 'yes', 'c': None}
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return _from_events(text)
    except (_NotPlain, ImportError, YAMLError):
        # the C library is missing, or ruamel.yaml is to report what is wrong
        return YAML(typ="safe").load(text)


def _from_events(text: str) -> Any:
    import _ruamel_yaml
    from ruamel.yaml import events

    next_event = _ruamel_yaml.CParser(text).get_event
    scalar, alias, end = events.ScalarEvent, events.AliasEvent, events.StreamEndEvent
    starts = {events.MappingStartEvent: dict, events.SequenceStartEvent: list}
    ends = (events.MappingEndEvent, events.SequenceEndEvent)
    known: dict[str, Any] = dict(_WORDS)
    root: list[Any] = []
    # the container being filled, the key of its next value, and the containers around it
    holder: Any = root
    key: Any = _NO_KEY
    outer: list[tuple[Any, Any]] = []
    while True:
        event = next_event()
        kind = type(event)
        opened = starts.get(kind)
        if opened is not None or kind is scalar:
            if event.anchor is not None or event.ctag is not None:
                raise _NotPlain
            if opened is not None:
                value = opened()
            elif not event.implicit[0]:
                value = event.value
            elif event.value in known:
                value = known[event.value]
            else:
                value = known[event.value] = _resolved(event.value)
            if holder.__class__ is list:
                holder.append(value)
            elif key is not _NO_KEY:
                holder[key] = value
                key = _NO_KEY
            elif opened is not None or value in holder:
                raise _NotPlain
            else:
                key = value
            if opened is not None:
                outer.append((holder, key))
                holder, key = value, _NO_KEY
        elif kind in ends:
            holder, key = outer.pop()
        elif kind is alias or (kind is events.DocumentStartEvent and event.version):
            raise _NotPlain
        elif kind is end:
            break
    if len(root) != 1:
        raise _NotPlain
    return root[0]


def _resolved(text: str) -> Any:
    """Return the value of a plain scalar that is none of `_WORDS`."""
    if text[0] not in _NOT_TEXT:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    raise _NotPlain


class _Loader:
    """Stand-in for a ``ruamel.yaml.YAML``."""

    load = staticmethod(read_plain_yaml)


@contextmanager
def quick_nnpdf_data() -> Iterator[None]:
    """Make nnpdf_data's parser use `read_plain_yaml` during the block."""
    from nnpdf_data import utils

    if not hasattr(utils, "yaml_fast"):  # another version, which reads YAML in another way
        yield
        return
    original, utils.yaml_fast = utils.yaml_fast, _Loader
    try:
        yield
    finally:
        utils.yaml_fast = original
