"""One trial evaluated, whatever may happen in it."""

from __future__ import annotations

import linecache
import logging
import traceback
from collections.abc import Mapping
from typing import Any, Final, Protocol, runtime_checkable

from n3hyper.errors import HyperparameterError, lacks_memory
from n3hyper.hyper_optimization.record import Record, failed_result, finished_result

log = logging.getLogger(__name__)

_LONGEST: Final = 500
"""Characters kept of what an exception says."""
LONGEST_TRACEBACK: Final = 8000
"""Characters kept of a traceback: its first and last lines."""


class Trainer(Protocol):
    """Trainer that runs the trials of a scan; see also `ModelTrainer`."""

    def hyperparametrizable(self, params: dict[str, Any]) -> Any:
        """Return the result of a trial with these parameters: ``loss``, ``status``, ..."""


@runtime_checkable
class HyperoptTrainer(Trainer, Protocol):
    """Trainer that is told which hyperparameters a scan draws."""

    def set_hyperopt(self, on: bool, keys: Any = None) -> None:
        """Switch hyperopt on, for the hyperparameters `keys`."""


def evaluate(model_trainer: Trainer, parameters: Mapping[str, Any]) -> Record:
    """Return the result of one trial in the record's form; an exception is a failure of the trial.

    KeyboardInterrupt and SystemExit pass through.
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
    """The calls that ended with an exception, by modules: the same wherever the package lies."""
    parts = []
    before = err.__cause__ or (None if err.__suppress_context__ else err.__context__)
    if before is not None:
        parts.append(f"{_traceback(before)}\nand then\n")
    parts.append("Traceback (most recent call last):\n")
    for frame, number in traceback.walk_tb(err.__traceback__):
        code, names = frame.f_code, frame.f_globals
        parts.append(f"  {names.get('__name__')}, line {number}, in {code.co_name}\n")
        parts.append(f"    {linecache.getline(code.co_filename, number, names).strip()}\n")
    parts.extend(traceback.format_exception_only(err))
    whole, half = "".join(parts).rstrip(), LONGEST_TRACEBACK // 2
    return whole if len(whole) <= 2 * half else f"{whole[:half]}\n...\n{whole[-half:]}"


def _shortened(text: str) -> str:
    """Errors of compiled programs come with pages of them."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
