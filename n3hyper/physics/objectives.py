"""Names of what a scan minimises, and what belongs to each name: the one list of both.

Runcards are checked against these names, scans and reports compute with them. NumPy is loaded when
a statistic is used, so that reading a runcard does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Statistic = Callable[..., Any]

N3FIT41: Final = "n3fit41"
BEST_PROPORTION: Final = 0.85
"""n3fit's part of the replicas, the best by validation loss."""


@dataclass(frozen=True)
class LossType:
    """Loss of a fold, as far as it is told apart by its name."""

    figure: str = ""
    """Of the ensemble of replicas, which it is made of; empty where it is made of the chi2 of each
    replica."""
    larger_is_better: bool = False
    """Whether the scan minimises its reciprocal."""
    penalties_in_loss: bool = True
    """Whether penalties are added where a runcard does not say."""
    reduce_proportion: float = 1.0
    """Fraction of the replicas, by validation loss, where a runcard does not say."""


LOSS_TYPES: Final[Mapping[str, LossType]] = {
    "chi2": LossType(),
    "phi2": LossType("phi2", larger_is_better=True, penalties_in_loss=False),
    "logp": LossType("logp"),
    "chi2p": LossType("chi2"),
    N3FIT41: LossType(penalties_in_loss=False, reduce_proportion=BEST_PROPORTION),
}
"""By the names of ``kfold.loss_type``; `n3hyper.hyper_optimization.loss.fold_loss` defines them."""


def _average(losses: Any, axis: int = 0, **_kwargs: Any) -> Any:
    """The mean."""
    return _reduced("mean", losses, axis)


def _best_worst(losses: Any, axis: int = 0, **_kwargs: Any) -> Any:
    """The largest: the best setup is the one with the best worst case."""
    return _reduced("max", losses, axis)


def _std(losses: Any, axis: int = 0, **_kwargs: Any) -> Any:
    """The standard deviation (of the population)."""
    return _reduced("std", losses, axis)


def _reduced(how: str, losses: Any, axis: int) -> Any:
    """NumPy's function of that name along an axis; a plain float where no axis is left."""
    import numpy as np

    reduced = getattr(np, how)(np.asarray(losses, dtype=np.float64), axis=axis)
    return reduced if np.ndim(reduced) else float(reduced)


STATISTICS: Final[dict[str, Statistic]] = {
    "average": _average,
    "average_best": _average,  # the best replicas are chosen before
    "best_worst": _best_worst,
    "std": _std,
}
"""How losses become one number along an axis, over replicas and over folds."""
WHOLE_FITS: Final = ("fit_distance", "fit_future_tests")
"""Statistics over folds that look at the PDFs of all folds, and not at their losses."""


def default_proportion(loss_type: str, replica_statistic: str) -> float:
    """Return the fraction of the replicas that counts where a runcard does not say.

    >>> default_proportion("chi2", "average"), default_proportion("chi2", "average_best")
    (1.0, 0.85)
    """
    if replica_statistic == "average_best":
        return BEST_PROPORTION
    return LOSS_TYPES[loss_type].reduce_proportion
