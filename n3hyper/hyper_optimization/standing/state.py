"""Trials that run at the moment, and the workers that run them, as plain data and back.

The plain data come from a file or from a database, and anybody may have written them: what is not
of its type is left out, and never an error, since nothing but a display depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.record import is_finite, plain

_STAGES: Final = ("compile", "train", "evaluate")
_LONGEST: Final = 500
"""Characters of a text of others that are shown."""
_MOST_FOLDS: Final = 1000


@dataclass(frozen=True)
class RunningTrial:
    """A trial (of a fit: a job) that is under way."""

    tid: int
    seconds: float
    """Since it began."""
    progress: Progress | None = None
    """Of its fit, as last heard; None before the first word."""
    worker: str = ""
    """Name of the worker that runs it; empty in a serial scan."""
    silent: float = 0.0
    """Seconds since its worker was last heard of."""
    lost: bool = False
    """Whether its worker has missed its signs of life."""
    lease_left: float = math.nan
    """Seconds until a lost trial is given to another worker; NaN where nobody waits for that."""


@dataclass(frozen=True)
class WorkerState:
    """A worker of a parallel scan or fit."""

    name: str
    """``host:process:suffix``."""
    silent: float
    """Seconds since it was last heard of."""
    lost: bool = False
    """Whether it has missed its signs of life."""
    trial: int | None = None
    """The trial that it runs."""
    done: int = 0
    """Trials that it has finished."""
    age: float = math.nan
    """Seconds since its start, as last heard."""

    @property
    def host(self) -> str:
        """The host that it runs on."""
        return self.name.partition(":")[0]

    @property
    def short(self) -> str:
        """Name without the suffix that makes it unique.

        >>> WorkerState("node7:4711:0a1b2c3d", 1.0).short
        'node7:4711'
        """
        return short_worker(self.name)

    @property
    def per_hour(self) -> float:
        """Trials that it finishes in an hour; NaN before the first.

        >>> WorkerState("node7:4711:0a1b2c3d", 1.0, done=6, age=360.0).per_hour
        60.0
        """
        return 3600.0 * self.done / self.age if self.done and self.age > 0 else math.nan


def short_worker(name: str) -> str:
    """Return host and process of a worker's name.

    >>> short_worker("node7:4711:0a1b2c3d"), short_worker("me")
    ('node7:4711', 'me')
    """
    return ":".join(name.split(":")[:2])


def encode_progress(progress: Progress) -> dict[str, Any]:
    """Return the progress of a fit as plain data without NaN."""
    return dict(plain(asdict(progress)))


def decode_progress(data: Any) -> Progress | None:
    """Return the progress of plain data; None where they are something else.

    >>> progress = Progress(200, 1000, 1.25, active=3, folds=(1.5, 1.0))
    >>> decode_progress(encode_progress(progress)) == progress
    True
    >>> decode_progress({"epoch": "many"}) is None
    True
    """
    if not isinstance(data, Mapping):
        return None
    counts: list[Any] = [
        data.get(name) for name in ("epoch", "epochs", "active", "batch", "batches")
    ]
    folds, stage = data.get("folds"), data.get("stage")
    if not all(type(count) is int and 0 <= count < 2**31 for count in counts):
        return None
    if stage not in _STAGES or not isinstance(folds, list) or len(folds) > _MOST_FOLDS:
        return None
    epoch, epochs, active, batch, batches = counts
    chi2 = [number(each) for each in (data.get("validation_chi2"), *folds)]
    return Progress(epoch, epochs, chi2[0], stage, active, batch, batches, tuple(chi2[1:]))


def encode(item: RunningTrial | WorkerState) -> dict[str, Any]:
    """Return a trial or a worker as plain data without NaN."""
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    progress = values.pop("progress", None)
    if isinstance(progress, Progress):
        values["progress"] = encode_progress(progress)
    return dict(plain(values))


def decode_trial(data: Any) -> RunningTrial | None:
    """Return the running trial of plain data; None where they are something else.

    >>> trial = RunningTrial(3, 12.5, Progress(200, 1000, 1.25), "node7:1:a", 2.0, True, 40.0)
    >>> decode_trial(encode(trial)) == trial
    True
    """
    if not isinstance(data, Mapping) or not is_count(data.get("tid")):
        return None
    return RunningTrial(
        tid=data["tid"],
        seconds=number(data.get("seconds"), 0.0),
        progress=decode_progress(data.get("progress")),
        worker=text(data.get("worker")),
        silent=number(data.get("silent"), 0.0),
        lost=data.get("lost") is True,
        lease_left=number(data.get("lease_left")),
    )


def decode_worker(data: Any) -> WorkerState | None:
    """Return the worker of plain data; None where they are something else.

    >>> worker = WorkerState("node7:1:a", 2.0, trial=3, done=4, age=60.0)
    >>> decode_worker(encode(worker)) == worker
    True
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        return None
    return WorkerState(
        name=text(data["name"]),
        silent=number(data.get("silent"), 0.0),
        lost=data.get("lost") is True,
        trial=data["trial"] if is_count(data.get("trial")) else None,
        done=data["done"] if is_count(data.get("done")) else 0,
        age=number(data.get("age")),
    )


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number that something can be counted by."""
    return type(value) is int and 0 <= value < 2**63


def number(value: Any, default: float = math.nan) -> float:
    """Return a finite number as it is, and `default` for anything else."""
    return float(value) if is_finite(value) else default


def text(value: Any) -> str:
    """Return what others have written as a terminal may show it; empty where it is no text."""
    if not isinstance(value, str):
        return ""
    return "".join(each if each.isprintable() else "?" for each in value[:_LONGEST])
