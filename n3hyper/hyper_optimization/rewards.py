"""n3fit's names for the loss of a trial (`n3hyper.hyper_optimization.loss`).

`HyperLoss` knows the statistics by the names that runcards use; `IMPLEMENTED_STATS` is where new
ones are added. Two more rewards look at the fits of all folds at once: `fit_distance` and
`fit_future_tests`.

Examples
--------
>>> import numpy as np
>>> from n3hyper.hyper_optimization.rewards import HyperLoss
>>> losses = np.array([1.0, 2.0, 3.0])
>>> loss_average = HyperLoss(fold_statistic="average")
>>> loss_best_worst = HyperLoss(fold_statistic="best_worst")
>>> loss_std = HyperLoss(fold_statistic="std")
>>> print(f"{loss_average.reduce_over_folds.__name__} {loss_average.reduce_over_folds(losses)}")
_average 2.0
>>> print(
...     f"{loss_best_worst.reduce_over_folds.__name__} {loss_best_worst.reduce_over_folds(losses)}"
... )
_best_worst 3.0
>>> print(f"{loss_std.reduce_over_folds.__name__} {loss_std.reduce_over_folds(losses)}")
_std 0.816496580927726
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from n3hyper.hyper_optimization.loss import LossRule, best_replicas, fold_loss, reciprocal
from n3hyper.hyper_optimization.penalties import PDFModel
from n3hyper.hyper_optimization.scores.metrics import (
    NO_METRICS,
    ExperimentalData,
    HyperoptMetrics,
    compute_hyperopt_metrics,
    joined,
)
from n3hyper.physics.arrays import Array
from n3hyper.physics.objectives import LOSS_TYPES, STATISTICS, Statistic, default_proportion
from n3hyper.theory.fktable import evolution_matrix

__all__ = [
    "IMPLEMENTED_STATS",
    "LOSS_TYPES",
    "STATISTICS",
    "HyperLoss",
    "fit_distance",
    "fit_future_tests",
    "future_test_loss",
]


IMPLEMENTED_STATS: Final = STATISTICS
"""By name; one that is added here is known to `HyperLoss` and to the scan."""


def _reciprocal(statistic: Statistic) -> Statistic:
    """1 / statistic, by the same name: what to minimise where larger is better."""

    def of_folds(losses: ArrayLike, axis: int = 0, **kwargs: Any) -> float:
        return reciprocal(statistic(losses, axis, **kwargs))

    of_folds.__name__ = statistic.__name__
    return of_folds


class HyperLoss:
    """The loss of a fold (`n3hyper.hyper_optimization.loss.fold_loss`), and of all folds.

    Of phi2, which is to be large, `reduce_over_folds` returns the reciprocal.

    Parameters
    ----------
    loss_type
        One of `LOSS_TYPES`; chi2 when not given.
    replica_statistic, fold_statistic
        One of ``average``, ``average_best``, ``best_worst``, ``std``; average when not given.
        average_best over replicas is the mean over the best `reduce_proportion` of them.
    reduce_proportion
        The best ceil(reduce_proportion * replicas) replicas by validation loss make the ensemble
        whose chi2, phi2 and logp are taken, and the mean of average_best. Without validation
        losses all replicas count. When not given: 1, or 0.85 for average_best and n3fit41.
    penalties_in_loss
        Whether penalties are added to the loss, or only recorded. When not given they are, but
        not to phi2 and n3fit41.

    Attributes
    ----------
    hyper_chi2_vector, hyper_phi2_vector, hyper_logp_vector : list of float
        For each fold seen in this trial, without penalties. A trial begins at `fold_idx` 0.
    exp_chi2_matrix : list of array (replicas,)
        Experimental losses for each fold, without penalties.
    penalties : dict of list of array (replicas,)
        By name, for each fold.

    Raises
    ------
    RuncardError
        A name that is not known, or a proportion outside (0, 1].
    """

    def __init__(
        self,
        loss_type: str | None = None,
        replica_statistic: str | None = None,
        fold_statistic: str | None = None,
        reduce_proportion: float | None = None,
        penalties_in_loss: bool | None = None,
    ) -> None:
        rule = LossRule(
            loss_type=LossRule.loss_type if loss_type is None else loss_type,
            replica_statistic=_or_average(replica_statistic),
            fold_statistic=_or_average(fold_statistic),
        )
        if penalties_in_loss is None:
            penalties_in_loss = rule.kind.penalties_in_loss
        if reduce_proportion is None:
            reduce_proportion = default_proportion(rule.loss_type, rule.replica_statistic)
        self.rule = replace(
            rule, penalties_in_loss=penalties_in_loss, reduce_proportion=reduce_proportion
        )
        self.reduce_over_replicas = STATISTICS[self.rule.replica_statistic]
        folds = STATISTICS[self.rule.fold_statistic]
        self.reduce_over_folds = _reciprocal(folds) if self.rule.larger_is_better else folds
        self._start_trial()

    @property
    def loss_type(self) -> str:
        """One of `LOSS_TYPES`."""
        return self.rule.loss_type

    def _start_trial(self) -> None:
        self.hyper_chi2_vector: list[float] = []
        self.hyper_phi2_vector: list[float] = []
        self.hyper_logp_vector: list[float] = []
        self.exp_chi2_matrix: list[Array] = []
        self.penalties: dict[str, list[Array]] = {}

    @property
    def phi2_vector(self) -> list[float]:
        """phi2 for each fold."""
        return self.hyper_phi2_vector

    @property
    def chi2_matrix(self) -> list[Array]:
        """Experimental losses for each fold and replica, without penalties."""
        return self.exp_chi2_matrix

    def best_replicas(self, validation_loss: ArrayLike | None, replicas: int) -> NDArray[np.intp]:
        """Indices of the replicas that make the ensemble, in ascending order."""
        return best_replicas(validation_loss, replicas, self.rule.reduce_proportion)

    def compute_loss(
        self,
        penalties: Mapping[str, ArrayLike],
        experimental_loss: ArrayLike,
        pdf_model: PDFModel | None = None,
        experimental_data: Sequence[ExperimentalData] | ExperimentalData | None = None,
        fold_idx: int = 0,
        *,
        validation_loss: ArrayLike | None = None,
        predictions: Array | None = None,
    ) -> float:
        """The loss of one fold, for minimisation over setups (but see phi2 above).

        Nothing that is passed in is changed; what is recorded holds no penalties.

        Parameters
        ----------
        penalties
            By name, (replicas,) each.
        experimental_loss
            (replicas,): chi2 per point of each replica on the data left out.
        pdf_model
            The fitted replicas; not needed where `predictions` are given.
        experimental_data
            The data left out: a list of groups of data of one problem, or one such group. Without
            them there are no ensemble metrics (NaN), which the loss type chi2 does without.
        fold_idx
            0 begins a new trial.
        validation_loss
            (replicas,): chooses the best replicas; n3fit41 is made of it, and NaN without.
        predictions
            (replicas, ndata of `experimental_data`, group after group), when they are known
            already.

        Raises
        ------
        TypeError
            `experimental_data` holds something else (n3fit's are objects of validphys).

        Examples
        --------
        >>> import numpy as np
        >>> from n3hyper.hyper_optimization.rewards import HyperLoss
        >>> hyper = HyperLoss("chi2", replica_statistic="average", fold_statistic="average")
        >>> penalties = {"saturation": np.array([1.0, 2.0]), "patience": np.array([3.0, 4.0])}
        >>> round(hyper.compute_loss(penalties, np.array([0.1, 0.2])), 12)
        5.15
        >>> hyper.chi2_matrix
        [array([0.1, 0.2])]
        """
        if fold_idx == 0:
            self._start_trial()
        losses = np.array(experimental_loss, dtype=np.float64, ndmin=1)
        named = {
            name: np.array(np.broadcast_to(np.asarray(values, dtype=np.float64), losses.shape))
            for name, values in penalties.items()
        }
        best = self.best_replicas(validation_loss, losses.size)
        metrics = _ensemble(pdf_model, experimental_data, predictions, best)
        self._record(metrics, losses, named)
        figure = getattr(metrics, self.rule.kind.figure or "chi2")
        values = list(named.values())
        return fold_loss(self.rule, losses, values, best, figure, validation_loss)

    def _record(
        self, metrics: HyperoptMetrics, losses: Array, penalties: Mapping[str, Array]
    ) -> None:
        self.hyper_chi2_vector.append(metrics.chi2)
        self.hyper_phi2_vector.append(metrics.phi2)
        self.hyper_logp_vector.append(metrics.logp)
        self.exp_chi2_matrix.append(losses)
        for name, values in penalties.items():
            self.penalties.setdefault(name, []).append(values)


def _or_average(statistic: str | None) -> str:
    return "average" if statistic is None else statistic


def _ensemble(
    pdf_model: PDFModel | None,
    data: Sequence[ExperimentalData] | ExperimentalData | None,
    predictions: Array | None,
    best: NDArray[np.intp],
) -> HyperoptMetrics:
    """The metrics of the replicas `best`, as far as what is given allows."""
    groups = _groups(data)
    if not groups or (predictions is None and pdf_model is None):
        return NO_METRICS
    if predictions is None:
        assert pdf_model is not None
        predictions = np.concatenate([group.predictions(pdf_model) for group in groups], axis=-1)
    central, covariance = joined(groups)
    return compute_hyperopt_metrics(predictions[best], central, covariance)


def _groups(
    data: Sequence[ExperimentalData] | ExperimentalData | None,
) -> list[ExperimentalData]:
    """The groups of data of `compute_loss`; TypeError for what is none."""
    groups = [data] if isinstance(data, ExperimentalData) else list(data or ())
    for group in groups:
        if not isinstance(group, ExperimentalData):
            raise TypeError(
                "experimental_data has to be a list of n3hyper's ExperimentalData, "
                f"not of {type(group).__name__}"
            )
    return groups


_DISTANCE_X: Final = np.concatenate([np.geomspace(1e-6, 0.1, 20), np.linspace(0.11, 0.9, 30)])
_DISTANCE_PARTONS: Final = (-3, -2, -1, 21, 1, 2, 3, 4)
"""PDG numbers of the flavours that validphys compares by default; cbar is left out."""
_SAME: Final = 1e-12
"""Means that differ by less than this part of the largest PDF are the same but for rounding."""


def fit_distance(pdfs_per_fold: Sequence[PDFModel] | None = None, **_kwargs: Any) -> float:
    """Return how far the fits of the folds lie from that of the first, in standard deviations.

    The distance of two ensembles, |m1 - m2| / sqrt(s1^2/N1 + s2^2/N2) (arXiv:1410.8849),
    is taken at Q0 for sbar, ubar, dbar, g, d, u, s and c on 50 nodes from 1e-6 to 0.9; the
    largest of all is the loss.

    Parameters
    ----------
    pdfs_per_fold
        A PDF model of several replicas for each fold.

    Examples
    --------
    >>> spread = np.array([-1.0, 1.0])
    >>> fold = lambda mean: lambda x: np.ones((1, x.size, 14, 1)) * (mean + spread)
    >>> fit_distance([fold(0.0), fold(0.5), fold(2.0)])
    2.0
    """
    if pdfs_per_fold is None:
        raise ValueError("fit_distance needs the PDF model of each fold")
    pids, matrix = evolution_matrix()
    to_partons = np.linalg.inv(matrix)[
        [int(np.flatnonzero(pids == p)[0]) for p in _DISTANCE_PARTONS]
    ]
    moments = []
    for pdf_model in pdfs_per_fold:
        evolution = np.asarray(pdf_model(_DISTANCE_X.reshape(1, -1, 1)), dtype=np.float64)
        # p parton, f evolution flavour, r replica
        pdf = np.einsum("pf,...fr->...pr", to_partons, evolution)
        moments.append((pdf.mean(axis=-1), pdf.var(axis=-1) / pdf.shape[-1]))
    return max((_distance(fit, moments[0]) for fit in moments[1:]), default=0.0)


def _distance(one: tuple[Array, Array], other: tuple[Array, Array]) -> float:
    """The largest distance of two fits, each by means and variances of the means."""
    difference = np.abs(one[0] - other[0])
    # flavours that are tied to the same value in all fits have no distance
    same = difference <= _SAME * np.abs(other[0]).max()
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = difference / np.sqrt(one[1] + other[1])
    return float(np.where(same, 0.0, distance).max())


def future_test_loss(
    fold_predictions: Sequence[Array],
    last_predictions: Sequence[Array],
    experimental_models: Sequence[ExperimentalData],
) -> float:
    """`fit_future_tests` of known predictions.

    Parameters
    ----------
    fold_predictions
        For each fold but the last, what its replicas predict for the data it left out,
        (replicas, nselected).
    last_predictions
        What the last, complete fit predicts for the same data.
    experimental_models
        These data.
    """
    total = 0.0
    for fold, last, data in zip(
        fold_predictions, last_predictions, experimental_models, strict=True
    ):
        future = data.metrics(fold).chi2
        best = data.metrics(last).chi2exp
        total += data.central.size * abs(best - future)
    return total


def fit_future_tests(
    n3pdfs: Sequence[PDFModel] | None = None,
    experimental_models: Sequence[ExperimentalData] | None = None,
    **_kwargs: Any,
) -> float:
    """Return whether fits that do not know some data describe them within their own uncertainty.

    The partitions grow in time: the last fit knows all data. For each earlier fold the chi2 of
    its mean prediction on the data it left out, the covariance of its PDFs added, is compared to
    the chi2 of the last fit on the same data (arXiv:2103.08606). The loss is the sum of the
    absolute differences (of chi2, not chi2 per point); nothing is changed by the call.

    Parameters
    ----------
    n3pdfs
        A PDF model of several replicas for each fold, the complete fit last.
    experimental_models
        The data that each fold left out; that of the last is not looked at.
    """
    if n3pdfs is None or experimental_models is None:
        raise ValueError("fit_future_tests needs the PDF models and the data of each fold")
    data = experimental_models[: len(n3pdfs) - 1]
    return future_test_loss(
        [part.predictions(pdf) for part, pdf in zip(data, n3pdfs, strict=False)],
        [part.predictions(n3pdfs[-1]) for part in data],
        data,
    )
