"""Cores that this process may use, and work that is spread over them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def usable_cores() -> int:
    """Return how many cores this process may use, which may be less than the host has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def threads_at_most() -> int:
    """Return how many threads this process is to have: ``OMP_NUM_THREADS``, else one for each core.

    Workers of one command, which share a machine, each have their part.
    """
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return min(int(given), usable_cores()) if given.isdecimal() and int(given) else usable_cores()


def _blas_has_one_thread() -> bool:
    """Return whether BLAS was told so, as the commands of n3hyper tell it."""
    return os.environ.get("OPENBLAS_NUM_THREADS", os.environ.get("OMP_NUM_THREADS")) == "1"


def on_all_cores(make: Callable[[Given], Made], given: Iterable[Given]) -> list[Made]:
    """Return what is made of each, in their order, by `threads_at_most` threads.

    This is for products and decompositions of large matrices, in which NumPy lets other threads of
    Python run. Each is computed as it would be alone, so that no bit depends on the number of
    cores. Where BLAS has threads of its own, calls at the same time share them, and bits would
    depend on chance: then one is made after the other.
    """
    items = list(given)
    threads = min(threads_at_most(), len(items)) if _blas_has_one_thread() else 1
    if threads < 2:
        return [make(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(make, items))
