"""One trial evaluated, whatever may happen in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from n3hyper.hyper_optimization.record import Record, failed_result, finished_result

log = logging.getLogger(__name__)

_LONGEST: Final = 500
"""Characters kept of what an exception says."""
_OUT_OF_MEMORY: Final = ("MemoryError", "_ArrayMemoryError", "ResourceExhaustedError")
"""Python's, NumPy's and TensorFlow's."""
_OUT_OF_MEMORY_TEXT: Final = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")
"""What errors of other kinds say when a compiled program lacks memory."""


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
        name, text = type(err).__name__, str(err)
        log.debug("trial failed", exc_info=True)
        lacked_memory = name in _OUT_OF_MEMORY or any(each in text for each in _OUT_OF_MEMORY_TEXT)
        reason = "memory" if lacked_memory else "exception"
        return failed_result(reason, _shortened(f"{name}: {text}" if text else name))


def _shortened(text: str) -> str:
    """Errors of compiled programs come with pages of them."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
