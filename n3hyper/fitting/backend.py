"""The one place where TensorFlow is imported and set up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from types import ModuleType
from typing import Final

_LOG_LEVEL: Final = "TF_CPP_MIN_LOG_LEVEL"


@lru_cache(maxsize=1)
def tensorflow() -> ModuleType:
    """TensorFlow: quiet unless the user asked otherwise, deterministic, float32 without shortcuts.

    GPUs give memory out as it is needed, so that several processes can share one.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    quiet = _LOG_LEVEL not in os.environ
    with _silent() if quiet else nullcontext():
        import tensorflow as tf

    if quiet:
        # a scan compiles a program for each architecture on purpose, of which TensorFlow warns
        tf.get_logger().setLevel("ERROR")
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    module: ModuleType = tf
    return module


@contextmanager
def _silent() -> Iterator[None]:
    """TensorFlow logs errors only, and what it says before it knows goes nowhere.

    Only for the import, which fixes the level, so that other processes do not inherit it.
    """
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.environ[_LOG_LEVEL] = "3"
    try:
        yield
    finally:
        del os.environ[_LOG_LEVEL]
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
