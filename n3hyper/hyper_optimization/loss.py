"""The loss of a trial: pure functions from the numbers of folds and replicas to one.

A scan makes its losses with them (`n3hyper.hyper_optimization.scores.scoring`), the report scores
stored trials again with them, and `n3hyper.hyper_optimization.rewards.HyperLoss` has n3fit's names
for them. k folds, R replicas:

    best_replicas   which of a fold's replicas make the ensemble
    fold_loss       the loss of a fold, from its replicas and from the figure of their ensemble
    trial_loss      the number that the scan minimises, from the losses of the folds

The names of losses and statistics, and what belongs to each, are those of
`n3hyper.physics.objectives`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from n3hyper.errors import RuncardError, nearest
from n3hyper.physics.arrays import Array, Mask
from n3hyper.physics.objectives import LOSS_TYPES, N3FIT41, STATISTICS, LossType

THRESHOLD: Final = 50.0
"""Loss of a fold above which a trial fails, where a runcard does not say."""
MIN_USABLE: Final = 0.5
"""Fraction of the replicas of a fold that must be usable."""
COVERED: Final = 2.0
"""chi2 of left-out data that n3fit 4.1 asks of the best replicas, and no less."""
FITTED: Final = 1.2
"""chi2 of fitted data above which n3fit 4.1 takes a setup for one that does not fit."""
FITTED_WEIGHT: Final = 100.0
"""What n3fit 4.1 multiplies the excess over `FITTED` with."""


@dataclass(frozen=True)
class LossRule:
    """Rule by which the loss of a trial is made, with the keys of a runcard's ``kfold``.

    Parameters
    ----------
    loss_type
        One of `LOSS_TYPES`.
    replica_statistic, fold_statistic
        Of `STATISTICS`.
    penalties_in_loss
        Whether penalties are added, or only recorded.
    reduce_proportion
        Fraction of the replicas, the best by validation loss, that make the ensemble.
    threshold
        Of the loss of a fold; a trial with a larger one fails.

    Raises
    ------
    RuncardError
        A name that is not known, or a proportion outside (0, 1].
    """

    loss_type: str = "chi2"
    replica_statistic: str = "average"
    fold_statistic: str = "average"
    penalties_in_loss: bool = True
    reduce_proportion: float = 1.0
    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        _check(self.loss_type, LOSS_TYPES, "kfold.loss_type")
        _check(self.replica_statistic, STATISTICS, "kfold.replica_statistic")
        _check(self.fold_statistic, STATISTICS, "kfold.fold_statistic")
        if not 0 < self.reduce_proportion <= 1:
            raise RuncardError(
                "not a proportion",
                key="kfold.reduce_proportion",
                value=self.reduce_proportion,
                hint="it lies above 0 and up to 1",
            )

    @property
    def kind(self) -> LossType:
        """Return what belongs to the name of the loss."""
        return LOSS_TYPES[self.loss_type]

    @property
    def larger_is_better(self) -> bool:
        """Return whether the scan minimises the reciprocal of the losses.

        A good setup leaves PDFs undetermined where data are left out: phi2 is to be large.
        """
        return self.kind.larger_is_better

    @property
    def name(self) -> str:
        """Return the name of what the scan minimises.

        >>> LossRule("phi2").name, LossRule("chi2").name
        ('1/phi2', 'chi2')
        """
        return f"1/{self.loss_type}" if self.larger_is_better else self.loss_type


def _check(name: str, known: Collection[str], key: str) -> None:
    if name not in known:
        raise RuncardError("unknown name", key=key, value=name, hint=nearest(name, known))


def reciprocal(value: float) -> float:
    """Return 1 / value, infinity for zero."""
    return 1.0 / value if value else math.inf


def minimised(rule: LossRule, value: float) -> float:
    """Return what the scan minimises of a loss.

    >>> minimised(LossRule("phi2"), 4.0), minimised(LossRule("chi2"), 4.0)
    (0.25, 4.0)
    """
    return reciprocal(value) if rule.larger_is_better else value


def best_replicas(
    validation_loss: ArrayLike | None, replicas: int, proportion: float
) -> NDArray[np.intp]:
    """Return the indices of the replicas that make the ensemble, in ascending order.

    The best ceil(proportion R) by validation loss; all where no validation loss is known.

    Parameters
    ----------
    validation_loss
        (R,)

    Examples
    --------
    >>> best_replicas([4.0, 1.0, 3.0, 2.0], 4, 0.5)
    array([1, 3])
    """
    if validation_loss is None or not np.isfinite(validation_loss).any():
        return np.arange(replicas)
    order = np.argsort(np.asarray(validation_loss), kind="stable")
    # round() keeps 0.7 * 10 = 7.000000000000001 from being 8 replicas
    count = math.ceil(round(proportion * replicas, 9))
    return np.sort(order[:count])


def enough(used: Mask) -> bool:
    """Return whether so many replicas (R,) of a fold can be used that it counts."""
    return bool(used.any() and used.mean() >= MIN_USABLE)


def fold_loss(
    rule: LossRule,
    losses: Array,
    penalties: Sequence[Array],
    best: NDArray[np.intp],
    figure: float = math.nan,
    validation: ArrayLike | None = None,
) -> float:
    """Return the loss of one fold (but for phi2, the smaller the better).

    Penalties are added where `penalties_in_loss` says so:

    chi2
        the replica statistic of (chi2 + sum of penalties), of the best replicas for average_best;
    logp, chi2p
        that of the ensemble plus the mean of the sum of penalties of its replicas;
    phi2
        that of the ensemble; penalties make its reciprocal, which is minimised, larger by the same
        mean;
    n3fit41
        the replica statistic of the validation losses of the best replicas, plus what that of the
        best other share of (chi2 + sum of penalties) exceeds 2 by.

    Parameters
    ----------
    losses
        (R,): chi2 per point of each replica on the data left out.
    penalties
        (R,) each.
    best
        See `best_replicas`.
    figure
        Of the ensemble, see `LossType.figure`.
    validation
        (R,): validation losses, of which n3fit41 is made; without them it is NaN.
    """
    extra = sum(penalties if rule.penalties_in_loss else (), np.zeros_like(losses))
    statistic = STATISTICS[rule.replica_statistic]
    if rule.loss_type == N3FIT41:
        return _n3fit41(rule, losses + extra, best, validation)
    if not rule.kind.figure:
        chosen = best if rule.replica_statistic == "average_best" else np.arange(losses.size)
        return float(statistic((losses + extra)[chosen]))
    mean = float(extra[best].mean())
    if not rule.larger_is_better or not mean:
        return figure + mean
    return reciprocal(reciprocal(figure) + mean)


def _n3fit41(
    rule: LossRule, losses: Array, best: NDArray[np.intp], validation: ArrayLike | None
) -> float:
    """The loss of a fold that n3fit 4.1.5 calls chi2 (``HyperLoss.compute_loss``).

    Most replicas are to be good fits, and a few of them are to cover what the fold leaves out.
    """
    if validation is None:
        return math.nan
    # in n3fit's arithmetic, by which 15 % of 20 replicas are 4
    share = math.ceil((1.0 - rule.reduce_proportion) * losses.size)
    covering = np.sort(losses)[: max(share, 1)]
    statistic = STATISTICS[rule.replica_statistic]
    fitted = statistic(np.asarray(validation, dtype=np.float64)[best])
    return float(fitted + np.maximum(statistic(covering) - COVERED, 0.0))


def trial_loss(
    rule: LossRule, folds: ArrayLike, weights: ArrayLike = 1.0, fitted: ArrayLike = math.nan
) -> float:
    """Return the number that the scan minimises.

    Parameters
    ----------
    folds
        (k,): see `fold_loss`.
    weights
        (k,): of the folds.
    fitted
        (k,): chi2 of the data that each fold fits, of the mean over its replicas; n3fit41 adds
        `unfitted` of them.

    Examples
    --------
    >>> trial_loss(LossRule("phi2", fold_statistic="best_worst"), [1.0, 4.0])
    0.25
    >>> trial_loss(LossRule("n3fit41"), [1.0, 2.0], fitted=[1.0, 1.1])
    1.5
    """
    weighted = np.asarray(folds, dtype=np.float64) * np.asarray(weights, dtype=np.float64)
    loss = minimised(rule, float(STATISTICS[rule.fold_statistic](weighted)))
    return loss + unfitted(fitted) if rule.loss_type == N3FIT41 else loss


def unfitted(fitted: ArrayLike) -> float:
    """Return n3fit 4.1's term for a setup that does not describe what it fits.

    100 times what the mean over the folds exceeds 1.2 by. (n3fit's ``LossHyperopt`` is an elu, and
    lies up to 1e-8 below zero where there is no excess.)

    Parameters
    ----------
    fitted
        (k,): chi2 per point.

    Examples
    --------
    >>> unfitted([1.0, 1.1]), round(unfitted([1.2, 1.4]), 9)
    (0.0, 10.0)
    """
    excess = np.mean(np.asarray(fitted, dtype=np.float64)) - FITTED
    return float(FITTED_WEIGHT * np.maximum(excess, 0.0))
