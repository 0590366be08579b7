"""The one place where TensorFlow is imported and set up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from types import ModuleType


@lru_cache(maxsize=1)
def tensorflow() -> ModuleType:
    """TensorFlow: quiet unless the user asked otherwise, deterministic, float32 without shortcuts.

    GPUs give memory out as it is needed, so that several processes can share one.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with nullcontext() if "TF_CPP_MIN_LOG_LEVEL" in os.environ else _silent():
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    module: ModuleType = tf
    return module


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing on the standard error's descriptor: TensorFlow greets there before it can be told."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
