"""Parts of a loss: how much of it is chi2, how much each penalty, how much replicas that are lost.

A loss that is the chi2 of the data left out plus penalties says little while one does not see what
it is made of. Each loss of a fold and of a trial has *parts* by name, whose sum it is:

    chi2 (or 1/phi2, logp, chi2p)   the figure that the loss is made of
    saturation, patience, ...       each penalty by its name, where penalties are added
    dropped                         what replicas that do not count add
    validation, uncovered, unfitted   of n3fit41: the validation loss, what the left-out chi2
                                    exceeds 2 by, and, of a trial, the term for fitted chi2

Replicas that do not count. A replica without an epoch that passed positivity and threshold_chi2 has
its last weights, and one that met a number that is not finite has none. They are left out of the
averages of the fold, but a setup must not win by losing replicas. So the loss of a fold is the
larger of two: that of the usable replicas, and that of all of which there are numbers, those with
their last weights included (which n3fit always counts). A replica without numbers counts as the
worst of the fold, and at least as `kfold.threshold`, the loss with which a fold fails. With
average_best over replicas, and for n3fit41, only the best `reduce_proportion` of those asked for
are looked at, so that the others may be lost without a price.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from n3hyper.hyper_optimization.loss import (
    LossRule,
    best_replicas,
    fold_loss,
    minimised,
    trial_loss,
    unfitted,
)
from n3hyper.physics.arrays import Array, Mask
from n3hyper.physics.objectives import N3FIT41, STATISTICS

DROPPED: Final = "dropped"
"""Part of a loss that replicas add which do not count."""
VALIDATION: Final = "validation"
UNCOVERED: Final = "uncovered"
UNFITTED: Final = "unfitted"
"""Parts of n3fit41."""

Parts = dict[str, float]


@dataclass(frozen=True, eq=False)
class FoldNumbers:
    """Numbers of the replicas of a fold, and figures of their ensembles.

    Parameters
    ----------
    losses
        (R,): chi2 per point of each replica on the data left out.
    penalties
        By name, (R,) each.
    validation
        (R,): validation loss, which chooses the best replicas.
    used, known
        (R,): which replicas count, and which have numbers.
    figure, figure_of_all
        Of the ensemble of those that count, and of all that have numbers; see `fold_loss`.
        NaN where the loss is not made of one.
    """

    losses: Array
    penalties: Mapping[str, Array]
    validation: Array
    used: Mask
    known: Mask
    figure: float = math.nan
    figure_of_all: float = math.nan


@dataclass(frozen=True)
class FoldLoss:
    """Loss of a fold, and its parts."""

    value: float
    """See `n3hyper.hyper_optimization.loss.fold_loss`."""
    parts: Parts
    """Their sum is what the scan minimises of the loss: of phi2 the reciprocal."""


def whole_fold_loss(rule: LossRule, numbers: FoldNumbers) -> FoldLoss:
    """Return the loss of a fold, in which replicas that do not count make nothing better.

    Examples
    --------
    >>> numbers = FoldNumbers(
    ...     losses=np.array([1.0, 2.0, 6.0]), penalties={"patience": np.array([0.5, 0.5, 0.5])},
    ...     validation=np.ones(3), used=np.array([True, True, False]), known=np.ones(3, dtype=bool))
    >>> whole_fold_loss(LossRule("chi2"), numbers)
    FoldLoss(value=3.5, parts={'chi2': 1.5, 'patience': 0.5, 'dropped': 1.5})
    """
    value = _value_of(rule, numbers, numbers.used, numbers.figure)
    target = minimised(rule, value)
    worst = _with_dropped(rule, numbers, target)
    if worst != target:
        value = minimised(rule, worst)
    dropped = worst - target if math.isfinite(target) else 0.0
    return FoldLoss(value, {**_parts_of(rule, numbers), DROPPED: dropped})


def parts_by_fold(
    rule: LossRule, folds: Sequence[FoldLoss], weights: Sequence[float]
) -> dict[str, list[float]]:
    """Return each part of the losses of the folds, weights included, (k,); NaN where one has none.

    Their sum is what the scan minimises of the weight of a fold times its loss.

    Examples
    --------
    >>> folds = [FoldLoss(2.0, {"chi2": 1.5, "dropped": 0.5}), FoldLoss(math.nan, {})]
    >>> parts_by_fold(LossRule("chi2"), folds, [2.0, 1.0])
    {'chi2': [3.0, nan], 'dropped': [1.0, nan]}
    """
    names = next((list(fold.parts) for fold in folds if fold.parts), [])
    scales = [minimised(rule, weight) for weight in weights]
    return {
        name: [
            scale * fold.parts.get(name, math.nan)
            for fold, scale in zip(folds, scales, strict=True)
        ]
        for name in names
    }


def trial_parts(
    rule: LossRule,
    folds: Sequence[Mapping[str, float]],
    weights: Sequence[float],
    fitted: ArrayLike = math.nan,
) -> Parts:
    """Return the parts of what the scan minimises.

    Parameters
    ----------
    folds
        Parts of each fold, see `FoldLoss`, of the same names, their weights not included.
    weights
        (k,): of the folds.
    fitted
        See `trial_loss`.

    Examples
    --------
    >>> folds = [{"chi2": 1.0, "patience": 2.0}, {"chi2": 3.0, "patience": 1.0}]
    >>> trial_parts(LossRule("chi2"), folds, [1.0, 1.0])
    {'chi2': 2.0, 'patience': 1.5}
    >>> trial_parts(LossRule("phi2"), [{"1/phi2": 0.25, "dropped": 0.25}], [1.0])
    {'1/phi2': 0.25, 'dropped': 0.25}
    """
    terms = {name: np.array([fold[name] for fold in folds]) for name in folds[0]}
    if not rule.larger_is_better:
        weighted = {name: values * np.array(weights) for name, values in terms.items()}
        parts = split(rule.fold_statistic, weighted)
        return {**parts, UNFITTED: unfitted(fitted)} if rule.loss_type == N3FIT41 else parts

    def reduced(so_far: Array) -> float:
        return trial_loss(rule, [minimised(rule, target) for target in so_far], weights)

    return _one_after_the_other(reduced, terms)


def split(statistic: str, terms: Mapping[str, Array]) -> Parts:
    """Return the parts of a statistic of a sum of terms (n,), of which each has one.

    An average is the sum of the averages; the largest has the terms of the place where it is
    largest; of any other statistic a term has what it adds to those before it.

    Examples
    --------
    >>> split("best_worst", {"chi2": np.array([1.0, 2.0]), "patience": np.array([3.0, 0.5])})
    {'chi2': 1.0, 'patience': 3.0}
    """
    if statistic in ("average", "average_best"):
        return {name: float(np.mean(values)) for name, values in terms.items()}
    total = sum(terms.values(), np.zeros(1))
    if statistic == "best_worst":
        place = int(np.argmax(total))
        return {name: float(values[place]) for name, values in terms.items()}
    return _one_after_the_other(STATISTICS[statistic], terms)


def _one_after_the_other(reduce: Callable[[Array], float], terms: Mapping[str, Array]) -> Parts:
    """Return what each term (n,) adds to a function of their sum, after those before it."""
    found: Parts = {}
    so_far, before = np.zeros(1), 0.0
    for name, values in terms.items():
        so_far = so_far + values
        after = float(reduce(so_far))
        found[name], before = after - before, after
    return found


def in_words(parts: Mapping[str, float], digits: int = 3) -> str:
    """Return parts as a sum, without those that are zero.

    Examples
    --------
    >>> in_words({"chi2": 1.8, "saturation": 3.21, "integrability": 0.0, "dropped": 0.5})
    'chi2 1.80 + saturation 3.21 + dropped 0.500'
    """
    words = ""
    for name, value in parts.items():
        if value == 0 and words:
            continue
        sign = "" if not words else " - " if value < 0 else " + "
        shown = abs(value) if words else value
        words += f"{sign}{name} {short(shown, digits)}"
    return words


def short(value: float, digits: int = 3) -> str:
    """Return a number with some significant digits, zeros at its end included.

    Examples
    --------
    >>> short(1.8), short(23.44), short(1.3e15), short(0.0), short(312.4)
    ('1.80', '23.4', '1.30e+15', '0', '312')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if places > digits + 2 or abs(value) >= 1e5:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(places, 0)}f}"


def _best(rule: LossRule, numbers: FoldNumbers, which: Mask) -> NDArray[np.intp]:
    return best_replicas(numbers.validation[which], int(which.sum()), rule.reduce_proportion)


def _value_of(
    rule: LossRule, numbers: FoldNumbers, which: Mask, figure: float, penalties: int | None = None
) -> float:
    """Return the loss of the fold by the replicas `which`, with the first so many penalties."""
    return fold_loss(
        rule,
        numbers.losses[which],
        [values[which] for values in numbers.penalties.values()][:penalties],
        _best(rule, numbers, which),
        figure,
        numbers.validation[which],
    )


def _parts_of(rule: LossRule, numbers: FoldNumbers) -> Parts:
    """Return the parts of the loss of the fold by the replicas that count."""
    used, names = numbers.used, list(numbers.penalties)
    if not rule.penalties_in_loss:
        names = []
    if rule.loss_type == "chi2":
        best = rule.replica_statistic == "average_best"
        chosen = _best(rule, numbers, used) if best else np.arange(used.sum())
        terms = {rule.name: numbers.losses, **{name: numbers.penalties[name] for name in names}}
        return split(rule.replica_statistic, {name: v[used][chosen] for name, v in terms.items()})
    found, before = {}, 0.0
    if rule.loss_type == N3FIT41:
        covered = replace(numbers, losses=np.zeros_like(numbers.losses))
        found[VALIDATION] = before = _value_of(rule, covered, used, math.nan, 0)
    first = UNCOVERED if rule.loss_type == N3FIT41 else rule.name
    for count, name in enumerate([first, *names]):
        after = minimised(rule, _value_of(rule, numbers, used, numbers.figure, count))
        found[name], before = after - before, after
    return found


def _with_dropped(rule: LossRule, numbers: FoldNumbers, target: float) -> float:
    """Return what the scan minimises of a fold, with the replicas that do not count.

    Parameters
    ----------
    target
        The same by the replicas that count alone.
    """
    known = numbers.known
    if known.sum() > numbers.used.sum():
        of_all = minimised(rule, _value_of(rule, numbers, known, numbers.figure_of_all))
        if math.isfinite(of_all):
            target = max(target, of_all)
        else:
            known = numbers.used
    share = _missing(rule, known)
    if not share or not math.isfinite(target):
        return target
    worst = max(target, rule.threshold)
    if rule.loss_type == "chi2":
        extra = sum(numbers.penalties.values()) if rule.penalties_in_loss else 0.0
        worst = max(worst, float(np.max((numbers.losses + extra)[known])))
    return (1 - share) * target + share * worst


def _missing(rule: LossRule, known: Mask) -> float:
    """Return the share of replicas without numbers among those that the loss looks at."""
    whole = rule.loss_type == "chi2" and rule.replica_statistic != "average_best"
    proportion = 1.0 if whole else rule.reduce_proportion
    wanted = math.ceil(round(proportion * known.size, 9))
    return max(0, wanted - int(known.sum())) / wanted
