"""Preparation of a report: from the request to what is shown."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3hyper.report.analysis import summary
from n3hyper.report.analysis.view import View
from n3hyper.report.errors import ReportError
from n3hyper.report.trials import rescoring
from n3hyper.report.trials.autofilter import autofilter
from n3hyper.report.trials.filters import apply_filters, resolve
from n3hyper.report.trials.scan import Scan, load_scan

Database = tuple[str, Sequence[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class Request:
    """Request for a report; its fields are named after the options of ``n3hyper report``."""

    paths: tuple[Path, ...] = ()
    databases: tuple[Database, ...] = ()
    """Scans that lie in a database: name, records, runcard."""
    combine: bool = False
    thermalization: int = 0
    filters: tuple[str, ...] = ()
    autofilter: tuple[str, ...] = ()
    include_failures: bool = False
    threshold: float | None = None
    chi2_threshold: float = summary.CHI2_THRESHOLD
    chi2exp_threshold: float = summary.CHI2EXP_THRESHOLD
    loss: str | None = None
    fold_statistic: str | None = None
    replica_statistic: str | None = None
    penalties: bool | None = None
    val_multiplier: float = 0.0
    top: int = 10
    sort: str = "loss"
    title: str = ""
    author: str = ""
    keywords: tuple[str, ...] = ()
    command: str = ""

    @property
    def rescored(self) -> bool:
        """Return whether losses are computed again."""
        given = (self.loss, self.fold_statistic, self.replica_statistic, self.penalties)
        return any(value is not None for value in given)


def prepare(request: Request) -> View:
    """Read, score and select trials.

    Selections are applied in this order: thermalisation, new scores, threshold, conditions,
    autofilter. Failed trials are left out of tables and files unless they are asked for; they are
    counted in any case.

    Raises
    ------
    ReportError
        There are no such trials, or none that the selections leave.
    """
    scan = load_scan(request.paths, request.combine, request.databases)
    scan = without_first(scan, request.thermalization)
    settings = _settings(request, scan)
    scan = scan.with_trials(scan.trials, parts_of=functools.partial(rescoring.parts_of, settings))
    if request.rescored:
        if not scan.runcard:
            scan = scan.with_notes("no runcard beside the trials: folds have the same weight")
        scan = rescoring.rescore(scan, settings)
    if request.val_multiplier:
        scan = rescoring.mix_validation(scan, request.val_multiplier)
    if request.threshold is not None:
        scan = rescoring.apply_threshold(scan, request.threshold)
    scan = apply_filters(scan, request.filters)
    if request.autofilter:
        scan = autofilter(scan, request.autofilter)
    sort = request.sort.removeprefix("-")
    return View(
        scan=scan,
        settings=settings,
        rescored=request.rescored,
        top=request.top,
        sort=("-" if request.sort.startswith("-") else "") + resolve(sort, scan),
        chi2_below=request.chi2_threshold,
        chi2exp_below=request.chi2exp_threshold,
        thermalization=request.thermalization,
        include_failures=request.include_failures,
        title=request.title,
        author=request.author,
        keywords=request.keywords,
        command=request.command,
    )


def _settings(request: Request, scan: Scan) -> rescoring.Settings:
    """Return the settings of the runcard, replaced by those of the request."""
    ours = scan.trials[0].ours
    asked = {
        "loss_type": request.loss,
        "fold_statistic": request.fold_statistic,
        "replica_statistic": request.replica_statistic,
        "penalties_in_loss": request.penalties,
    }
    kfold = scan.runcard.get("kfold")
    given = dict(kfold) if isinstance(kfold, Mapping) else {}
    changed = {**given, **{key: value for key, value in asked.items() if value is not None}}
    settings = rescoring.settings_of({**scan.runcard, "kfold": changed}, ours)
    if not settings.kind.figure:
        return settings
    # chi2, phi2 and logp of the ensemble are stored for the replicas that the scan chose
    before = rescoring.settings_of(scan.runcard, ours)
    return dataclasses.replace(settings, reduce_proportion=before.reduce_proportion)


def without_first(scan: Scan, count: int) -> Scan:
    """Return the scan without the first `count` trials of each file, which were drawn before TPE
    had learnt anything.
    """
    if not count:
        return scan
    seen: dict[int, int] = {}
    kept = []
    for trial in scan.trials:
        seen[trial.scan] = seen.get(trial.scan, 0) + 1
        if seen[trial.scan] > count:
            kept.append(trial)
    if not kept:
        raise ReportError(f"--thermalization {count}: there are only {len(scan)} trials")
    return scan.with_trials(kept)
