"""One trial evaluated, whatever may happen in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from n3hyper.errors import lacks_memory
from n3hyper.hyper_optimization.record import Record, failed_result, finished_result

log = logging.getLogger(__name__)

_LONGEST: Final = 500
"""Characters kept of what an exception says."""


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
    except Exception as err:  # noqa: BLE001  # whatever ends one trial must not end the scan
        return failure_of(err)


def failure_of(err: BaseException) -> Record:
    """Return the result of a trial that an exception has ended."""
    name, text = type(err).__name__, str(err)
    log.debug("trial failed", exc_info=err)
    reason = "memory" if lacks_memory(err) else "exception"
    return failed_result(reason, _shortened(f"{name}: {text}" if text else name))


def _shortened(text: str) -> str:
    """Errors of compiled programs come with pages of them."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
