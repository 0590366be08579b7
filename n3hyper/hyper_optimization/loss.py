"""The loss of a trial: pure functions from the numbers of folds and replicas to one.

A scan makes its losses with them (`n3hyper.hyper_optimization.scoring`), the report scores stored
trials again with them, and `n3hyper.hyper_optimization.rewards.HyperLoss` has n3fit's names for
them. k folds, R replicas:

    best_replicas   which of a fold's replicas make the ensemble
    fold_loss       the loss of a fold, from its replicas and from the figure of their ensemble
    fold_failure    whether that loss makes the trial fail
    trial_loss      the number that the scan minimises, from the losses of the folds

A new statistic is a function in `STATISTICS`, under the name that runcards use for it (which
`n3hyper.runcard.names` has to list as well).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from n3hyper.errors import RuncardError, nearest
from n3hyper.physics.arrays import Array, Mask

Statistic = Callable[..., Any]

LOSS_TYPES: Final = ("chi2", "phi2", "logp", "chi2p")
ENSEMBLE_FIGURE: Final = {"phi2": "phi2", "logp": "logp", "chi2p": "chi2"}
"""The figure of the ensemble that a loss is made of; chi2 is made of the replicas'."""
WHOLE_FITS: Final = ("fit_distance", "fit_future_tests")
"""Statistics over folds that look at the PDFs of all folds, and not at their losses."""
BEST_PROPORTION: Final = 0.85
"""n3fit's part of the replicas that average_best means."""
THRESHOLD: Final = 50.0
"""Loss of a fold above which a trial fails, where a runcard does not say."""
MIN_USABLE: Final = 0.5
"""Fraction of the replicas of a fold that must be usable."""


def _average(losses: ArrayLike, axis: int = 0, **_kwargs: Any) -> Any:
    """The mean."""
    return _number(np.mean(np.asarray(losses, dtype=np.float64), axis=axis))


def _best_worst(losses: ArrayLike, axis: int = 0, **_kwargs: Any) -> Any:
    """The largest: the best setup is the one with the best worst case."""
    return _number(np.max(np.asarray(losses, dtype=np.float64), axis=axis))


def _std(losses: ArrayLike, axis: int = 0, **_kwargs: Any) -> Any:
    """The standard deviation (of the population)."""
    return _number(np.std(np.asarray(losses, dtype=np.float64), axis=axis))


def _number(reduced: Any) -> Any:
    """A plain float where there is no axis left."""
    return reduced if np.ndim(reduced) else float(reduced)


STATISTICS: Final[dict[str, Statistic]] = {
    "average": _average,
    "average_best": _average,  # the best replicas are chosen before
    "best_worst": _best_worst,
    "std": _std,
}
"""How losses become one number along an axis, over replicas and over folds."""


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
    def larger_is_better(self) -> bool:
        """Return whether the scan minimises the reciprocal of the losses.

        A good setup leaves PDFs undetermined where data are left out: phi2 is to be large.
        """
        return self.loss_type == "phi2"

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
) -> float:
    """Return the loss of one fold (but for phi2, the smaller the better).

    chi2
        the replica statistic of (chi2 + sum of penalties), of the best replicas for average_best;
    phi2
        that of the ensemble; penalties are never added;
    logp, chi2p
        that of the ensemble plus the mean of the sum of penalties of its replicas.

    Parameters
    ----------
    losses
        (R,): chi2 per point of each replica on the data left out.
    penalties
        (R,) each.
    best
        See `best_replicas`.
    figure
        Of the ensemble, see `ENSEMBLE_FIGURE`.
    """
    if rule.loss_type == "phi2":
        return figure
    extra = sum(penalties if rule.penalties_in_loss else (), np.zeros_like(losses))
    if rule.loss_type == "chi2":
        chosen = best if rule.replica_statistic == "average_best" else np.arange(losses.size)
        return float(STATISTICS[rule.replica_statistic]((losses + extra)[chosen]))
    return figure + float(extra[best].mean())


def fold_failure(
    rule: LossRule, value: float, figures: Sequence[float] = ()
) -> tuple[str, str] | None:
    """Return reason and text of the failure of a fold, or None.

    Parameters
    ----------
    value
        Its loss, see `fold_loss`. The threshold is for what the scan minimises of it.
    figures
        chi2, phi2 and logp of the ensemble, which must be numbers whichever the loss is made of.
    """
    if not math.isfinite(value):
        return "nan", f"the loss ({rule.loss_type}) is {value}"
    if not all(map(math.isfinite, figures)):
        return "nan", "chi2, phi2 or logp of the ensemble is not finite"
    target = minimised(rule, value)
    if target > rule.threshold:
        return "threshold", f"the loss ({rule.name}) {target:.6g} is above {rule.threshold:g}"
    return None


def trial_loss(rule: LossRule, folds: ArrayLike, weights: ArrayLike = 1.0) -> float:
    """Return the number that the scan minimises.

    Parameters
    ----------
    folds
        (k,): see `fold_loss`.
    weights
        (k,): of the folds.

    Examples
    --------
    >>> trial_loss(LossRule("phi2", fold_statistic="best_worst"), [1.0, 4.0])
    0.25
    """
    weighted = np.asarray(folds, dtype=np.float64) * np.asarray(weights, dtype=np.float64)
    return minimised(rule, float(STATISTICS[rule.fold_statistic](weighted)))
