"""Command lines as they are printed: whoever pastes one into a shell runs what it says."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

Word = str | int | float | Path

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))


def command_line(command: str, *words: Word, **options: Word | bool | None) -> str:
    """Return ``n3hyper COMMAND ...``, quoted for a POSIX shell.

    Parameters
    ----------
    command
        Name of the command of n3hyper.
    words
        Its arguments.
    options
        Values of its options by name, underscores for hyphens; True stands for a flag, and what
        is None or False is left out.

    Examples
    --------
    >>> command_line("restart", pkl=Path("a b/tries.pkl"), max_evals=9, parallel=True, lease=None)
    "n3hyper restart --pkl 'a b/tries.pkl' --max-evals 9 --parallel"
    >>> command_line("scan", Path("-x.yml"), n=1)
    'n3hyper scan ./-x.yml -n 1'
    """
    return shlex.join(["n3hyper", command, *map(_word, words), *_options(options)])


def _options(options: Mapping[str, Word | bool | None]) -> Iterator[str]:
    for name, value in options.items():
        if value is None or value is False:
            continue
        yield f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        if value is not True:
            yield _word(value)


def _word(value: Word) -> str:
    """One word, which is not taken for an option where it is a path that begins like one."""
    text = str(value)
    return f"./{text}" if isinstance(value, Path) and text.startswith("-") else text


def time_span(seconds: float | None) -> str | None:
    """Return a time as options take it, None for None.

    Examples
    --------
    >>> time_span(82800.0), time_span(90.0), time_span(0.5)
    ('23h', '90s', '0.5s')
    """
    if seconds is None:
        return None
    for length, unit in _UNITS:
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"
