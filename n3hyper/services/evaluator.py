"""Evaluator of a scan's jobs in a worker, built once from the scan's document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import FitError, N3HyperError, StoreError
from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.mongo.scan_document import (
    FIT,
    ScanDocument,
    evaluate_point,
    space_labels,
)
from n3hyper.hyper_optimization.record import Record, failed_result
from n3hyper.hyper_optimization.serial_loop import evaluate
from n3hyper.hyper_optimization.stores.identity import complete_identity, differences
from n3hyper.replicas.card import parse_fit_card
from n3hyper.replicas.jobs import JobSpace
from n3hyper.replicas.preparation import prepare_fit
from n3hyper.replicas.trainer import make_trainer as make_replica_trainer
from n3hyper.scanning.isolation import IsolatedTrainer
from n3hyper.scanning.prepare import WARM_UP, PreparedScan, make_trainer, prepare_scan
from n3hyper.scanning.request import ScanRequest

PrepareFits = Callable[[ScanDocument, "Path | None", Callable[[str], None]], PreparedScan]
"""Function of (scan, theory path, reporter of progress) that returns the same as
`n3hyper.scanning.prepare.prepare_scan`."""
_RUNCARD: Final = Path("runcard")
"""Name in error messages of a scan's runcard, of which this host has no file."""


@dataclass(frozen=True)
class _Quiet:
    """Listener to the preparation only."""

    say: Callable[[str], None]

    def stage(self, text: str) -> None:
        self.say(text)

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        """Ignore this."""

    def fit_progress(self, progress: Progress) -> None:
        """Ignore this."""

    def trial_ended(self, trial: Record) -> None:
        """Ignore this."""


def prepare_fits(
    scan: ScanDocument,
    theory_path: Path | None,
    say: Callable[[str], None],
    memory: int | None = None,
) -> PreparedScan:
    """Prepare real fits: data and theory as this host has them, and fits in a separate process.

    That process loads TensorFlow while this one reads, and ends with this one, whatever ends it.
    """
    request = ScanRequest(
        runcard=_RUNCARD,
        output=Path(),
        max_evals=1,
        replicas=scan.replicas,
        theory_path=theory_path,
        memory=memory,
        runcard_text=scan.runcard,
    )
    quiet = _Quiet(say)
    fits = IsolatedTrainer(quiet.fit_progress, WARM_UP)
    try:
        if scan.kind == FIT:
            fit = parse_fit_card(scan.runcard, _RUNCARD)
            prepared = prepare_fit(fit, scan.replicas, say, theory_path, memory)
            fits.prepare(partial(make_replica_trainer, prepared.plan))
            return PreparedScan(fits, JobSpace(), prepared.identity)
        card = request.load()
        trainer, scanner, identity = prepare_scan(request, card, quiet)
        fits.prepare(partial(make_trainer, trainer.problem, card, memory))
    except BaseException:
        fits.close()
        raise
    return PreparedScan(fits, scanner, identity)


class Evaluator:
    """Evaluator of the jobs of one scan; it and its compiled programs are kept from job to job.

    Parameters
    ----------
    scan
        The scan's document, checked by `decode_scan`.
    prepare
        See `PrepareFits`; never taken from the database.
    theory_path
        Folder to look for the theory in first, on this host.
    say
        Receives lines about the progress.
    on_progress
        Receives the progress of the fits.

    Raises
    ------
    StoreError
        when this host's inputs differ from those of the scan; the message says which.
    """

    def __init__(
        self,
        scan: ScanDocument,
        prepare: PrepareFits,
        theory_path: Path | None,
        say: Callable[[str], None],
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.scan = scan
        try:
            self.trainer, scanner, identity = prepare(scan, theory_path, say)
        except N3HyperError as err:
            raise self._refusal(err) from err
        try:
            self.space = scanner.as_dict()
            self._compare(complete_identity(identity, self.space))
            if hasattr(self.trainer, "set_hyperopt"):
                self.trainer.set_hyperopt(True, keys=sorted(scanner.hyper_keys))
            self.labels = space_labels(self.space)
            if isinstance(self.trainer, IsolatedTrainer):
                self.trainer.on_progress = on_progress
            self._start()
        except BaseException:
            self.close()
            raise

    def _refusal(self, why: N3HyperError) -> StoreError:
        return StoreError(f"{self.scan.name} cannot be run here: {why}")

    def _compare(self, identity: dict[str, str]) -> None:
        differing = differences(self.scan.identity, identity)
        missing = sorted(set(self.scan.identity) ^ set(identity))
        if differing or missing:
            raise StoreError(
                f"{self.scan.name} is not what would be run here; "
                f"what differs: {', '.join([*differing, *missing])}"
            )

    def _start(self) -> None:
        """Check that fits can be run: otherwise each trial would fail here, one after the other."""
        if isinstance(self.trainer, IsolatedTrainer):
            try:
                self.trainer.start()
            except FitError as err:
                raise self._refusal(err) from err

    def close(self) -> None:
        """End the process of the fits, if there is one."""
        if isinstance(self.trainer, IsolatedTrainer):
            self.trainer.close()

    def __call__(self, misc: Any) -> Record:
        """Return the result of a job, whose values are not trusted.

        KeyboardInterrupt and SystemExit pass through.
        """
        try:
            _, parameters = evaluate_point(self.space, self.labels, misc)
        except StoreError as err:
            return failed_result("exception", f"the job was refused: {err}")
        return evaluate(self.trainer, parameters)
