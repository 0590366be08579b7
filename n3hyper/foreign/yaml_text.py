"""YAML 1.2 as plain Python values, within bounds.

A few hundred characters of YAML can stand for more values than there are atoms: by aliases, and by
merge keys, of mappings that hold mappings. ruamel.yaml composes a graph of what is written, each
value once; here the tree that it stands for is measured on that graph before anything is built.

ruamel.yaml spends nearly all its time on what most files do not have: tags, anchors, and a long
list of patterns for each of some hundred thousand numbers. A plain document is made of the events
of libyaml at once, by `from_events`, ten times sooner.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

MOST_VALUES: Final = 200_000
"""Values of a plain document; no runcard is near this."""
DEEPEST: Final = 60
"""Levels of mappings and lists."""
LARGEST: Final = 8 * 2**20
"""Bytes of a file."""
_MOST_EXPANDED: Final = 50_000
"""Values, aliases and merged keys counted as often as they are used."""
_MOST_COMPOSED: Final = 10_000
"""Values that ruamel.yaml is left with, some 30 microseconds each."""
_LONGEST_COMPOSED: Final = 256 * 2**10
"""Characters that it is left with, two microseconds each."""

_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,4000})", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", re.ASCII)
_WORDS: Final[dict[str, Any]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NOT_TEXT: Final = frozenset("+-.0123456789=<")
"""What a plain scalar begins with that may be something else than text."""
_NO_KEY: Final = object()


class NotPlain(Exception):
    """The document has something that `from_events` does not know."""


def load_yaml(text: str) -> Any:
    """Return the one document of `text`; mappings and lists may be shared, by aliases.

    Raises
    ------
    YAMLError
        ruamel.yaml's, for what is no YAML 1.2, or has more values, or levels, than the bounds.
    ValueError, TypeError, AttributeError, OverflowError
        The constructor's own slips on odd scalars, such as the date 2020-13-45.

    >>> load_yaml("{a: &x [1, 2e1], b: *x}")
    {'a': [1, 20.0], 'b': [1, 20.0]}
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import Composer, MaxDepthExceededError
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.nodes import CollectionNode

    if len(text) > LARGEST:
        raise YAMLError(f"larger than {LARGEST >> 20} MiB")

    class TooMany(YAMLError):
        """More nodes than ruamel.yaml is left with."""

    class Bounded(Composer):
        """Composes the graph, and measures what it stands for."""

        composed = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.composed += 1
            if self.composed > _MOST_COMPOSED:
                raise TooMany
            return super().compose_node(parent, index)

        def get_single_node(self) -> Any:
            root = super().get_single_node()
            measure(root, 1, {})
            return root

    def measure(node: Any, depth: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
        """Number of values of the tree that `node` stands for, and of its levels."""
        if depth > DEEPEST:
            raise YAMLError("too large or too deep; do its aliases contain themselves?")
        if not isinstance(node, CollectionNode):
            return 1, 1
        if id(node) not in known:
            below = [
                measure(part, depth + 1, known)
                for entry in node.value
                for part in (entry if isinstance(entry, tuple) else (entry,))
            ]
            size = 1 + sum(values for values, _ in below)
            known[id(node)] = (size, 1 + max((levels for _, levels in below), default=0))
        size, levels = known[id(node)]
        if size > _MOST_EXPANDED:
            raise YAMLError("too large; how much do its aliases and merge keys (<<) stand for?")
        if depth + levels - 1 > DEEPEST:
            raise YAMLError("too large or too deep; do its aliases contain themselves?")
        return size, levels

    loader = YAML(typ="safe", pure=True)
    loader.Composer = Bounded
    loader.max_depth = DEEPEST
    try:
        if len(text) > _LONGEST_COMPOSED:
            raise TooMany
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return loader.load(text)
    except MaxDepthExceededError:
        raise YAMLError("nested too deeply") from None
    except TooMany:
        try:
            return from_events(text, text_keys=True, most=MOST_VALUES)
        except (NotPlain, ImportError):
            raise YAMLError(
                "too large for a file that is not plain: it has tags, anchors, dates or keys that "
                "are no text"
            ) from None


def load_plain_yaml(text: str) -> Any:
    """Return the document of `text` as `load_yaml` does, ten times sooner where it is plain.

    For files that programs have written: what libyaml and ruamel.yaml read differently is not
    asked for.
    """
    from ruamel.yaml.error import YAMLError

    if len(text) <= LARGEST:
        try:
            return from_events(text, text_keys=True, most=MOST_VALUES)
        except (NotPlain, ImportError, YAMLError):
            pass  # it says what is wrong, if anything is
    return load_yaml(text)


def from_events(text: str, text_keys: bool = False, most: int | None = None) -> Any:
    """Return the document, made of the events of libyaml.

    Parameters
    ----------
    text_keys
        Whether the keys of mappings have to be text: numbers can be chosen such that a mapping
        takes a time that grows with their square.
    most
        How many values it may have.

    Raises
    ------
    NotPlain
        It has tags, anchors, dates, hexadecimal numbers, keys that come twice, or keys that are
        no plain scalars.
    ImportError
        There is no libyaml.
    YAMLError
        It is no YAML, or larger or deeper than allowed.
    """
    import _ruamel_yaml
    from ruamel.yaml import events
    from ruamel.yaml.error import YAMLError

    next_event = _ruamel_yaml.CParser(text).get_event
    scalar, alias, end = events.ScalarEvent, events.AliasEvent, events.StreamEndEvent
    starts = {events.MappingStartEvent: dict, events.SequenceStartEvent: list}
    ends = (events.MappingEndEvent, events.SequenceEndEvent)
    known: dict[str, Any] = dict(_WORDS)
    root: list[Any] = []
    # what is being filled, the key that its next value belongs to, and those around it
    holder: Any = root
    key: Any = _NO_KEY
    outer: list[tuple[Any, Any]] = []
    keys = (str,) if text_keys else (str, int, float, bool, type(None))
    left = -1 if most is None else most
    while True:
        event = next_event()
        kind = type(event)
        opened = starts.get(kind)
        if opened is not None or kind is scalar:
            if left == 0 or len(outer) > DEEPEST:
                raise YAMLError("too large" if left == 0 else "nested too deeply")
            left -= 1
            if event.anchor is not None or event.ctag is not None:
                raise NotPlain
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
            elif opened is not None or value.__class__ not in keys or value in holder:
                raise NotPlain
            else:
                key = value
            if opened is not None:
                outer.append((holder, key))
                holder, key = value, _NO_KEY
        elif kind in ends:
            holder, key = outer.pop()
        elif kind is alias or (kind is events.DocumentStartEvent and event.version):
            raise NotPlain
        elif kind is end:
            break
    if len(root) != 1:
        raise NotPlain
    return root[0]


def _resolved(text: str) -> Any:
    """A plain scalar that is none of `_WORDS`."""
    if text[0] not in _NOT_TEXT:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    raise NotPlain
