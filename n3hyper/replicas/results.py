"""Results in the store of a fit: its replicas, and how many more there must be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.record import STATUS_FAIL, Record
from n3hyper.replicas.ensemble import setup_of
from n3hyper.replicas.jobs import job_of, rounds_of
from n3hyper.replicas.replica_fit import ReplicaFit
from n3hyper.replicas.vetoes import Thresholds, Vetoes, judge, with_files


@dataclass(frozen=True, eq=False)
class FitResults:
    """The replicas of all jobs that have finished."""

    fits: tuple[ReplicaFit, ...]
    """By rising number."""
    lost: dict[int, str]
    """Why there is no fit of a replica, by its number: reason and text of its job's failure."""
    last: int
    """The largest number that a replica was asked for."""

    @classmethod
    def of(cls, records: Iterable[Record], setups: int) -> FitResults:
        """Read the records of finished jobs; those of a database may be anything."""
        fits: dict[int, ReplicaFit] = {}
        lost: dict[int, str] = {}
        records = list(records)
        for record in records:
            found, why = fits_of_job(record, setups)
            fits.update(found)
            numbers = job_of(record).replicas(setups)
            lost.update({number: why for number in numbers if number not in found})
        last = max(rounds_of(records, setups), default=0)
        return cls(tuple(fits[number] for number in sorted(fits)), lost, last)

    def vetoes(self, thresholds: Thresholds | None = None) -> Vetoes:
        """Judge all replicas whose numbers are finite."""
        return judge(with_files(self.fits), thresholds)

    def failures(self, vetoes: Vetoes) -> dict[int, str]:
        """Return why each replica is not in the set, by number, of those that are not."""
        failed = {**self.lost}
        failed.update({fit.number: "nan" for fit in self.fits if fit.failure == "nan"})
        failed.update({number: ", ".join(why) for number, why in vetoes.reasons().items()})
        return dict(sorted(failed.items()))


def next_round(last: int, passed: int, wanted: int, at_most: int) -> int | None:
    """Return up to which replica the next round goes; None where there is nothing to be done.

    Parameters
    ----------
    last
        Replica that the rounds so far go up to.
    passed
        How many of them passed.
    wanted
        How many are to pass.
    at_most
        Largest number that a replica may have.

    >>> next_round(0, 0, 100, 200), next_round(100, 97, 100, 200), next_round(199, 97, 100, 200)
    (100, 103, 200)
    >>> next_round(103, 100, 100, 200) is None, next_round(200, 97, 100, 200) is None
    (True, True)
    """
    if passed >= wanted or last >= at_most:
        return None
    return min(last + wanted - passed, at_most)


def seconds_of_job(record: Record) -> float:
    """Return how long a job took; 0 where that is not known."""
    return float((record["result"].get("seconds") or {}).get("total") or 0.0)


def fits_of_job(record: Record, setups: int) -> tuple[dict[int, ReplicaFit], str]:
    """Return the fits of a finished job by number, and why others are missing.

    Anybody may have written what came from a database.
    """
    numbers = job_of(record).replicas(setups)
    result = record["result"]
    encoded = result.get("replicas")
    if not isinstance(encoded, list):
        failure = result.get("failure") or {}
        if result.get("status") == STATUS_FAIL and failure:
            return {}, f"{failure.get('reason')}: {failure.get('text')}"
        return {}, "exception: the job gave no replicas"
    try:
        fits = [ReplicaFit.decode(fit) for fit in encoded]
    except StoreError as error:
        return {}, f"exception: {error}"
    kept = {
        fit.number: fit
        for fit in fits
        if fit.number in numbers and fit.setup == setup_of(fit.number, setups)
    }
    return kept, "exception: the job gave other replicas"
