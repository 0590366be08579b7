"""How a worker works; its own module, since who starts workers need not load what they need."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3hyper.hyper_optimization.mongo_connection import PATIENCE


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker works.

    Parameters
    ----------
    uri
        Of the database.
    exp_key
        Work for that scan alone; None for all.
    poll_interval
        Seconds between questions for a job.
    max_jobs
        After which the worker ends; None for no limit.
    reserve_timeout
        Seconds without a job after which the worker ends.
    patience
        Seconds for which a database that is away is waited for.
    theory_path
        Where to look for the theory first.
    memory
        Bytes that the fits of the worker may take; None for its part of what is free.
    objectives
        Functions of a user's own that it may run, ``module:function``.
    """

    uri: str
    exp_key: str | None = None
    poll_interval: float = 0.1
    max_jobs: int | None = None
    reserve_timeout: float = 600.0
    patience: float = PATIENCE
    theory_path: Path | None = None
    memory: int | None = None
    objectives: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """One line of JSON."""
        values = dataclasses.asdict(self)
        values["theory_path"] = None if self.theory_path is None else str(self.theory_path)
        return json.dumps(values).encode() + b"\n"

    @classmethod
    def decode(cls, line: str | bytes) -> WorkerSettings:
        """What `encode` wrote.

        Examples
        --------
        >>> settings = WorkerSettings("mongodb://localhost/x", objectives=("json:dumps",))
        >>> WorkerSettings.decode(settings.encode()) == settings
        True
        """
        values: dict[str, Any] = json.loads(line)
        path = values["theory_path"]
        values["theory_path"] = None if path is None else Path(path)
        values["objectives"] = tuple(values["objectives"])
        return cls(**values)
