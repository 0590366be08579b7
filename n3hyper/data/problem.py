"""The product of this room: everything a fit needs, as immutable arrays.

A `FitProblem` is made once per scan by `n3hyper.data.build.build_problem`; what trains networks
reads it and never changes it. All arrays are float64 (or bool, or int64) and read-only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from n3hyper.physics.arrays import Array, Index, Mask, frozen
from n3hyper.physics.chi2 import FactoredCovariance
from n3hyper.theory.stack import TheoryStack


@dataclass(frozen=True)
class DatasetInfo:
    """One data set of the fit."""

    name: str
    group: str
    """The experiment it belongs to: masks of sets of one point are drawn per experiment."""
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
    """One positivity or integrability set."""

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
    """One partition of the k-fold cross-validation."""

    datasets: tuple[str, ...]
    mask: Mask
    """(ndata,): True where a point is left out of the fit and tested."""
    overfit: bool = False
    weight: float = 1.0


def fitted_points(folds: Sequence[Fold], ndata: int) -> Mask:
    """(folds, ndata): the points that each fold fits; without folds one row, of all points."""
    everything = np.ones(ndata, dtype=bool)
    kept = [everything if fold.overfit else ~fold.mask for fold in folds]
    return np.stack(kept or [everything])


@dataclass(frozen=True, eq=False)
class FitProblem:
    """Data, uncertainties, theory, masks and seeds of a scan."""

    theory: TheoryStack
    datasets: tuple[DatasetInfo, ...]
    ndata: int
    central: Array
    """(ndata,): measured values; the data are the first `ndata` entries of the predictions."""
    fit_covariance: FactoredCovariance
    """For the fit: with t0 where asked for, weights included."""
    exp_covariance: FactoredCovariance
    """For the scores: multiplicative uncertainties times the measured values."""
    replica_data: Array
    """(R, ndata): pseudodata of replicas 1 to R, or `central` when genrep is false."""
    training_masks: Mask
    """(R, ndata): all points where eigenmodes are split instead (`mode_masks`)."""
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
    """By the name of a part its hash; `fingerprint` is made of them."""
    mode_masks: tuple[Mask, Mask] | None = None
    """Training and validation of ``diagonal_basis: true``, each (k, R, ndata): of the eigenmodes
    of the correlation matrix of the points that a fold keeps, by rising eigenvalue, and then
    nothing. None where data points are split."""

    @property
    def replicas(self) -> int:
        """Number of replicas R."""
        return int(self.replica_data.shape[0])

    def of_replicas(self, places: Index) -> FitProblem:
        """The problem of some of its replicas, in the order given.

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

    def describe(self) -> dict[str, Any]:
        """Its size in a few numbers, for logs and the summary of a scan."""
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
