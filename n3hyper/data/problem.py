"""The product of this sub-package: everything a fit needs, as immutable arrays.

A `FitProblem` is made once per scan by `n3hyper.data.build.build_problem`; what trains networks
reads it and never changes it. All arrays are float64 (or bool, or int64) and read-only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.operations import apply_operation

if TYPE_CHECKING:
    from n3hyper.physics.chi2 import FactoredCovariance

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

N_FLAVOURS: Final = 14
"""Evolution flavours: photon Sigma g V V3 V8 V15 V24 V35 T3 T8 T15 T24 T35, in this order."""

_Scalar = TypeVar("_Scalar", bound=np.generic)


def frozen(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """The array, contiguous and read-only."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Observable:
    """How a data set (or positivity or integrability set) is made from the rows of the tables."""

    name: str
    operation: str
    """One of `n3hyper.data.operations.OPERATIONS`."""
    operands: tuple[Index, ...]
    """Each (ndata,): indices into the raw vector. K-factors, conversion factors and bin widths
    are in the table rows already."""
    slice: slice
    """Its place in the vector of predictions."""

    @property
    def ndata(self) -> int:
        """Number of points."""
        return int(self.slice.stop - self.slice.start)


@dataclass(frozen=True, eq=False)
class DISTable:
    """All rows that are linear in the PDF."""

    table: Array
    """(rows, nx, nf), on the common x-grid."""
    flavours: Index
    """(nf,): which of the 14 evolution flavours, ascending."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.table.shape[0])


@dataclass(frozen=True, eq=False)
class HadronicTable:
    """Rows that are bilinear in the PDF, on nodes of their own."""

    table: Array
    """(rows, nlumi, nxt, nxt); the axes of x belong to the first and the second flavour."""
    luminosity: Index
    """(nlumi, 2): pairs of evolution flavours."""
    x_index: Index
    """(nxt,): the table's nodes as indices into the common x-grid, ascending."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.table.shape[0])


@dataclass(frozen=True, eq=False)
class TheoryStack:
    """All tables of a fit on one common x-grid, and what is measured of them."""

    xgrid: Array
    """(nx,), ascending."""
    dis: DISTable | None
    hadronic: tuple[HadronicTable, ...]
    observables: tuple[Observable, ...]
    """Data sets in the runcard's order, then positivity, then integrability sets."""
    npredictions: int
    table_nodes: Array | None = None
    """(nt,), ascending: nodes of the tables, each as often as n3fit evaluates the PDFs there (see
    `n3hyper.data.theory_stack.table_nodes`); None for `xgrid`. Feature scaling counts them."""

    @property
    def nrows(self) -> int:
        """Length of the raw vector: the rows of `dis`, then those of each of `hadronic`."""
        return (self.dis.rows if self.dis else 0) + sum(table.rows for table in self.hadronic)

    def raw(self, pdf: Array) -> Array:
        """The raw vector: each row of each table with the PDF.

        Parameters
        ----------
        pdf
            x f(x, Q0) on `xgrid`, (..., nx, 14).

        Returns
        -------
        array (..., nrows)
        """
        parts = []
        if self.dis is not None:
            # n row, x node, f flavour
            parts.append(np.einsum("nxf,...xf->...n", self.dis.table, pdf[..., self.dis.flavours]))
        for table in self.hadronic:
            nodes = pdf[..., table.x_index, :]
            first = nodes[..., table.luminosity[:, 0]]
            second = nodes[..., table.luminosity[:, 1]]
            # n row, l luminosity, x and y nodes of the first and the second parton
            half = np.einsum("nlxy,...yl->...nlx", table.table, second)
            parts.append(np.einsum("...nlx,...xl->...n", half, first))
        if not parts:
            return np.zeros((*pdf.shape[:-2], 0))
        return np.concatenate(parts, axis=-1)

    def predict(self, pdf: Array) -> Array:
        """What theory predicts for all observables; slow and obvious, the oracle of the engine.

        Parameters
        ----------
        pdf
            x f(x, Q0) on `xgrid` in the evolution basis, (..., nx, 14).

        Returns
        -------
        array (..., npredictions)
        """
        raw = self.raw(pdf)
        predictions = np.empty((*raw.shape[:-1], self.npredictions))
        for observable in self.observables:
            operands = [raw[..., rows] for rows in observable.operands]
            predictions[..., observable.slice] = apply_operation(observable.operation, operands)
        return predictions


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
