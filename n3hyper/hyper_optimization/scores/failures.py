"""Failures of trials: which quantity decided, its value, its limit, and the key that sets it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from n3hyper.hyper_optimization.loss import COVERED, LossRule
from n3hyper.hyper_optimization.scores.loss_parts import (
    DROPPED,
    UNCOVERED,
    VALIDATION,
    in_words,
    short,
)
from n3hyper.physics.arrays import Mask

THRESHOLD_KEY: Final = "kfold.threshold"


@dataclass(frozen=True)
class Failure:
    """Failure of a trial in one of its folds.

    Parameters
    ----------
    reason
        One of `n3hyper.hyper_optimization.record.REASONS`.
    text
        A sentence that says it all.
    quantity
        What decided, such as ``integrability`` or ``validation chi2``.
    value, limit
        Of the quantity; None where there is no such number.
    key
        The key of the runcard that sets the limit.
    fold
        From 1; 0 where it is not a matter of one.
    """

    reason: str
    text: str
    quantity: str = ""
    value: float | None = None
    limit: float | None = None
    key: str = ""
    fold: int = 0

    def in_fold(self, number: int) -> Failure:
        """Return the same failure of the fold `number`, which its text begins with."""
        return Failure(
            self.reason,
            f"fold {number}: {self.text}",
            self.quantity,
            self.value,
            self.limit,
            self.key,
            number,
        )

    def details(self) -> dict[str, Any]:
        """Return what the record has beside reason and text, as far as it is known.

        >>> Failure("threshold", "...", "chi2", 23.4, 20.0, "kfold.threshold", 1).details()
        {'quantity': 'chi2', 'value': 23.4, 'limit': 20.0, 'key': 'kfold.threshold', 'fold': 1}
        """
        known = {
            "quantity": self.quantity,
            "value": self.value,
            "limit": self.limit,
            "key": self.key,
            "fold": self.fold,
        }
        return {name: value for name, value in known.items() if value not in (None, "", 0)}


def fold_failure(
    rule: LossRule, parts: Mapping[str, float], figures: Mapping[str, float]
) -> Failure | None:
    """Return the failure of a fold by its loss, or None.

    Parameters
    ----------
    parts
        Of its loss, see `n3hyper.hyper_optimization.scores.loss_parts.FoldLoss`.
    figures
        Of the ensemble, by name, which must be numbers whichever the loss is made of.

    Examples
    --------
    >>> parts = {"chi2": 1.15, "saturation": 2.0, "integrability": 1.3e15, "dropped": 0.0}
    >>> failure = fold_failure(LossRule(threshold=20.0), parts, {"chi2": 1.1})
    >>> failure.reason, failure.quantity, failure.key
    ('threshold', 'integrability', 'kfold.threshold')
    >>> print(failure.text)
    the penalty integrability is 1.30e+15: it takes the loss to 1.30e+15, above kfold.threshold 20 \
(chi2 1.15 + saturation 2.00 + integrability 1.30e+15)
    """
    target = sum(parts.values())
    if not math.isfinite(target):
        culprit = next((n for n, part in parts.items() if not math.isfinite(part)), rule.name)
        return Failure("nan", f"{culprit} in the loss is {parts.get(culprit, target)}", culprit)
    for name, figure in figures.items():
        if not math.isfinite(figure):
            return Failure("nan", f"{name} of the ensemble of replicas is {figure}", name)
    return _above(rule, parts, target) if target > rule.threshold else None


def too_small(rule: LossRule, used: Mask) -> Failure | None:
    """Return the failure of a fold whose loss is a spread of replicas, of which there are too few.

    Parameters
    ----------
    used
        (R,): which replicas count.
    """
    count = int(used.sum())
    of_replicas = not rule.kind.figure and rule.replica_statistic == "std"
    if count > 1 or not (of_replicas or rule.loss_type == "phi2"):
        return None
    what, key = (rule.loss_type, "kfold.loss_type")
    if of_replicas:
        what, key = "std over replicas", "kfold.replica_statistic"
    text = f"{what} needs 2 usable replicas, and {count} of {used.size} is ({key}, -r)"
    return Failure("replicas", text, "usable replicas", count, 2, key)


def _above(rule: LossRule, parts: Mapping[str, float], target: float) -> Failure:
    """Return the failure of a fold whose loss is above the threshold, by its largest part."""
    decides = max(parts, key=lambda name: parts[name])
    value = parts[decides]
    limit = f"above {THRESHOLD_KEY} {rule.threshold:g}"
    takes = f"takes the loss to {short(target)}, {limit} ({in_words(parts)})"
    if decides == rule.name:
        what = f"{decides} of the data left out is {short(value)}"
        text = f"{what}: it {takes}" if value != target else f"{what}, {limit}"
    elif decides == VALIDATION:
        text = f"the validation chi2 is {short(value)}: it {takes}"
    elif decides == UNCOVERED:
        text = f"chi2 of the data left out is {short(value)} above {COVERED:g}: it {takes}"
    elif decides == DROPPED:
        text = f"replicas that do not count add {short(value)}, which {takes}"
    else:
        text = f"the penalty {decides} is {short(value)}: it {takes}"
    return Failure("threshold", text, decides, value, rule.threshold, THRESHOLD_KEY)
