"""Product of this package: everything that a fit needs, as immutable arrays.

A `FitProblem` is made once per scan by `n3hyper.data.build.build_problem`; the training of networks
reads it and never changes it. All arrays are float64 (or bool, or int64) and read-only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from n3hyper.physics.arrays import Array, Index, Mask, frozen
from n3hyper.physics.chi2 import FactoredCovariance
from n3hyper.theory.stack import TheoryStack


@dataclass(frozen=True)
class DatasetInfo:
    """Data set of the fit."""

    name: str
    group: str
    """The experiment that it belongs to: masks of one-point sets are drawn per experiment."""
    slice: slice
    """Its place in the vector of data (and of predictions)."""
    frac: float = 1.0
    """Fraction of its points that are trained on."""
    weight: float = 1.0
    process: str = ""
    """Process type, e.g. ``DIS_NC``."""
    points: Index | None = None
    """(ndata,): the points that pass the cuts, counted in the whole set; None where unknown."""

    @property
    def ndata(self) -> int:
        """Number of points after cuts."""
        return int(self.slice.stop - self.slice.start)


@dataclass(frozen=True)
class LagrangeInfo:
    """Positivity or integrability set."""

    name: str
    slice: slice
    """Its place in the vector of predictions."""
    maxlambda: float

    @property
    def ndata(self) -> int:
        """Number of points."""
        return int(self.slice.stop - self.slice.start)


@dataclass(frozen=True, eq=False)
class Fold:
    """Partition of the k-fold cross-validation."""

    datasets: tuple[str, ...]
    mask: Mask
    """(ndata,): True where a point is left out of the fit and tested."""
    overfit: bool = False
    weight: float = 1.0


def fitted_points(folds: Sequence[Fold], ndata: int) -> Mask:
    """Return the mask (folds, ndata) of the points that each fold fits; without folds one row."""
    everything = np.ones(ndata, dtype=bool)
    fitted = [everything if fold.overfit else ~fold.mask for fold in folds]
    return np.stack(fitted or [everything])


@dataclass(frozen=True, eq=False)
class FitProblem:
    """Data, uncertainties, theory, masks and seeds of a scan."""

    theory: TheoryStack
    datasets: tuple[DatasetInfo, ...]
    ndata: int
    central: Array
    """(ndata,): measured values; the data are the first `ndata` entries of the predictions."""
    fit_covariance: FactoredCovariance
    """Covariance of the fit: with t0 predictions if asked for, and with weights."""
    exp_covariance: FactoredCovariance
    """Covariance of the scores: multiplicative uncertainties scale with the measured values."""
    replica_data: Array
    """(R, ndata): pseudodata of replicas 1 to R, or `central` when genrep is false."""
    training_masks: Mask
    """(R, ndata): all True where eigenmodes are split instead (`mode_masks`)."""
    validation_masks: Mask
    """(R, ndata)"""
    nn_seeds: Index
    """(R,): the seed of each replica's network."""
    folds: tuple[Fold, ...]
    positivity: tuple[LagrangeInfo, ...]
    integrability: tuple[LagrangeInfo, ...]
    fingerprint: str
    """Hash of all of the above."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Hash of each part by its name; `fingerprint` is made from them."""
    mode_masks: tuple[Mask, Mask] | None = None
    """Training and validation masks of ``diagonal_basis: true``, each (k, R, ndata): an entry for
    each eigenmode of the correlation matrix of the points that a fold keeps, by rising eigenvalue,
    then False. None where data points are split."""

    @property
    def replicas(self) -> int:
        """Number of replicas R."""
        return int(self.replica_data.shape[0])

    def of_replicas(self, places: Index) -> FitProblem:
        """Return the problem of some of its replicas, in the order given.

        Parameters
        ----------
        places
            Counted from 0; one may be there several times. The fingerprints stay those of all.
        """
        modes = self.mode_masks
        return replace(
            self,
            replica_data=frozen(self.replica_data[places]),
            training_masks=frozen(self.training_masks[places]),
            validation_masks=frozen(self.validation_masks[places]),
            nn_seeds=frozen(self.nn_seeds[places]),
            mode_masks=modes and (frozen(modes[0][:, places]), frozen(modes[1][:, places])),
        )

    def describe(self) -> dict[str, int]:
        """Return the size of the problem in a few numbers, for logs and the summary of a scan."""
        return {
            "datasets": len(self.datasets),
            "ndata": self.ndata,
            "replicas": self.replicas,
            "folds": len(self.folds),
            "positivity": len(self.positivity),
            "integrability": len(self.integrability),
            "nx": int(self.theory.xgrid.size),
            "rows": self.theory.nrows,
            "hadronic_tables": len(self.theory.hadronic),
            "systematics": int(self.fit_covariance.sys.shape[1]),
        }
