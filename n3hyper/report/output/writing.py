"""Writing to standard output and to files, with the errors of a report."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from n3hyper.errors import StoreError
from n3hyper.report.errors import ReportError
from n3hyper.system.own_files import write_output


def print_text(text: str) -> None:
    """Write to standard output, whose reader may have gone."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()


def forget_output() -> None:
    """Discard further output, since the reader of the pipe has gone."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Raises
    ------
    ReportError
        It cannot be written.
    """
    try:
        write_output(path, text.encode(errors="replace"))
    except StoreError as err:
        raise ReportError(str(err)) from err
