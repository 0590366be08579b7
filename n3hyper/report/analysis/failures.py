"""Failures of a scan: grouped by what decided them, counted, and with advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

ADVICE: Final = {
    "threshold": "a larger kfold.threshold, or ranges of hyperparameters that fit better",
    "threshold integrability": "smallx below 1 for v, v3, v8, t3 and t8 in fitting.basis, or "
    "integrability sets (integrability.integdatasets)",
    "threshold saturation": "smallx above 1 for sng and g in fitting.basis, or fewer epochs: a "
    "network that is flat at small x has saturated",
    "threshold patience": "more epochs, or a stopping_patience that lets the best epoch come later",
    "threshold dropped": "see why replicas do not count, or replica_statistic: average_best, which "
    "looks at the best of them alone",
    "threshold_chi2": "a larger parameters.threshold_chi2, more epochs, or a larger learning rate",
    "positivity": "a larger positivity.initial or multiplier, more epochs, or a narrower smallx of "
    "the flavours of that set",
    "nan": "a smaller learning rate, or a smaller clipnorm",
    "replicas": "more replicas (-r)",
    "setup": "ranges in hyperscan_config that describe networks",
    "memory": "--memory, fewer replicas, or smaller networks",
    "timeout": "a longer --timeout, or fewer epochs",
    "lost": "see the log of the worker; --lease where hosts are slow to answer",
    "exception": "an error of n3hyper: please report it with the traceback that its record has",
}
"""What may help, by reason, and by reason and quantity."""


@dataclass(frozen=True)
class FailureGroup:
    """Trials that failed alike."""

    reason: str
    quantity: str
    """What decided, such as ``integrability``; empty where it is not known."""
    key: str
    """Key of the runcard that sets its limit; empty where there is none."""
    count: int
    tids: tuple[int, ...]
    text: str
    """What the last of them says."""

    @property
    def label(self) -> str:
        """Reason and quantity in a few words.

        >>> FailureGroup("threshold", "integrability", "", 2, (1, 2), "").label
        'threshold: integrability'
        """
        plain = self.quantity in ("", self.reason, "validation chi2", "training")
        return self.reason if plain else f"{self.reason}: {self.quantity}"

    @property
    def advice(self) -> str:
        """Return advice on the failure; empty where none is known."""
        return advice(self.reason, self.quantity)


def advice(reason: str, quantity: str = "") -> str:
    """Return what may help against failures; empty where nothing is known.

    >>> advice("threshold", "saturation").split(":")[0]
    'smallx above 1 for sng and g in fitting.basis, or fewer epochs'
    >>> advice("unknown")
    ''
    """
    return ADVICE.get(f"{reason} {quantity}") or ADVICE.get(reason, "")


@dataclass(frozen=True)
class Failed:
    """Failed trial, as it is grouped."""

    tid: int
    reason: str
    quantity: str = ""
    key: str = ""
    text: str = ""


def failure_groups(failed: Iterable[Failed]) -> tuple[FailureGroup, ...]:
    """Return failed trials in groups of one reason and quantity, the largest first.

    Examples
    --------
    >>> groups = failure_groups([Failed(0, "nan"), Failed(3, "nan"),
    ...                          Failed(5, "threshold", "dropped", text="fold 1: ...")])
    >>> [(group.label, group.count, group.tids) for group in groups]
    [('nan', 2, (0, 3)), ('threshold: dropped', 1, (5,))]
    """
    failed = list(failed)
    counts = Counter((each.reason, each.quantity) for each in failed)
    found = []
    for (reason, quantity), count in counts.most_common():
        members = [each for each in failed if (each.reason, each.quantity) == (reason, quantity)]
        found.append(
            FailureGroup(
                reason=reason,
                quantity=quantity,
                key=next((each.key for each in members if each.key), ""),
                count=count,
                tids=tuple(each.tid for each in members),
                text=members[-1].text,
            )
        )
    return tuple(found)
