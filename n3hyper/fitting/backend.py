"""Door to TensorFlow, which is imported and set up here alone."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

from n3hyper.system.cores import usable_cores

Tensor: TypeAlias = Any
"""A tensor of TensorFlow, which has no types to check."""

_log = logging.getLogger(__name__)
_LOG_LEVEL: Final = "TF_CPP_MIN_LOG_LEVEL"
_DRIVER: Final = Path("/proc/driver/nvidia/gpus")
"""Folder in which NVIDIA's driver lists the GPUs of a host."""


_XLA_FLAGS: Final = "XLA_FLAGS"
_QUICK_COMPILATION: Final[Mapping[str, str]] = {"2.21": "--xla_cpu_use_fusion_emitters=false"}
"""Flags of XLA that make compilation shorter by 40 % and steps no longer (measured), by versions of
TensorFlow that are known to have them: XLA ends the process at a flag that it does not know."""


@lru_cache(maxsize=1)
def tensorflow() -> ModuleType:
    """Return TensorFlow: quiet unless asked otherwise, deterministic, float32 without shortcuts.

    GPUs give memory out as it is needed, so that several processes can share one. Those that
    ``CUDA_VISIBLE_DEVICES`` leaves out are not touched. Determinism holds for compiled programs:
    XLA then takes no kernel that adds in any order, and of those that do the work the first one,
    not the one that was quickest in a trial.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    quiet = _LOG_LEVEL not in os.environ
    with _silent() if quiet else nullcontext():
        import tensorflow as tf

    os.environ[_XLA_FLAGS] = flags_for(tf.__version__, os.environ.get(_XLA_FLAGS, ""))
    if quiet:
        # a scan compiles a program for each architecture on purpose, of which TensorFlow warns
        tf.get_logger().setLevel("ERROR")
    gpus = tf.config.list_physical_devices("GPU")
    for device in gpus:
        tf.config.experimental.set_memory_growth(device, True)
    if idle := idle_gpu(len(gpus), os.environ):
        _log.warning(idle)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    module: ModuleType = tf
    return module


def flags_for(version: str, given: str) -> str:
    """Return the flags of XLA: those that the user has given, and others for quick compilation.

    >>> flags_for("2.21.0", ""), flags_for("2.16.1", "--xla_dump_to=here")
    ('--xla_cpu_use_fusion_emitters=false', '--xla_dump_to=here')
    """
    wanted = _QUICK_COMPILATION.get(version.rpartition(".")[0], "")
    known = not wanted or wanted.partition("=")[0] in given
    return given if known else f"{given} {wanted}".strip()


def idle_gpu(found: int, environment: Mapping[str, str], driver: Path = _DRIVER) -> str:
    """Return one line where the host has a GPU that TensorFlow cannot use; empty otherwise.

    What TensorFlow itself says of it is lost among its other messages.

    Parameters
    ----------
    found
        Number of GPUs that TensorFlow has found.
    environment
        Variables of the environment: a user who hides the GPUs does not want them.
    """
    hidden = environment.get("CUDA_VISIBLE_DEVICES", "all").strip() in {"", "-1"}
    if found or hidden or not (driver.is_dir() and any(driver.iterdir())):
        return ""
    return (
        "this host has a GPU that TensorFlow cannot use, and fits run on the CPU: install CUDA's "
        "libraries with pip install 'tensorflow[and-cuda]', or set CUDA_VISIBLE_DEVICES=-1"
    )


@lru_cache(maxsize=1)
def device_memory() -> int | None:
    """Return the bytes of the GPU that TensorFlow may take; None without a GPU."""
    if not tensorflow().config.list_physical_devices("GPU"):
        return None
    from tensorflow.python.client import device_lib

    limits = [device.memory_limit for device in device_lib.list_local_devices()]
    return max(limits) or None


def lanes_at_most() -> int:
    """Return how many programs run best beside one another: on a GPU one, else one a thread.

    TensorFlow has as many threads as ``TF_NUM_INTRAOP_THREADS`` says, else one for each core.
    """
    tf = tensorflow()
    if tf.config.list_physical_devices("GPU"):
        return 1
    threads: int = tf.config.threading.get_intra_op_parallelism_threads()
    return threads or int(os.environ.get("TF_NUM_INTRAOP_THREADS", 0)) or usable_cores()


@contextmanager
def _silent() -> Iterator[None]:
    """Let TensorFlow log errors only, and drop what it says before it knows.

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
