"""The rounds of a fit: jobs are run, and files written, until enough replicas have passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from n3hyper.hyper_optimization.record import Record
from n3hyper.hyper_optimization.serial_loop import ScanOutcome, mend
from n3hyper.hyper_optimization.stores.identity import check_identity, complete_identity
from n3hyper.hyper_optimization.stores.recovery import reopen
from n3hyper.replicas.jobs import JobSpace, jobs_of_rounds, rounds_of
from n3hyper.replicas.preparation import PreparedFit
from n3hyper.replicas.replica_fit import ReplicaFit
from n3hyper.replicas.request import FitRequest
from n3hyper.replicas.results import FitResults, fits_of_job, next_round, seconds_of_job
from n3hyper.replicas.summary import fit_summary
from n3hyper.replicas.vetoes import Vetoes, with_files
from n3hyper.scanning.listener import Listener

ALGORITHM: Final = "replicas"
"""What the store of a fit says in place of the algorithm of a scan."""


class FitListener(Listener, Protocol):
    """Who is told how a fit goes; see `n3hyper.cli.displays.fit_display`."""

    def jobs_planned(self, total: int, done: int) -> None:
        """Take how many jobs the fit has so far, and how many of them are done."""


@dataclass(frozen=True, eq=False)
class FitOutcome:
    """Result of a fit."""

    results: FitResults
    vetoes: Vetoes
    chosen: tuple[ReplicaFit, ...]
    """The replicas of ``postfit``, by rising number."""
    wanted: int
    stopped: str = ""
    """Why it ended before so many passed; empty where they did, or where all were tried."""
    gave_up: bool = False
    """Whether too many failures are why."""

    @property
    def complete(self) -> bool:
        """Return whether as many passed as were wanted."""
        return len(self.chosen) >= self.wanted

    @property
    def failures(self) -> Counter[str]:
        """Return the number of replicas that failed, by reason."""
        return Counter(why.partition(":")[0] for why in self.results.failures(self.vetoes).values())


def run_rounds(
    request: FitRequest,
    prepared: PreparedFit,
    files: FitFiles,
    records: Sequence[Record],
    run: Callable[[Sequence[int], int], ScanOutcome],
) -> FitOutcome:
    """Run jobs in rounds, each of as many replicas as are missing, until enough have passed.

    Parameters
    ----------
    records
        Of the jobs that have finished before.
    run
        Runs the jobs of some rounds, so many in all.
    """
    stopped, gave_up = "", False
    while True:
        rounds = rounds_of(records, prepared.setups)
        jobs = len(jobs_of_rounds(rounds, prepared.setups))
        if len(records) >= jobs:
            results = FitResults.of(records, prepared.setups)
            passed = len(results.vetoes(request.thresholds).chosen)
            further = next_round(results.last, passed, request.replicas, request.at_most)
            if further is None:
                break
            rounds = [*rounds, further]
            jobs = len(jobs_of_rounds(rounds, prepared.setups))
        files.listener.jobs_planned(jobs, len(records))
        outcome = run(rounds, jobs)
        records = outcome.trials.finished
        if outcome.stopped:
            stopped, gave_up = outcome.stopped, outcome.gave_up
            break
    return files.finish(records, stopped, gave_up)


class FitFiles:
    """Writes the folder of a fit as its jobs end.

    The store is written first: what the folder lacks of it, after a kill, is made of it again.
    """

    def __init__(self, request: FitRequest, prepared: PreparedFit, listener: FitListener) -> None:
        self._request, self._prepared, self.listener = request, prepared, listener
        self._folder = request.folder

    def opened(self) -> list[Record]:
        """Return the records of the jobs that have finished; replicas without files get theirs."""
        if not self._folder.has_store:
            return []
        identity = complete_identity(self._prepared.identity, JobSpace().as_dict())
        trials, notes = reopen(self._folder.store, JobSpace().as_dict(), identity)
        check_identity(trials.scan["fingerprint"], identity)
        for note in notes:
            self.listener.stage(note)
        mend(trials, self._folder.store, notes)
        records: list[Record] = trials.finished
        # whether it is a store of this fit
        rounds_of(records, self._prepared.setups)
        self._write(records, anew=False)
        return records

    def job_ended(self, record: Record) -> None:
        """Write the replicas of a job, and tell of it."""
        self._write([record], anew=True)
        self.listener.trial_ended(record)

    def _write(self, records: Sequence[Record], anew: bool) -> None:
        """Write the replicas of some jobs; not `anew` only those without files."""
        prepared = self._prepared
        for record in records:
            fits, _ = fits_of_job(record, prepared.setups)
            for fit in with_files(list(fits.values())):
                if anew or not self._folder.has_replica(fit.number):
                    self._folder.write_replica(
                        fit, prepared.card, prepared.scale, seconds_of_job(record)
                    )

    def finish(self, records: Sequence[Record], stopped: str, gave_up: bool) -> FitOutcome:
        """Judge all replicas, and write ``postfit`` and ``fit.json``."""
        request, prepared = self._request, self._prepared
        results = FitResults.of(records, prepared.setups)
        vetoes = results.vetoes(request.thresholds)
        passed = set(vetoes.chosen)
        chosen = tuple(fit for fit in results.fits if fit.number in passed)[: request.replicas]
        outcome = FitOutcome(results, vetoes, chosen, request.replicas, stopped, gave_up)
        if results.fits:
            self._folder.write_postfit(chosen, vetoes, prepared.scale, postfit_log(outcome))
            self._folder.write_summary(
                fit_summary(
                    prepared.card, prepared.problem, results, vetoes, chosen, prepared.scale
                )
            )
        return outcome


def postfit_log(outcome: FitOutcome) -> str:
    """Return who failed what, one line a replica."""
    failures = outcome.results.failures(outcome.vetoes)
    lines = [f"replica {number}: {why}" for number, why in failures.items()]
    head = f"{len(outcome.chosen)} replicas chosen, {outcome.wanted} asked for"
    return "\n".join([head, *lines]) + "\n"
