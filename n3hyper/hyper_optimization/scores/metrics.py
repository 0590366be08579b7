"""Metrics of an ensemble of replicas on a set of data, of which rewards are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from n3hyper.hyper_optimization.penalties import PDFModel
from n3hyper.physics.arrays import Array, Mask
from n3hyper.physics.chi2 import (
    FactoredCovariance,
    chi2_per_replica,
    chi2_with_pdf_covariance,
    logp,
    phi2,
)

if TYPE_CHECKING:
    from n3hyper.data.problem import FitProblem
    from n3hyper.theory.stack import TheoryStack


@dataclass(frozen=True)
class HyperoptMetrics:
    """Per data point; the smaller the better, phi2 aside (arXiv:2410.16248, section 3)."""

    chi2: float
    """Of the mean prediction, the covariance of the PDFs added to that of the experiment."""
    phi2: float
    """Spread of the replicas in units of the experimental uncertainty:
    <chi2[T_r]> - chi2[<T_r>]."""
    logp: float
    """Minus the logarithm of the Gaussian likelihood, with the same covariance as `chi2`."""
    chi2exp: float
    """Of the mean prediction, with the experimental covariance alone."""


NO_METRICS = HyperoptMetrics(np.nan, np.nan, np.nan, np.nan)


def compute_hyperopt_metrics(
    predictions: Array, central: Array, covariance: FactoredCovariance
) -> HyperoptMetrics:
    """Four figures of merit of an ensemble.

    Parameters
    ----------
    predictions
        (replicas, ndata); one replica alone has no spread: phi2 is NaN.
    central
        (ndata,), measured values.
    covariance
        Experimental, of these data.

    Returns
    -------
    HyperoptMetrics
        NaN throughout where the predictions are not finite, or too large for a covariance.
    """
    if not np.isfinite(predictions).all():
        return NO_METRICS
    mean = predictions.mean(axis=0, keepdims=True)
    try:
        # a fit that ran away may predict numbers whose squares overflow
        with np.errstate(over="ignore", invalid="ignore"):
            return HyperoptMetrics(
                chi2=float(chi2_with_pdf_covariance(predictions, central, covariance)),
                phi2=float(phi2(predictions, central, covariance))
                if len(predictions) > 1
                else np.nan,
                logp=float(logp(predictions, central, covariance)),
                chi2exp=float(chi2_per_replica(mean, central, covariance)[0]),
            )
    except np.linalg.LinAlgError:
        return NO_METRICS


@dataclass(frozen=True, eq=False)
class ExperimentalData:
    """Part of the data of a fit, with the theory that predicts them."""

    theory: TheoryStack
    mask: Mask
    """(ndata,): which points of the problem these are."""
    central: Array
    """(nselected,)"""
    covariance: FactoredCovariance
    """Experimental, of the selected points."""

    @classmethod
    def of_problem(cls, problem: FitProblem, mask: Mask) -> ExperimentalData:
        """The data of `problem` selected by `mask` (ndata,)."""
        return cls(problem.theory, mask, problem.central[mask], problem.exp_covariance.masked(mask))

    def select(self, predictions: Array) -> Array:
        """Return the part (..., nselected) of predictions (..., npredictions) or (..., ndata)."""
        return predictions[..., : self.mask.size][..., self.mask]

    def predictions(self, pdf_model: PDFModel) -> Array:
        """(replicas, nselected): what the replicas of `pdf_model` predict."""
        pdf = np.asarray(pdf_model(self.theory.xgrid.reshape(1, -1, 1)), dtype=np.float64)[0]
        replicas_first = np.moveaxis(pdf, -1, 0) if pdf.ndim == 3 else pdf[None]
        return self.select(self.theory.predict(replicas_first))

    def metrics(self, predictions: Array) -> HyperoptMetrics:
        """Return the figures of merit of `predictions` (replicas, nselected)."""
        return compute_hyperopt_metrics(predictions, self.central, self.covariance)


def joined(groups: Sequence[ExperimentalData]) -> tuple[Array, FactoredCovariance]:
    """Return values and covariance of several groups of data, one group after the other.

    Parameters
    ----------
    groups
        Of one problem: what is correlated between its data is correlated between the groups.

    Raises
    ------
    ValueError
        They are of different problems, or there are none.
    """
    if len(groups) == 1:
        return groups[0].central, groups[0].covariance
    kinds = {(id(group.theory), group.covariance.sys.shape[1]) for group in groups}
    if len(kinds) != 1:
        raise ValueError("experimental_data has to be a list of groups of data of one problem")
    covariance = FactoredCovariance(
        np.concatenate([group.covariance.diag for group in groups]),
        np.concatenate([group.covariance.sys for group in groups]),
    )
    return np.concatenate([group.central for group in groups]), covariance
