"""Record of what the readers of a runcard ask for, made by letting them read one.

A reader says by the call it makes what a key may be (``node.number(0, 1)``), and by
``node.section(known)`` which keys may stand somewhere. `trace` writes both down, so that the
reference cannot say anything else than the code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from n3hyper.runcard.node import Node


def pattern(path: str) -> str:
    """Return a key path without the numbers of list entries.

    >>> pattern("dataset_inputs[3].frac")
    'dataset_inputs[].frac'
    """
    return re.sub(r"\[\d+\]", "[]", path)


@dataclass
class Trace:
    """What was asked for, by key path without numbers (see `pattern`)."""

    types: dict[str, list[str]] = field(default_factory=dict)
    """Path -> the kinds of value that were asked for, in words."""
    known: dict[str, set[str]] = field(default_factory=dict)
    """Path of a mapping -> the keys that it may have."""
    ignored: dict[str, dict[str, str]] = field(default_factory=dict)
    """Path of a mapping -> keys that mean nothing there, each with the reason."""
    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    """Path of a mapping -> keys that are refused, each with the reason."""

    def asked(self, path: str, kind: str) -> None:
        """Note a kind of value."""
        kinds = self.types.setdefault(pattern(path), [])
        if kind not in kinds:
            kinds.append(kind)

    def paths(self) -> set[str]:
        """Return the paths of all keys that may stand in a runcard."""
        return {
            f"{path}.{key}" if path else key for path, keys in self.known.items() for key in keys
        }


def _bounds(low: float, high: float, above: bool, below: bool) -> str:
    """Return bounds as they are written in a table.

    >>> _bounds(0, 1, True, False), _bounds(-math.inf, math.inf, False, False)
    (' > 0, ≤ 1', '')
    """
    if low == high:
        return f" = {low:g}"
    parts = []
    if low > -math.inf:
        parts.append(f"{'>' if above else '≥'} {low:g}")
    if high < math.inf:
        parts.append(f"{'<' if below else '≤'} {high:g}")
    return f" {', '.join(parts)}" if parts else ""


def _names(known: Any) -> str:
    return ", ".join(f"`{name}`" for name in known)


def _number(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False,
    infinite: bool = False,
) -> str:  # fmt: skip
    return f"number{_bounds(low, high, above, below)}{' or .inf' if infinite else ''}"


def _integer(low: int, high: int | None = None) -> str:
    # seeds and epochs end where their kind of integer ends, which says nothing to a user
    top = math.inf if high is None or high >= 10**9 else high
    return f"whole number{_bounds(low, top, False, False)}"


def _text(known: Any = None, otherwise: str = "") -> str:
    return "text" if known is None else f"one of {_names(known)}"


def _texts(known: Any = None) -> str:
    return "list of texts" if known is None else f"list of {_names(known)}"


def _items(what: str = "entries", most: int = 0) -> str:
    return f"list of {what}"


KINDS: Mapping[str, Callable[..., str]] = {
    "number": _number,
    "integer": _integer,
    "text": _text,
    "texts": _texts,
    "items": _items,
    "flag": lambda: "true or false",
    "interval": lambda: "two numbers, the smaller first",
}
"""Methods of `Node` -> what a call asks for, in words; arguments are those of the method."""


@contextmanager
def trace() -> Iterator[Trace]:
    """Write down what is read while the block runs."""
    found = Trace()
    inside: list[str] = []

    def wrap(name: str) -> Callable[..., Any]:
        method, kind = getattr(Node, name), KINDS[name]

        def reading(node: Node, *args: Any, **options: Any) -> Any:
            # a method may use another one on the same value: the outer one says what is meant
            if not any(node.path.startswith(outer) for outer in inside):
                known = tuple(args[0]) if name in ("text", "texts") and args and args[0] else None
                args = args if known is None else (known, *args[1:])
                found.asked(node.path, kind(*args, **options))
            inside.append(node.path)
            try:
                return method(node, *args, **options)
            finally:
                inside.pop()

        return reading

    section = Node.section

    def opening(node: Node, known: Any, *, ignored: Any = None, refused: Any = None) -> Any:
        known, path = tuple(known), pattern(node.path)
        found.asked(path, "mapping")
        found.known.setdefault(path, set()).update(known)
        found.ignored.setdefault(path, {}).update(ignored or {})
        found.refused.setdefault(path, {}).update(refused or {})
        return section(node, known, ignored=ignored, refused=refused)

    with patch.multiple(Node, section=opening, **{name: wrap(name) for name in KINDS}):
        yield found
