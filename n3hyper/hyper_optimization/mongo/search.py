"""A user's own `fmin` on the store of a parallel scan: who runs its objective, and whether they do.

hyperopt waits for its jobs and looks at nothing else. Here a job whose worker is gone is given to
another, and the user is told when nobody works for the search.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.connection import address_of, printable
from n3hyper.hyper_optimization.mongo.jobs import Jobs, job_id
from n3hyper.hyper_optimization.mongo.objectives import ObjectiveDocument, encode_point
from n3hyper.hyper_optimization.mongo.stale_jobs import StaleJobs

log = logging.getLogger(__name__)

_LOOK: Final = 1.0
"""Seconds between looks at who is working."""
_ALONE: Final = 5.0
"""Seconds without a worker after which the user is told."""


class Searched(Protocol):
    """Store that is searched; see `MongoFileTrials`."""

    handle: Jobs
    workers_started: bool

    @property
    def exp_key(self) -> str:
        """Name of the search in the database."""

    @property
    def headers(self) -> dict[int, dict[str, Any]]:
        """Return, by number, the state of trials that have not finished."""

    @property
    def workers_running(self) -> bool:
        """Return whether the workers that were started here still are."""

    @property
    def worker_log(self) -> Path:
        """The file that they write to."""

    def live_workers(self) -> list[dict[str, Any]]:
        """Workers that work for this search or wait for one."""


class Search:
    """Watch over workers and jobs beside `hyperopt.fmin` while it waits.

    Parameters
    ----------
    trials
        Its store.
    document
        What workers are told of the search.
    space
        From which hyperopt draws.
    """

    def __init__(self, trials: Searched, document: ObjectiveDocument, space: Any) -> None:
        self.trials, self.document, self.space = trials, document, space
        self._stale = StaleJobs(document.lease)
        self._begun = self._looked = time.monotonic()
        self._told: set[str] = set()

    def point(self, vals: Mapping[str, Any]) -> str:
        """Return the point of a job as its worker is given it.

        Raises
        ------
        ObjectiveError
            It holds something that is no plain value.
        """
        import hyperopt

        assigned = {label: values[0] for label, values in vals.items() if values}
        return encode_point(hyperopt.space_eval(self.space, assigned))

    def look(self) -> None:
        """Give jobs of dead workers to others, and say where nobody works for the search.

        Raises
        ------
        StoreError
            The workers that this process has started have ended.
        """
        for tid in self._stale.look(self.trials.headers):
            header = self.trials.headers[tid]
            self.trials.handle.release({**header, "_id": job_id(self.trials.exp_key, tid)})
        now = time.monotonic()
        if now - self._looked < _LOOK or not self.trials.headers:
            return
        self._looked = now
        own = self.trials.workers_running
        if self.trials.workers_started and not own:
            raise StoreError(
                f"the workers of this search have ended; the end of {self.trials.worker_log} "
                "says why"
            )
        workers = self.trials.live_workers()
        for worker in workers:
            if worker.get("refuses") == self.trials.exp_key:
                self._tell(f"a worker refuses: {printable(str(worker.get('note')))[:500]}")
        if not workers and not own and now - self._begun > _ALONE:
            name, address = self.document.objective, address_of(self.trials.handle.db)
            self._tell(
                f"no worker at {address}: call start_mongo_workers(objectives=[{name!r}]) before "
                f"fmin, or start n3hyper mongo-worker --allow-objective {name} for that database"
            )

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.warning("%s", text)
