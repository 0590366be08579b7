"""One trial evaluated, whatever may happen in it."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final

from n3hyper.errors import HyperparameterError, lacks_memory
from n3hyper.hyper_optimization.record import Record, failed_result, finished_result

log = logging.getLogger(__name__)

_LONGEST: Final = 500
"""Characters kept of what an exception says."""
LONGEST_TRACEBACK: Final = 8000
"""Characters kept of a traceback: its first and last lines."""


def evaluate(model_trainer: Any, parameters: Mapping[str, Any]) -> Record:
    """The result of one trial in the record's form; an exception is a failure of the trial.

    KeyboardInterrupt and SystemExit pass through.

    Parameters
    ----------
    model_trainer
        Object with ``hyperparametrizable(params) -> result``.
    """
    try:
        return finished_result(model_trainer.hyperparametrizable(dict(parameters)))
    except Exception as err:  # whatever ends one trial must not end the scan
        log.debug("trial failed", exc_info=True)
        return failure_of(err)


def failure_of(err: BaseException) -> Record:
    """Return the result of a trial that an exception has ended.

    Hyperparameters are to blame where they are refused, and a lack of memory is a reason of its
    own; anything else is a fault of the program, of which the traceback is kept.
    """
    name, text = type(err).__name__, str(err)
    words = _shortened(f"{name}: {text}" if text else name)
    if lacks_memory(err):
        return failed_result("memory", words)
    if isinstance(err, HyperparameterError):
        return failed_result("setup", _shortened(text))
    return failed_result("exception", words, _traceback(err))


def _traceback(err: BaseException) -> str:
    """The lines that Python would print, with files as modules are imported, without folders."""
    whole = "".join(traceback.format_exception(err))
    for folder in sorted(filter(None, sys.path), key=len, reverse=True):
        whole = whole.replace(f'File "{folder.rstrip(os.sep)}{os.sep}', 'File "')
    if len(whole) <= LONGEST_TRACEBACK:
        return whole
    half = LONGEST_TRACEBACK // 2
    return f"{whole[:half]}\n...\n{whole[-half:]}"


def _shortened(text: str) -> str:
    """Errors of compiled programs come with pages of them."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
