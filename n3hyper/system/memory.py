"""Memory that this process uses, and how much more it may use.

Batch systems and containers limit it through control groups, whatever the machine has.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

USABLE: Final = 0.8
"""Fraction of the free memory that may be used unless the user sets a limit."""


def resident() -> int:
    """Return the bytes of memory that this process uses; 0 where the system does not say."""
    return _entry(Path("/proc/self/status"), "VmRSS") or 0


def available() -> int | None:
    """Return the bytes that may still be used; None where the system does not say."""
    free = [_entry(Path("/proc/meminfo"), "MemAvailable"), *_free_in_groups()]
    known = [bytes_ for bytes_ in free if bytes_ is not None]
    return int(USABLE * min(known)) if known else None


def _entry(file: Path, name: str) -> int | None:
    """Return an entry of one of the kernel's tables, which are in kB."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    values = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1024 * int(values[0]) if values else None


def _free_in_groups(
    groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Iterator[int]:
    """Yield the bytes that each control group of this process still allows."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        names = ("memory.max", "memory.current")
        if controllers:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        top = root / controllers
        folder = top / name.lstrip("/")
        # a group's limit holds for the groups inside it; in a container its own group is at the top
        for group in {top, folder, *(up for up in folder.parents if top in up.parents)}:
            free = _free_in_group(group, *names)
            if free is not None:
                yield free


def _free_in_group(folder: Path, limit: str, used: str) -> int | None:
    try:
        values = [(folder / name).read_text().strip() for name in (limit, used)]
        statistics = (folder / "memory.stat").read_text().split("\n")
    except OSError:
        return None
    if not all(value.isdigit() for value in values):
        return None
    # the kernel drops cached files that nobody uses when memory gets short
    cached = [line.split()[1] for line in statistics if line.startswith("inactive_file ")]
    return int(values[0]) - int(values[1]) + sum(map(int, cached))


def share(memory: int | None, processes: int) -> int | None:
    """Return the bytes that each of several processes may use; None: a lone process, no limit set.

    >>> share(8 * 2**30, 4) == 2 * 2**30, share(None, 1)
    (True, None)
    """
    if memory is None and processes == 1:
        return None
    everything = available() if memory is None else memory
    return None if everything is None else everything // processes


def in_words(size: float) -> str:
    """Return an amount of memory in words.

    >>> in_words(5.3e9), in_words(7e5)
    ('4.9 GiB', '1 MiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{max(size / 2**20, 1.0):.0f} MiB"


def give_back() -> None:
    """Give free memory of this process back to the system, where the C library can do that.

    glibc keeps what was freed, after the tables of a global fit have been read some 230 MB.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
