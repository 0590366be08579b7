"""Every mistake a user can make has one class here; each is worded in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

LONGEST_LIST: Final = 25
"""How many names a hint lists in full."""
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
        what = problem if value is None else f"{problem}: {value!r}"
        line = f"{where}: {what}" if where else what
        super().__init__(" ".join(f"{line}; {hint}".split()) if hint else " ".join(line.split()))

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


def lacks_memory(error: BaseException) -> bool:
    """Whether it was raised for want of memory, of this machine or of its GPU.

    >>> lacks_memory(MemoryError()), lacks_memory(ValueError("NaN"))
    (True, False)
    """
    name, text = type(error).__name__, str(error)
    return name in _OUT_OF_MEMORY or any(each in text for each in _OUT_OF_MEMORY_TEXT)


def nearest(word: str, known: Iterable[str]) -> str:
    """The hint that names the right spelling of `word`.

    >>> nearest("optimzer", ["optimizer", "stopping"])
    "did you mean 'optimizer'?"
    >>> nearest("xyz", ["b", "a"])
    'one of: a, b'
    """
    options = sorted({str(option) for option in known})
    close = difflib.get_close_matches(str(word), options, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(options) <= LONGEST_LIST:
        return f"one of: {', '.join(options)}"
    likely = difflib.get_close_matches(str(word), options, n=3, cutoff=0.0)
    return f"one of {len(options)} names, such as: {', '.join(sorted(likely))}"
