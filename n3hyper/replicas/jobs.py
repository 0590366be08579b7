"""Jobs of a fit as trials of a scan: their place in a search space, and who suggests them.

A job goes through the machinery of scans (stores, leases, restart). The values of its trial are the
number of its first replica, how many there are, and the last replica of its round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from n3hyper.errors import HyperparameterError, StoreInputError
from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.sampling.samplers import hp_quniform
from n3hyper.replicas.ensemble import BLOCK, MOST_REPLICAS, Job, jobs_of


class JobSpace:
    """The search space whose points are jobs, as `HyperScanner` is that of a scan."""

    hyper_keys: frozenset[str] = frozenset()

    def as_dict(self) -> dict[str, Any]:
        """Return the samplers by name."""
        return {
            "first": hp_quniform("first", 1, MOST_REPLICAS, 1),
            "count": hp_quniform("count", 1, BLOCK, 1),
            "until": hp_quniform("until", 1, MOST_REPLICAS, 1),
        }


def rounds_of(records: Iterable[Record], setups: int) -> list[int]:
    """Return the last replica of each round that some finished job belongs to, ascending.

    Raises
    ------
    StoreError
        A job is none of these rounds: others have changed the store or the database.
    """
    found = {int(record["tid"]): _point(record) for record in records}
    rounds = sorted({until for _, until in found.values()})
    jobs = jobs_of_rounds(rounds, setups)
    for tid, point in found.items():
        if not 0 <= tid < len(jobs) or point != jobs[tid]:
            raise _strange(tid)
    return rounds


def jobs_of_rounds(rounds: Sequence[int], setups: int) -> list[tuple[Job, int]]:
    """Return the jobs of all rounds with the last replica of the round, in the order of trials.

    Parameters
    ----------
    rounds
        The last replica of each, ascending; a round begins where the one before ends.
    setups
        Size of the ensemble.

    >>> [(job.replicas(1), until) for job, until in jobs_of_rounds([3, 5], setups=1)]
    [((1, 2, 3), 3), ((4, 5), 5)]
    """
    return [
        (job, until)
        for start, until in pairwise([0, *rounds])
        for job in jobs_of(range(start + 1, until + 1), setups)
    ]


def job_of(record: Mapping[str, Any]) -> Job:
    """Return the job of a trial's record; StoreInputError where it has none."""
    return _point(record)[0]


def _point(record: Mapping[str, Any]) -> tuple[Job, int]:
    """The job of a record, and the last replica of its round."""
    try:
        vals = record["misc"]["vals"]
        until = int(vals["until"][0])
        job = Job.checked({name: vals[name][0] for name in ("first", "count")})
    except (KeyError, IndexError, TypeError, ValueError, HyperparameterError) as error:
        raise _strange(int(record["tid"])) from error
    if not 1 <= until <= MOST_REPLICAS:
        raise _strange(int(record["tid"]))
    return job, until


def _strange(tid: int) -> StoreInputError:
    return StoreInputError(
        f"job {tid} is none of this fit: its store or database was changed by others"
    )


class JobSuggester:
    """Suggests the jobs of some rounds, trial by trial; what other trials gave does not matter.

    Parameters
    ----------
    rounds, setups
        See `jobs_of_rounds`.
    """

    seed = 0

    def __init__(self, rounds: Sequence[int], setups: int) -> None:
        self.jobs = jobs_of_rounds(rounds, setups)

    def suggest(self, trials: Any, tid: int) -> list[dict[str, Any]]:
        """Return the document (one) of trial `tid`; nothing is stored."""
        job, until = self.jobs[tid]
        point = {"first": job.first, "count": job.count, "until": until}
        values = {label: [float(value)] for label, value in point.items()}
        misc = {
            "tid": tid,
            "cmd": ("domain_attachment", "FMinIter_Domain"),
            "workdir": None,
            "idxs": {label: [tid] for label in values},
            "vals": values,
        }
        documents: list[dict[str, Any]] = trials.new_trial_docs(
            [tid], [None], [{"status": "new"}], [misc]
        )
        return documents
