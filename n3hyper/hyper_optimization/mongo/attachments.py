"""Attachments of a job's objective to its trial, in the database's file store."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from n3hyper.errors import ObjectiveError
from n3hyper.hyper_optimization.mongo.jobs import Jobs


class TrialAttachments(MutableMapping[str, bytes]):
    """Attachments of one job, by name: bytes, or text, which is read back as UTF-8 bytes.

    Parameters
    ----------
    jobs
        Of the database.
    job
        The ``_id`` of the job.
    """

    def __init__(self, jobs: Jobs, job: Any) -> None:
        self.jobs, self.job = jobs, job

    def _names(self) -> list[str]:
        document = self.jobs.jobs.find_one({"_id": self.job}, ["_attachments"]) or {}
        return [str(name) for name, _ in document.get("_attachments", [])]

    def _file(self, name: str) -> str:
        """The ``_id`` of a file: a worker that does a job again replaces it."""
        return f"{self.job}/{name}"

    def _known_file(self, name: str) -> str:
        if name not in self._names():
            raise KeyError(name)
        return self._file(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __getitem__(self, name: str) -> bytes:
        return bytes(self.jobs.gfs.get(self._known_file(name)).read())

    def __setitem__(self, name: str, value: bytes | str) -> None:
        if not isinstance(name, str) or not isinstance(value, (bytes, str)):
            raise ObjectiveError(
                f"attachment {name!r} is a {type(value).__name__}; attach bytes or text"
            )
        file = self._file(name)
        self.jobs.gfs.delete(file)
        self.jobs.gfs.put(value.encode() if isinstance(value, str) else value, _id=file)
        self.jobs.jobs.update_one({"_id": self.job}, {"$addToSet": {"_attachments": [name, file]}})

    def __delitem__(self, name: str) -> None:
        file = self._known_file(name)
        self.jobs.jobs.update_one({"_id": self.job}, {"$pull": {"_attachments": [name, file]}})
        self.jobs.gfs.delete(file)
