"""Every mistake a user can make has one class here; each is worded in one line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

LONGEST_LIST: Final = 25
"""How many names a hint lists in full."""
LONGEST_MESSAGE: Final = 4000
"""Characters of an error's line; what is longer came from a file, and loses its middle."""
_LONGEST_WORD: Final = 100
"""Characters of a name that is compared with others; the time grows with their square."""
_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What a terminal would obey, what turns the direction of a text, and what UTF-8 cannot hold."""
_LOG_2: Final = 0.30102999566398120
"""Decimal digits of a bit."""
_OUT_OF_MEMORY: Final = ("MemoryError", "_ArrayMemoryError", "ResourceExhaustedError")
"""Python's, NumPy's and TensorFlow's."""
_OUT_OF_MEMORY_TEXT: Final = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")
"""What errors of other kinds say when a compiled program lacks memory."""


class N3HyperError(Exception):
    """Root of all errors that n3hyper raises on purpose.

    The message is one line: what is wrong, where, and what would be right. The command line
    prints it as it stands and exits with `exit_code`.
    """

    exit_code = 1

    def __init__(self, message: object = "") -> None:
        super().__init__(bounded_line(str(message)))


class RuncardError(N3HyperError, ValueError):
    """A runcard that cannot be run as it is written.

    Parameters
    ----------
    problem
        What is wrong, e.g. ``unknown key``.
    source
        The file the runcard was read from.
    key
        The path of the key, e.g. ``kfold.partitions[1].datasets[0]``.
    value
        The value that was found there.
    hint
        What would be right.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        source: Path | str | None = None,
        key: str = "",
        value: Any = None,
        hint: str = "",
    ) -> None:
        self.problem, self.source, self.key, self.value, self.hint = (
            problem,
            source,
            key,
            value,
            hint,
        )
        where = ": ".join(str(part) for part in (source, key) if part)
        what = problem if value is None else f"{problem}: {shown(value)}"
        line = f"{where}: {what}" if where else what
        super().__init__(f"{line}; {hint}" if hint else line)

    def at(self, key: str) -> RuncardError:
        """Return the same error at another key path."""
        if key == self.key:
            return self
        return RuncardError(
            self.problem, source=self.source, key=key, value=self.value, hint=self.hint
        )


class DataError(N3HyperError):
    """Experimental data that are missing or cannot be used as asked."""

    exit_code = 2


class TheoryError(N3HyperError):
    """A theory folder or FK table that is missing or cannot be used."""

    exit_code = 2


class FitError(N3HyperError):
    """A fit that cannot be set up or carried out."""


class HyperparameterError(FitError):
    """Hyperparameters that describe no fit."""


class StoreError(N3HyperError):
    """Trials that cannot be read or written."""


class ObjectiveError(N3HyperError):
    """An objective of a user's own that workers cannot be asked for, or cannot run."""

    exit_code = 2


class StoreInputError(StoreError):
    """Trials that are not what was asked for: foreign, torn, or those of another scan."""

    exit_code = 2


def bounded_line(text: str) -> str:
    """Return `text` on one line, without control characters, its middle left out if it is long.

    >>> bounded_line("a" + chr(27) + "[2J" + chr(10) + "b")
    'a [2J b'
    """
    if len(text) > LONGEST_MESSAGE:
        half = LONGEST_MESSAGE // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return " ".join(_CONTROL.sub(" ", text).split())


def shown(value: object, longest: int = 80) -> str:
    """Return `value` as a message shows it: its repr, of which no more is made than is shown.

    The repr of a few nested lists that share their entries may have no end; of a number of a
    hundred thousand digits Python makes none.

    >>> shown({"a": [1, "x"]}), shown("x" * 100, 10), shown(10**5000, 30)
    ("{'a': [1, 'x']}", "'xxxxxx...", 'a number of 5001 digits')
    """
    text = ""
    for piece in _pieces(value, longest):
        text += piece
        if len(text) > longest:
            return f"{text[: longest - 3]}..."
    return text


def _pieces(value: object, longest: int) -> Iterator[str]:
    """The parts of a repr one after the other; each has a character, so that depth is bounded."""
    if isinstance(value, (list, tuple, set, frozenset)):
        yield "[" if isinstance(value, list) else "("
        for number, entry in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(entry, longest)
        yield "]" if isinstance(value, list) else ")"
    elif isinstance(value, Mapping):
        yield "{"
        for number, (key, entry) in enumerate(value.items()):
            yield ", " if number else ""
            yield from _pieces(key, longest)
            yield ": "
            yield from _pieces(entry, longest)
        yield "}"
    elif isinstance(value, int) and value.bit_length() > 4 * longest:
        yield f"a number of {int(value.bit_length() * _LOG_2) + 1} digits"
    elif isinstance(value, (str, bytes, bytearray)):
        yield repr(value[:longest])
        if len(value) > longest:
            yield " " * longest
    else:
        yield repr(value)


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error was raised for want of memory, of this machine or of its GPU.

    >>> lacks_memory(MemoryError()), lacks_memory(ValueError("NaN"))
    (True, False)
    """
    name, text = type(error).__name__, str(error)
    return name in _OUT_OF_MEMORY or any(words in text for words in _OUT_OF_MEMORY_TEXT)


def nearest(word: str, known: Iterable[str]) -> str:
    """The hint that names the right spelling of `word`.

    >>> nearest("optimzer", ["optimizer", "stopping"])
    "did you mean 'optimizer'?"
    >>> nearest("xyz", ["b", "a"])
    'one of: a, b'
    """
    word = str(word)[:_LONGEST_WORD]
    names = {str(option) for option in known}
    options = sorted(name for name in names if len(name) <= _LONGEST_WORD)
    close = difflib.get_close_matches(word, options, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(options) <= LONGEST_LIST:
        return f"one of: {', '.join(options)}"
    likely = difflib.get_close_matches(word, options, n=3, cutoff=0.0)
    return f"one of {len(options)} names, such as: {', '.join(sorted(likely))}"
