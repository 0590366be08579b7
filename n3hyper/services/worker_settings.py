"""Settings of a worker, in a module that starting workers can import without their libraries."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3hyper.hyper_optimization.mongo.connection import DATABASE_TIMEOUT


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of a worker.

    Parameters
    ----------
    uri
        URI of the database.
    exp_key
        The only scan to work for; None for all.
    poll_interval
        Seconds between queries for a job.
    max_jobs
        Number of jobs after which the worker ends; None for no limit.
    reserve_timeout
        Seconds without a job after which the worker ends.
    database_timeout
        Seconds to wait for a database that does not answer.
    theory_path
        Folder to look for the theory in first.
    memory
        Bytes that the worker's fits may use; None for its share of the free memory.
    objectives
        User's functions that it may run, as ``module:function``.
    """

    uri: str
    exp_key: str | None = None
    poll_interval: float = 0.1
    max_jobs: int | None = None
    reserve_timeout: float = 600.0
    database_timeout: float = DATABASE_TIMEOUT
    theory_path: Path | None = None
    memory: int | None = None
    objectives: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Encode the settings as one line of JSON."""
        values = dataclasses.asdict(self)
        values["theory_path"] = None if self.theory_path is None else str(self.theory_path)
        return json.dumps(values).encode() + b"\n"

    @classmethod
    def decode(cls, line: str | bytes) -> WorkerSettings:
        """Return the settings that `encode` wrote.

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
