"""The one place where TensorFlow is imported and set up."""

from __future__ import annotations

import os
from functools import lru_cache
from types import ModuleType


@lru_cache(maxsize=1)
def tensorflow() -> ModuleType:
    """TensorFlow: quiet unless the user asked otherwise, deterministic, float32 without shortcuts.

    GPUs give memory out as it is needed, so that several processes can share one.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    module: ModuleType = tf
    return module
