"""What a worker needs to work for a scan, built once from the scan's document."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3hyper.errors import N3HyperError, StoreError
from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.identity import complete_identity, differences
from n3hyper.hyper_optimization.mongo_scan import ScanDocument, evaluate_point, space_labels
from n3hyper.hyper_optimization.record import Record, failed_result
from n3hyper.hyper_optimization.scan import evaluate
from n3hyper.hyper_optimization.session import ScanRequest, prepare
from n3hyper.runcard import load_runcard

Prepared = tuple[Any, HyperScanner, dict[str, str]]
Prepare = Callable[[ScanDocument, Path, "Path | None", Callable[[str], None]], Prepared]
"""From (scan, file of its runcard, theory path, where to say how it goes) to what
`n3hyper.hyper_optimization.session.prepare` gives."""


@dataclass(frozen=True)
class _Quiet:
    """Listens to preparations only."""

    say: Callable[[str], None]

    def stage(self, text: str) -> None:
        self.say(text)

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        """Not of interest."""

    def fit_progress(self, progress: Progress) -> None:
        """Not of interest."""

    def trial_ended(self, trial: Record) -> None:
        """Not of interest."""


def prepare_fits(
    scan: ScanDocument, runcard: Path, theory_path: Path | None, say: Callable[[str], None]
) -> Prepared:
    """The real thing: data and theory as this host has them, and a ModelTrainer."""
    request = ScanRequest(
        runcard=runcard,
        output=runcard.parent,
        max_evals=1,
        replicas=scan.replicas,
        theory_path=theory_path,
    )
    return prepare(request, load_runcard(runcard), _Quiet(say))


class Evaluator:
    """Evaluates jobs of one scan; it stays, and so do compiled programs, from job to job.

    Parameters
    ----------
    scan
        As `decode_scan` has checked it.
    prepare
        See `Prepare`; not to be had from the database.
    theory_path
        Where to look for the theory first, on this host.
    say
        Is told how it goes.

    Raises
    ------
    StoreError
        What this host has differs from what the scan is made of; the message says in what.
    """

    def __init__(
        self,
        scan: ScanDocument,
        prepare: Prepare,
        theory_path: Path | None,
        say: Callable[[str], None],
    ) -> None:
        self.scan = scan
        with tempfile.TemporaryDirectory(prefix="n3hyper-") as folder:
            runcard = Path(folder) / "runcard.yml"
            runcard.write_text(scan.runcard, encoding="utf-8")
            try:
                self.trainer, scanner, identity = prepare(scan, runcard, theory_path, say)
            except N3HyperError as err:
                raise StoreError(f"scan {scan.exp_key} cannot be run here: {err}") from err
        self.space = scanner.as_dict()
        differing = differences(scan.identity, complete_identity(identity, self.space))
        missing = sorted(set(scan.identity) ^ set(complete_identity(identity, self.space)))
        if differing or missing:
            raise StoreError(
                f"scan {scan.exp_key} is not what would be run here; "
                f"what differs: {', '.join([*differing, *missing])}"
            )
        if hasattr(self.trainer, "set_hyperopt"):
            self.trainer.set_hyperopt(True, keys=sorted(scanner.hyper_keys))
        self.labels = space_labels(self.space)

    def __call__(self, misc: Any) -> Record:
        """The result of a job whose values anybody may have written.

        KeyboardInterrupt and SystemExit pass through.
        """
        try:
            _, parameters = evaluate_point(self.space, self.labels, misc)
        except StoreError as err:
            return failed_result("exception", f"the job was refused: {err}")
        return evaluate(self.trainer, parameters)
