"""NNPDF's vetoes: which replicas of a fit make up the PDF set.

A replica must have an epoch that was accepted (positivity, validation chi2 below its threshold) and
be integrable; its chi2 and each of its arc lengths may lie above the mean of the replicas that pass
by four standard deviations at most. Since outliers make both larger, this is repeated until no
further replica falls (arXiv:1410.8849, section 3.3; arXiv:2109.02653, section 3.1; postfit 4.1.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.physics.arrays import Array, Mask
from n3hyper.physics.bases import FK_FLAVOURS
from n3hyper.physics.distributions import (
    ARC_LENGTH_FLAVOURS,
    INTEGRABILITY_THRESHOLD,
    INTEGRABLE_FLAVOURS,
)
from n3hyper.replicas.replica_fit import ReplicaFit

CONVERGENCE: Final = "Convergence check"
CHI2: Final = "ChiSquared"
TOTAL: Final = "Total"


@dataclass(frozen=True)
class Thresholds:
    """Largest values that a replica may have."""

    chi2: float = 4.0
    """Standard deviations above the mean."""
    arc_length: float = 4.0
    """Standard deviations above the mean."""
    integrability: float = INTEGRABILITY_THRESHOLD
    """Of each integrability number."""


@dataclass(frozen=True, eq=False)
class Vetoes:
    """Who passes what."""

    numbers: tuple[int, ...]
    """Of the replicas that were looked at."""
    passed: Mapping[str, Mask]
    """By postfit's name of the veto, (replicas,); the last one is `TOTAL`."""
    thresholds: Thresholds

    @property
    def chosen(self) -> tuple[int, ...]:
        """The numbers of the replicas that pass all."""
        total = self.passed[TOTAL]
        return tuple(number for number, ok in zip(self.numbers, total, strict=True) if ok)

    def reasons(self) -> dict[int, list[str]]:
        """Return which vetoes each replica fails, in words, of those that fail some.

        For one without an accepted epoch that is all there is to say.
        """
        failed: dict[int, list[str]] = {}
        for place, number in enumerate(self.numbers):
            names = [n for n, mask in self.passed.items() if n != TOTAL and not mask[place]]
            if CONVERGENCE in names:
                names = [CONVERGENCE]
            if names:
                failed[number] = [in_words(name) for name in names]
        return failed

    def record(self) -> dict[str, Any]:
        """Return the content of ``veto_count.json``."""
        return {
            "chi2_threshold": self.thresholds.chi2,
            "arclength_threshold": self.thresholds.arc_length,
            "integrability_threshold": self.thresholds.integrability,
            **{name: mask.tolist() for name, mask in self.passed.items()},
        }


def judge(fits: Sequence[ReplicaFit], thresholds: Thresholds | None = None) -> Vetoes:
    """Judge the replicas of a fit that have files, see `with_files`."""
    limits = Thresholds() if thresholds is None else thresholds
    lengths = np.array([fit.arc_lengths for fit in fits]).reshape(-1, len(ARC_LENGTH_FLAVOURS))
    integrable = np.array([fit.integrability for fit in fits]).reshape(-1, len(INTEGRABLE_FLAVOURS))
    chi2 = np.array([fit.chi2 for fit in fits], dtype=np.float64)
    passed: dict[str, Mask] = {
        CONVERGENCE: np.array([fit.positive for fit in fits], dtype=bool),
        **{
            f"IntegNumber_{place}": column <= limits.integrability
            for place, column in enumerate(integrable.T)
        },
    }
    distributions = {
        CHI2: (chi2, limits.chi2),
        **{
            f"ArcLength_{place}": (length, limits.arc_length)
            for place, length in enumerate(lengths.T)
        },
    }
    total = passed[CONVERGENCE]
    while True:
        for name, (values, sigmas) in distributions.items():
            passed[name] = within(values, total, sigmas)
        remaining = np.all(list(passed.values()), axis=0)
        if remaining.sum() == total.sum():
            break
        total = remaining
    return Vetoes(tuple(fit.number for fit in fits), {**passed, TOTAL: total}, limits)


def in_words(veto: str) -> str:
    """Return what a veto of postfit's name is about.

    >>> in_words("Convergence check"), in_words("ArcLength_1"), in_words("IntegNumber_1")
    ('positivity', 'arc length of g', 'integrability of T3')
    """
    kind, _, place = veto.partition("_")
    if kind == "ArcLength":
        return f"arc length of {FK_FLAVOURS[ARC_LENGTH_FLAVOURS[int(place)]]}"
    if kind == "IntegNumber":
        return f"integrability of {FK_FLAVOURS[INTEGRABLE_FLAVOURS[int(place)]]}"
    return {CONVERGENCE: "positivity", CHI2: "chi2"}[veto]


def within(values: Array, prior: Mask, sigmas: float) -> Mask:
    """Return which values lie at most so many standard deviations above the mean of `prior`.

    >>> within(np.array([1.0, 1.1, 0.9, 5.0]), np.array([True, True, True, False]), 4.0)
    array([ True,  True,  True, False])
    """
    if prior.sum() <= 1:
        return prior
    passing = values[prior]
    near: Mask = (values - passing.mean()) <= sigmas * passing.std()
    return near


def with_files(fits: Sequence[ReplicaFit]) -> list[ReplicaFit]:
    """Return the replicas that are written to the folder: those whose numbers are finite."""
    return [fit for fit in fits if fit.failure != "nan"]
