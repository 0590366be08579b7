"""chi2 and other figures of merit, with covariances kept as a diagonal and few systematics.

C = D + S S^T, where D is diagonal and each column of S is one correlated uncertainty. The chi2 is
found by fitting the nuisance parameters lambda of the systematics (arXiv:hep-ph/0201195, eqs. 6
to 9): chi2 = min over lambda of |D^(-1/2) (r - S lambda)|^2 + |lambda|^2, which is the same as
r^T C^-1 r, costs n k instead of n^2, and adds only positive terms, so that it stays accurate
where systematics are much larger than D.

Figures of merit are per point. Definitions of phi2, the chi2 with the PDF covariance, and logp:
arXiv:2410.16248, section 3, and n3fit 4.1.5 (`compute_hyperopt_metrics`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from n3hyper.physics.arrays import Array


@dataclass(frozen=True, eq=False)
class FactoredCovariance:
    """Covariance matrix C = diag(D) + S S^T.

    Raises
    ------
    ValueError
        Where shapes do not fit, or D is not positive and finite.
    """

    diag: Array
    """D, (n,), in the data's units squared."""
    sys: Array
    """S, (n, k), in the data's units."""
    wide: int = 0
    """How many of the last columns of S link all data, as theory uncertainties do."""

    def __post_init__(self) -> None:
        if self.diag.ndim != 1 or self.sys.ndim != 2 or len(self.diag) != len(self.sys):
            raise ValueError(f"shapes {self.diag.shape} and {self.sys.shape} make no covariance")
        if not ((self.diag > 0).all() and np.isfinite(self.diag).all()):
            raise ValueError("the diagonal of a factored covariance must be positive and finite")

    def __len__(self) -> int:
        return len(self.diag)

    def dense(self) -> Array:
        """Return C, (n, n).

        >>> FactoredCovariance(np.array([1.0, 2.0]), np.array([[1.0], [3.0]])).dense().tolist()
        [[2.0, 3.0], [3.0, 11.0]]
        """
        dense: Array = self.sys @ self.sys.T
        dense[np.diag_indices_from(dense)] += self.diag
        return dense

    def masked(self, mask: ArrayLike) -> FactoredCovariance:
        """Return the covariance of some of the points, given by a boolean mask or by positions."""
        keep = np.asarray(mask)
        return FactoredCovariance(self.diag[keep], self.sys[keep], self.wide)

    def with_systematics(self, columns: Array, wide: bool = False) -> FactoredCovariance:
        """Return the covariance with further correlated uncertainties, (n, j).

        Parameters
        ----------
        wide
            Whether they link all data.
        """
        if wide:
            joined = np.concatenate([self.sys, columns], axis=1)
            return FactoredCovariance(self.diag, joined, self.wide + columns.shape[1])
        narrow = self.narrow
        return FactoredCovariance(
            self.diag, np.concatenate([narrow.sys, columns, self.wide_sys], axis=1), self.wide
        )

    @property
    def narrow(self) -> FactoredCovariance:
        """The covariance without the columns that link all data."""
        return FactoredCovariance(self.diag, self.sys[:, : self.sys.shape[1] - self.wide])

    @property
    def wide_sys(self) -> Array:
        """The columns of S that link all data, (n, wide)."""
        return self.sys[:, self.sys.shape[1] - self.wide :]

    @cached_property
    def _cholesky(self) -> Array:
        """Return L, (k, k), with L L^T = 1 + S^T D^-1 S."""
        inner = self.sys.T @ (self.sys / self.diag[:, np.newaxis])
        inner[np.diag_indices_from(inner)] += 1.0
        return np.asarray(np.linalg.cholesky(inner), dtype=np.float64)

    def nuisance(self, residuals: Array) -> Array:
        """Return the best nuisance parameters, (..., k), for residuals (..., n)."""
        projected = (residuals / self.diag) @ self.sys
        factor = self._cholesky
        # numpy solves for columns: parameters to the front and back
        half = np.linalg.solve(factor, np.moveaxis(np.atleast_2d(projected), -1, -2))
        solved = np.moveaxis(np.linalg.solve(factor.T, half), -1, -2)
        return solved.reshape(projected.shape)

    def chi2(self, residuals: Array) -> Array:
        """Return r^T C^-1 r, (...), for residuals (..., n)."""
        parameters = self.nuisance(residuals)
        rest = residuals - parameters @ self.sys.T
        chi2: Array = np.sum(rest**2 / self.diag, axis=-1) + np.sum(parameters**2, axis=-1)
        return chi2

    def solve(self, residuals: Array) -> Array:
        """Return C^-1 r, (..., n), for residuals (..., n)."""
        return (residuals - self.nuisance(residuals) @ self.sys.T) / self.diag

    def logdet(self) -> float:
        """Return the logarithm of the determinant of C."""
        inner = 2 * np.sum(np.log(np.diag(self._cholesky)))
        return float(np.sum(np.log(self.diag)) + inner)


def chi2_per_replica(predictions: Array, data: Array, covariance: FactoredCovariance) -> Array:
    """Return chi2 per point of each replica.

    Parameters
    ----------
    predictions
        (..., n).
    data
        (n,), or (..., n) for data that differ between replicas.

    Returns
    -------
    array (...)
    """
    return covariance.chi2(predictions - data) / len(covariance)


def phi2(predictions: Array, data: Array, covariance: FactoredCovariance) -> float:
    """Return phi^2 per point: the mean chi2 of the replicas minus the chi2 of their mean.

    It measures the spread of the predictions in units of the experimental uncertainties, and does
    not depend on the data. (What n3fit 4.1.5 stores as phi2 is the square root of it.)

    Parameters
    ----------
    predictions
        (replicas, n).
    """
    mean = predictions.mean(axis=0)
    spread = chi2_per_replica(predictions, data, covariance).mean()
    return float(spread - chi2_per_replica(mean, data, covariance))


def with_pdf_covariance(covariance: FactoredCovariance, predictions: Array) -> FactoredCovariance:
    """Return the covariance plus that of the predictions (replicas, n), if there are several."""
    replicas = len(predictions)
    if replicas < 2:
        return covariance
    deviations = (predictions - predictions.mean(axis=0)) / np.sqrt(replicas - 1)
    return covariance.with_systematics(deviations.T)


def chi2_with_pdf_covariance(
    predictions: Array,
    data: Array,
    covariance: FactoredCovariance,
    central: Array | None = None,
) -> float:
    """Return chi2 per point of the central prediction, with the PDF covariance added.

    Parameters
    ----------
    predictions
        (replicas, n).
    central
        (n,): predictions of the mean PDF; by default the mean prediction, which is the same for
        all that is linear in the PDF. (n3fit takes that of the mean PDF.)
    """
    middle = predictions.mean(axis=0) if central is None else central
    total = with_pdf_covariance(covariance, predictions)
    return float(chi2_per_replica(middle, data, total))


def logp(
    predictions: Array,
    data: Array,
    covariance: FactoredCovariance,
    central: Array | None = None,
) -> float:
    """Return minus the log-likelihood per point of the data, with the PDF covariance added.

    (n log 2 pi + log det C' + chi2)/(2 n), where C' is the total covariance in units of the data
    (C_ij/d_i d_j; a point whose value is zero stays in its own unit). Smaller is better: it is
    the number that n3fit stores as logp.

    Parameters
    ----------
    predictions, data, covariance, central
        As in `chi2_with_pdf_covariance`.
    """
    n = len(covariance)
    total = with_pdf_covariance(covariance, predictions)
    middle = predictions.mean(axis=0) if central is None else central
    scale = np.abs(data[data != 0])
    logdet = total.logdet() - 2 * np.sum(np.log(scale))
    return float((np.log(2 * np.pi) + logdet / n + chi2_per_replica(middle, data, total)) / 2)
