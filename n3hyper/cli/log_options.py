"""Options for the log of a scan or a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def log_options(function: F) -> F:
    """Add the options ``--log`` and ``--log-json``; see `log_formats`."""
    for option in (
        click.option(
            "--log-json",
            is_flag=True,
            help="The same as lines of JSON, in run.jsonl.",
        ),
        click.option(
            "--log",
            is_flag=True,
            help="Add what happens, with time stamps, to run.log beside tries.json.",
        ),
    ):
        function = option(function)
    return function


def log_formats(log: bool, log_json: bool) -> tuple[str, ...]:
    """Return the formats of the log, of `n3hyper.scanning.run_log.FORMATS`.

    >>> log_formats(True, False), log_formats(False, True)
    (('text',), ('json',))
    """
    return ("text",) * log + ("json",) * log_json
