"""Messages about trials that failed by an error of n3hyper, not by their hyperparameters."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

FAULT: Final = "exception"
"""Reason of such a failure."""


@dataclass
class Faults:
    """Reporter that says what happened in each such trial, and once what to do about it.

    Parameters
    ----------
    pickle
        Pickle of the scan, for the command that runs the trial again.
    debug
        Whether tracebacks are shown.

    Examples
    --------
    >>> faults = Faults(Path("a b/tries.pkl"))
    >>> failure = {"reason": "exception", "text": "KeyError: 'v3'", "traceback": "Traceback ..."}
    >>> for line in faults.lines({"tid": 4, "result": {"failure": failure}}):
    ...     print(line)
    trial 4: an error of n3hyper, not of its hyperparameters: KeyError: 'v3'
      please report it with what this prints: n3hyper --debug replay 4 --pkl 'a b/tries.pkl'
    >>> list(faults.lines({"tid": 5, "result": {"failure": {"reason": "nan", "text": ""}}}))
    []
    """

    pickle: Path | None = None
    debug: bool = False
    explained: bool = False
    """Whether the user has been told how to report them."""

    def lines(self, trial: Mapping[str, Any]) -> Iterator[str]:
        """Yield the lines to show when a trial has ended; none unless it failed in this way."""
        failure = trial["result"].get("failure") or {}
        if failure.get("reason") != FAULT:
            return
        text = failure.get("text") or "it is not known which"
        yield f"trial {trial['tid']}: an error of n3hyper, not of its hyperparameters: {text}"
        if self.debug and failure.get("traceback"):
            yield failure["traceback"].rstrip()
        if not self.explained:
            self.explained = True
            yield f"  {self._request(trial['tid'])}"

    def _request(self, tid: int) -> str:
        if self.debug or self.pickle is None:
            return "please report it with what --debug shows"
        command = shlex.join(["n3hyper", "--debug", "replay", str(tid), "--pkl", str(self.pickle)])
        return f"please report it with what this prints: {command}"


def debugging() -> bool:
    """Return whether the running command line has ``--debug``."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().obj)
