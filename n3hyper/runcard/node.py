"""Values of the runcard together with the place where they stand, and the checks on them.

Whoever reads a value through a `Node` need not word an error: what is wrong is raised as a
`RuncardError` that names the file, the path of the key, the value and what would be right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from n3hyper.errors import RuncardError, nearest, shown

_SHORT = 60  # characters of a value that an error quotes
_MOST_ENTRIES = 5000  # of a list; some are compared each with each
_OLD_FLAGS = {"on": True, "yes": True, "off": False, "no": False}


@dataclass(frozen=True)
class _Quoted:
    """Value as errors quote it: whole if short, else its beginning."""

    value: Any

    def __repr__(self) -> str:
        if isinstance(self.value, (Mapping, list)) and len(self.value) > 20:
            kind = "mapping" if isinstance(self.value, Mapping) else "list"
            return f"<{kind} of {len(self.value)} entries>"
        return shown(self.value, _SHORT)


def near(word: object, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint at the right spelling of `word`; `otherwise` if nothing is close.

    >>> near("ADAM", ["Adam", "Nadam"])
    "did you mean 'Adam'?"
    >>> near("NMC", ["SLAC", "BCDMS"], "list it under dataset_inputs")
    'list it under dataset_inputs'
    """
    options = [str(option) for option in known]
    for option in options:
        if option.casefold() == str(word).casefold():
            return f"did you mean {option!r}?"
    hint = nearest(str(word), options)
    return otherwise if otherwise and hint.startswith("one of") else hint


def kind_of(value: object) -> str:
    """Return the kind of a YAML value in a user's words.

    >>> kind_of([1]), kind_of(True), kind_of(None)
    ('a list', 'true or false', 'nothing')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, Mapping) else "a list"


@dataclass(frozen=True)
class Node:
    """Value, with its key path and the file it was read from.

    All readers raise `RuncardError` where the value is not what they ask for.
    """

    value: Any
    path: str
    source: str | None = None

    def fail(self, problem: str, hint: str = "") -> NoReturn:
        """Raise the error of this value."""
        value = None if self.value is None else _Quoted(self.value)
        raise RuncardError(problem, source=self.source, key=self.path, value=value, hint=hint)

    def _expected(self, what: str, example: str = "") -> NoReturn:
        self.fail(f"expected {what}, found {kind_of(self.value)}", example)

    def at(self, key: str | int) -> str:
        """Return the path of a key or an index below this one."""
        if isinstance(key, int):
            return f"{self.path}[{key}]"
        name = key if key.replace("-", "_").isidentifier() else repr(key)
        return f"{self.path}.{name}" if self.path else name

    def section(
        self,
        known: Iterable[str],
        *,
        ignored: Mapping[str, str] | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> Section:
        """Return this value as a mapping that has no unknown keys.

        Parameters
        ----------
        known
            The keys that may stand here.
        ignored
            Keys that may stand here and mean nothing, each with the reason.
        refused
            Keys that are understood and not supported, each with the reason. Without a value
            they ask for nothing.
        """
        if not isinstance(self.value, Mapping):
            self._expected("a mapping (key: value)")
        ignored, refused, known = ignored or {}, refused or {}, set(known)
        for key, value in self.value.items():
            below = Node(value, self.at(str(key)), self.source)
            if key in refused and value is not None:
                below.fail("not supported", refused[key])
            if key not in {*known, *ignored, *refused}:
                below.fail("unknown key", near(key, known))
        return Section(self)

    def items(self, what: str = "entries", most: int = _MOST_ENTRIES) -> list[Node]:
        """Return the entries of a list that has at most `most` of them."""
        if not isinstance(self.value, list):
            self._expected(f"a list of {what}", "write it as [..., ...]")
        if len(self.value) > most:
            self.fail("too long", f"at most {most} {what}")
        return [Node(v, self.at(i), self.source) for i, v in enumerate(self.value)]

    def text(self, known: Iterable[str] | None = None, otherwise: str = "") -> str:
        """Return a text, one of `known` if that is given."""
        if not isinstance(self.value, str) or not self.value.strip():
            if isinstance(self.value, str):
                self.fail("empty text")
            self._expected("text", near("", known) if known is not None else "")
        if known is not None and self.value not in set(known):
            self.fail("unknown name", near(self.value, known, otherwise))
        return self.value

    def texts(self, known: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return a list of texts without repetition, each one of `known` if that is given."""
        options = None if known is None else tuple(known)
        seen: dict[str, None] = {}
        for item in self.items("names"):
            name = item.text(options)
            if name in seen:
                item.fail("listed twice", "name each once")
            seen[name] = None
        return tuple(seen)

    def flag(self) -> bool:
        """Return true or false, also for the on, off, yes and no of YAML 1.1 in old runcards."""
        if isinstance(self.value, str) and self.value.lower() in _OLD_FLAGS:
            return _OLD_FLAGS[self.value.lower()]
        if not isinstance(self.value, bool):
            self._expected("true or false")
        return self.value

    def number(
        self,
        low: float = -math.inf,
        high: float = math.inf,
        *,
        above: bool = False,
        below: bool = False,
        infinite: bool = False,
    ) -> float:
        """Return a number in [low, high]; `above`, `below` exclude that end, `infinite` admits
        .inf.
        """
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            self._expected("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if math.isnan(number) or (math.isinf(number) and not infinite):
            self.fail("not a finite number")
        low_ok = number > low if above else number >= low
        high_ok = number < high if below else number <= high
        if not (low_ok and high_ok):
            self.fail("out of range", _range_hint(low, high, above, below))
        return number

    def integer(self, low: int, high: int | None = None) -> int:
        """Return a whole number in [low, high], which may be written 2e3."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            number = self.number()
            if not number.is_integer():
                self.fail("expected a whole number")
        number = int(self.value)
        if number < low or (high is not None and number > high):
            self.fail("out of range", _range_hint(low, math.inf if high is None else high))
        return int(number)

    def interval(self) -> tuple[float, float]:
        """Return two numbers, the smaller first."""
        ends = self.items("two numbers")
        if len(ends) != 2:
            self.fail(f"expected two numbers, found {len(ends)}", "write [lowest, highest]")
        low, high = (end.number() for end in ends)
        if low > high:
            self.fail("lowest above highest", f"did you mean [{high:g}, {low:g}]?")
        return low, high


@dataclass(frozen=True)
class Section:
    """Mapping whose keys are all known."""

    node: Node

    def get(self, key: str) -> Node | None:
        """Return the value of a key; None if it is absent or empty (``key:``)."""
        value = self.node.value.get(key)
        return None if value is None else Node(value, self.node.at(key), self.node.source)

    def need(self, key: str, hint: str = "") -> Node:
        """Return the value of a key that must be there."""
        found = self.get(key)
        if found is None:
            state = "given without a value" if key in self.node.value else "missing"
            Node(None, self.node.at(key), self.node.source).fail(state, hint)
        return found

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false, or the default."""
        found = self.get(key)
        return default if found is None else found.flag()


def _range_hint(low: float, high: float, above: bool = False, below: bool = False) -> str:
    """Return a range in words.

    >>> _range_hint(0, 1, above=True), _range_hint(1, math.inf)
    ('must be above 0 and at most 1', 'must be at least 1')
    """
    parts = []
    if low > -math.inf:
        parts.append(f"{'above' if above else 'at least'} {low:g}")
    if high < math.inf:
        parts.append(f"{'below' if below else 'at most'} {high:g}")
    return f"must be {' and '.join(parts)}"
