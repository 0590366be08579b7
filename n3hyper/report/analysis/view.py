"""Contents of a report, computed once for the terminal, the page and the files."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from n3hyper.hyper_optimization.scores.loss_parts import in_words
from n3hyper.physics.arrays import Array
from n3hyper.report.analysis import ranges, summary
from n3hyper.report.analysis.failures import Failed, FailureGroup, failure_groups
from n3hyper.report.analysis.importance import Importances, importances
from n3hyper.report.analysis.parts import (
    FoldParts,
    LossParts,
    fold_parts,
    loss_parts,
    replica_shares,
)
from n3hyper.report.text import number, show, show_number, span
from n3hyper.report.trials.columns import PART, SCORES
from n3hyper.report.trials.rescoring import Settings, explained
from n3hyper.report.trials.scan import Scan
from n3hyper.report.trials.trial import Trial

TABLE_SCORES: Final = (
    "loss",
    "validation_loss",
    "experimental_loss",
    "hyper_loss_chi2",
    "hyper_loss_phi2",
    "hyper_loss_logp",
    "trvl_loss_chi2exp",
)
"""Scores in tables of trials, those first that are looked at first."""


MOST_REPLICAS: Final = 4
"""Replicas that are named where some do not count."""
_DERIVED: Final = {
    "activation": "activation_per_layer",
    "mean_width": "nodes_per_layer",
    "number_of_layers": "nodes_per_layer",
}
"""Columns that say no more than another one, where that is there."""


@dataclass(frozen=True, eq=False)
class View:
    """Scan together with the choices of its reader."""

    scan: Scan
    settings: Settings
    rescored: bool = False
    """Whether the losses are not those of the record."""
    top: int = 10
    sort: str = "loss"
    chi2_below: float = summary.CHI2_THRESHOLD
    chi2exp_below: float = summary.CHI2EXP_THRESHOLD
    thermalization: int = 0
    """How many of the first trials were left out."""
    include_failures: bool = False
    """Whether tables and files hold the trials without a loss as well."""
    title: str = ""
    author: str = ""
    keywords: tuple[str, ...] = ()
    command: str = field(default="")
    """The command line that made the report."""

    @property
    def heading(self) -> str:
        """The title, or the name of the scan."""
        return self.title or f"Scan {self.scan.name}"

    @functools.cached_property
    def times(self) -> summary.Times:
        return summary.times(self.scan)

    @functools.cached_property
    def convergence(self) -> summary.Convergence:
        return summary.convergence(self.scan)

    @functools.cached_property
    def folds(self) -> tuple[summary.FoldSummary, ...]:
        return summary.folds(self.scan, self.settings, self.rescored)

    @functools.cached_property
    def deciding_fold(self) -> summary.FoldSummary | None:
        """The fold with the largest loss in most trials."""
        return max(self.folds, key=lambda fold: fold.decides, default=None)

    @functools.cached_property
    def loss_parts(self) -> LossParts:
        """The parts of the losses of all trials."""
        return loss_parts(self.scan)

    @functools.cached_property
    def best_fold_parts(self) -> FoldParts | None:
        """The parts of the loss of the best trial, fold by fold; None if no trial has a loss."""
        best = self.scan.best
        return None if best is None else fold_parts(best, self.settings, self.rescored)

    @functools.cached_property
    def replica_shares(self) -> Array:
        """Return the share of the trials in which each replica counts, (k, R)."""
        return replica_shares(self.scan)

    @property
    def replica_words(self) -> str:
        """Return which replicas do not always count, the rarest first, in words."""
        shares = self.replica_shares
        if not shares.size:
            return ""
        rare = sorted((shares[fold, r], fold, r) for fold, r in np.argwhere(shares < 1))
        if not rare:
            return "all replicas count in all trials"
        shown = ", ".join(
            f"replica {replica + 1} of fold {fold + 1} in {100 * share:.0f}%"
            for share, fold, replica in rare[:MOST_REPLICAS]
        )
        more = f", and {len(rare) - MOST_REPLICAS} more not in all" if rare[MOST_REPLICAS:] else ""
        return f"not all replicas count in all trials: {shown}{more}"

    @property
    def best_parts(self) -> str:
        """Return the parts of the lowest loss in words; empty if they are not known."""
        best = self.scan.best
        return "" if best is None else in_words(self.scan.parts_of(best))

    @functools.cached_property
    def failure_groups(self) -> tuple[FailureGroup, ...]:
        """The failed trials, in groups of what decided."""
        failed = [explained(t, self.settings) for t in self.scan.trials if not t.ok]
        return failure_groups(
            Failed(trial.tid, trial.reason, trial.quantity, trial.key, trial.failure)
            for trial in failed
        )

    @functools.cached_property
    def importances(self) -> Importances | None:
        return importances(self.scan)

    @functools.cached_property
    def comparison(self) -> list[ranges.Choices | ranges.Range]:
        return ranges.compare(self.scan) if self.scan.good else []

    @functools.cached_property
    def top_trials(self) -> tuple[Trial, ...]:
        """The trials of the top table."""
        return summary.top(self.listed, self.sort, self.top)

    @functools.cached_property
    def listed(self) -> Scan:
        """The scan with the trials that tables and files hold."""
        return self.scan if self.include_failures else self.scan.with_trials(self.scan.good)

    @property
    def loss_words(self) -> str:
        """Definition of the loss, in words."""
        scan = self.scan
        if scan.loss_name != "loss":
            return scan.loss_name
        ours = bool(scan.trials) and scan.trials[0].ours
        return self.settings.in_words if ours and scan.runcard else "as the scan had it"

    @property
    def counts(self) -> str:
        """Number of trials, in words."""
        scan = self.scan
        failed = sum(scan.failures.values())
        words = f"{len(scan)} trials: {len(scan.good)} ok, {failed} failed"
        if failed:
            groups = self.failure_groups[:6]
            reasons = ", ".join(f"{group.count} {group.label}" for group in groups)
            words += f" ({reasons})"
        return words

    @property
    def time_words(self) -> str:
        """Duration in words; empty if it is not known."""
        times = self.times
        parts = []
        if span(times.spent):
            parts.append(f"{span(times.spent)} of fits")
        if span(times.busy) and abs(times.busy - times.spent) > 60:
            parts.append(f"in {span(times.busy)}")
        if show_number(times.per_hour):
            parts.append(f"{show_number(times.per_hour, 3)} trials an hour")
        return ", ".join(parts)

    @property
    def best_setup(self) -> list[tuple[str, str, bool]]:
        """Name, value and whether it was scanned, for each hyperparameter of the best trial."""
        best = self.scan.best
        if best is None:
            return []
        scanned = set(self.scan.scanned)
        if "stopping_patience" in scanned or "epochs" in scanned:
            scanned.add("stopping_epochs")
        return [
            (name, cell(name, value), name in scanned)
            for name in self.scan.parameters
            if best.values.get(_DERIVED.get(name, "")) is None
            and (value := best.values.get(name)) is not None
        ]


def cell(name: str, value: Any) -> str:
    """Return a value of a column as text."""
    if name == "seconds":
        return span(number(value))
    if name == "stopping_epochs" and isinstance(value, float):
        return f"{value:.0f}"
    if name == "mean_width" and isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, float) and name not in SCORES and not name.startswith(PART):
        return f"{value:.4g}"
    return show(value)
