"""Contents of the report of a fit: the fit, the set it is compared with, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.report.errors import ReportError
from n3hyper.report.pdfs import distances
from n3hyper.report.pdfs.fit import Fit, Replica, read_fit
from n3hyper.report.pdfs.partons import SHOWN
from n3hyper.report.pdfs.pdfset import LHAPDFSet, PDFs, X, named_set, read_set
from n3hyper.report.trials.sources import is_fit

SCALES: Final = (1.65, 10.0, 100.0)
"""GeV, where evolved PDFs are shown."""
TABLE_X: Final = (1e-3, 1e-2, 0.1, 0.3)
DATA_REGION: Final = (1e-4, 0.7)
"""Where x of most data lie."""


@dataclass(frozen=True)
class SetupRow:
    """Record of the replicas of one setup."""

    number: int
    fitted: int
    passed: int
    chi2: float
    """Mean of those that passed."""
    validation: float
    setup: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class FitView:
    """Fit, and another set beside it."""

    fit: Fit
    other: Fit | LHAPDFSet | None = None
    title: str = ""
    author: str = ""
    keywords: tuple[str, ...] = ()
    command: str = ""

    @property
    def heading(self) -> str:
        """Title of the report."""
        return self.title or f"Fit {self.fit.name}"

    @property
    def counts(self) -> str:
        """Number of replicas, in words."""
        fit = self.fit
        total, good = len(fit.replicas), len(fit.chosen)
        what = "passed the vetoes" if fit.vetoed else "with PDFs, no vetoes applied"
        setups = f", {len(fit.setups)} setups" if len(fit.setups) > 1 else ""
        theory = f", theory {fit.theory}" if fit.theory else ""
        return f"{good} replicas of {max(total, good)} {what}{setups}{theory}"

    @cached_property
    def reasons(self) -> dict[str, int]:
        """Number of replicas that failed for each reason, the most frequent first."""
        counts: dict[str, int] = {}
        for replica in self.fit.replicas:
            if replica.failure:
                for reason in replica.failure.split(", "):
                    counts[reason] = counts.get(reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    # ------------------------------------------------------------ PDFs
    @cached_property
    def scales(self) -> tuple[float, ...]:
        """Scales in GeV at which the fit has PDFs, Q0 first."""
        q0, evolved = self.fit.pdfs.q, self.fit.evolved
        if evolved is None:
            return (q0,)
        return (q0, *(q for q in SCALES if abs(q / q0 - 1) > 1e-6 and evolved.covers(q)))

    def pdfs(self, q: float) -> PDFs:
        """Return the PDFs of the fit at one of `scales`."""
        return self._cached(self.fit, q)

    def compared(self, q: float) -> PDFs | None:
        """Return the other PDFs at a scale, or None where there are none."""
        other = self.other
        if other is None:
            return None
        if isinstance(other, Fit):
            if abs(other.pdfs.q / q - 1) > 1e-6 and (
                other.evolved is None or not other.evolved.covers(q)
            ):
                return None
        elif not other.covers(q):
            return None
        return self._cached(other, q)

    @cached_property
    def _known(self) -> dict[tuple[int, float], PDFs]:
        return {}

    def _cached(self, source: Fit | LHAPDFSet, q: float) -> PDFs:
        key = (id(source), q)
        if key not in self._known:
            self._known[key] = _at(source, q)
        return self._known[key]

    def distances(self, q: float) -> tuple[Array, Array] | None:
        """Return distances of means and of sigmas, (combinations, len(X)) each; None if one of the
        two sets has too few replicas.
        """
        other = self.compared(q)
        if other is None:
            return None
        both = (self.pdfs(q), other)
        if not all(pdf_set.are_replicas and len(pdf_set.members) > 3 for pdf_set in both):
            return None
        return distances.of_means(*both), distances.of_sigmas(*both)

    # ------------------------------------------------------------ the ensemble
    @cached_property
    def setups(self) -> list[SetupRow]:
        """Setups of the ensemble, and what became of their replicas."""
        if len(self.fit.setups) < 2:
            return []
        members = {replica.number for replica in self.fit.members}
        rows = []
        for place, setup in enumerate(self.fit.setups):
            mine = [replica for replica in self.fit.replicas if replica.setup == place]
            good = [replica for replica in mine if replica.number in members]
            rows.append(
                SetupRow(place, len(mine), len(good), _mean(good, "chi2"),
                         _mean(good, "validation"), setup)
            )  # fmt: skip
        return rows

    @cached_property
    def setup_groups(self) -> dict[int, list[int]]:
        """Places in the set of the replicas of each setup that has at least two."""
        setups = self.fit.setups_of_members()
        groups = {
            int(setup): np.flatnonzero(setups == setup).tolist() for setup in np.unique(setups)
        }
        return {setup: places for setup, places in groups.items() if setup >= 0 and len(places) > 1}

    @cached_property
    def between_setups(self) -> tuple[Array, float] | None:
        """Share of the replicas' variance that lies between setups, and the share expected by
        chance.

        Returns
        -------
        tuple or None
            (combinations, len(X)), and (setups - 1) / (replicas - 1): the mean share where the
            setup does not matter. None where there are fewer than two setups.
        """
        groups = list(self.setup_groups.values())
        if len(groups) < 2:
            return None
        values = self.fit.pdfs.members[np.concatenate(groups)]
        mean = values.mean(axis=0)
        total = ((values - mean) ** 2).sum(axis=0)
        means = [self.fit.pdfs.members[group].mean(axis=0) for group in groups]
        between = sum(
            len(group) * (mean_of_group - mean) ** 2
            for group, mean_of_group in zip(groups, means, strict=True)
        )
        share = np.divide(between, total, out=np.zeros_like(total), where=total > 0)
        return share, (len(groups) - 1) / (len(values) - 1)

    @cached_property
    def table(self) -> list[tuple[str, list[tuple[float, float]]]]:
        """Mean and standard deviation of x f at Q0 at `TABLE_X`, by combination."""
        pdfs = self.fit.pdfs
        return [
            (
                combination.name,
                [
                    (float(np.interp(x, X, pdfs.central[place])),
                     float(np.interp(x, X, pdfs.sigma[place])))
                    for x in TABLE_X
                ],
            )
            for place, combination in enumerate(SHOWN)
        ]  # fmt: skip


def _mean(replicas: Sequence[Replica], name: str) -> float:
    values = [getattr(replica, name) for replica in replicas]
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _at(source: Fit | LHAPDFSet, q: float) -> PDFs:
    if isinstance(source, LHAPDFSet):
        return source.at(q)
    if abs(source.pdfs.q / q - 1) < 1e-6:
        return source.pdfs
    evolved = source.evolved
    assert evolved is not None  # `scales` and `compared` ask only where there is one
    return evolved.at(q, source.name)


def view_fit(folder: Path, compare: str | None = None, **words: Any) -> FitView:
    """Return the view of a fit.

    Parameters
    ----------
    compare
        The folder of another fit or of an LHAPDF set, or the name of a set.
    words
        Title, author, keywords and command, for the page.

    Raises
    ------
    ReportError
        If one of the two cannot be read.
    """
    fit = read_fit(folder)
    return FitView(fit, None if compare is None else _other(compare), **words)


def _other(named: str) -> Fit | LHAPDFSet:
    path = Path(named)
    if is_fit(path):
        return read_fit(path)
    if path.is_dir():
        if (path / f"{path.resolve().name}.info").is_file():
            return read_set(path.resolve())
        raise ReportError(f"{named}: neither the folder of a fit nor that of an LHAPDF set")
    return named_set(named)
