"""Typed contents of a runcard. All of it is immutable; dictionaries must not be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ADDED: Final[Mapping[str, bool]] = {"added": True}
"""Marks fields that fingerprints pass over as long as they have their defaults, so that scans of
before the field was there go on."""


def located(path: str, moved: Mapping[str, str]) -> str:
    """Return where a key path stands in the file, if it or a beginning of it was moved.

    >>> located("kfold.partitions[1]", {"kfold": "hyperscan.kfold"})
    'hyperscan.kfold.partitions[1]'
    """
    for new in sorted(moved, key=len, reverse=True):
        if path == new or path.startswith((f"{new}.", f"{new}[")):
            return moved[new] + path[len(new) :]
    return path


@dataclass(frozen=True)
class DatasetInput:
    """Data set of the fit."""

    dataset: str
    """Name in nnpdf_data, or an old NNPDF name that the data layer translates."""
    frac: float = 1.0
    """Fraction of the points that trains; the rest validates."""
    variant: str | None = None
    """Variant of the data (``legacy``, ``legacy_dw``, ...)."""
    cfac: tuple[str, ...] = ()
    """K-factors that multiply the predictions."""
    weight: float = 1.0
    """Factor on the data set's part of the chi2."""
    custom_group: str | None = None
    """Group of the user's own, for reports."""


@dataclass(frozen=True)
class OrderRange:
    """Perturbative orders to which a rule applies."""

    order: int
    """0 LO, 1 NLO, 2 NNLO, ..."""
    operator: str = ""
    """``+``: this order and above, ``-``: below it, ``!``: any other, nothing: this one."""

    def __contains__(self, order: int) -> bool:
        """Return whether an order is one of them.

        >>> 3 in OrderRange(2, "+"), 2 in OrderRange(2, "-"), 1 in OrderRange(2, "!")
        (True, False, True)
        """
        return {
            "+": order >= self.order,
            "-": order < self.order,
            "!": order != self.order,
        }.get(self.operator, order == self.order)


@dataclass(frozen=True)
class FilterRule:
    """Cut of the user's own, in NNPDF's language; None stands for no condition."""

    rule: str
    """The expression that is true for points that are kept."""
    dataset: str | None = None
    process_type: str | None = None
    local_variables: tuple[tuple[str, str], ...] = ()
    """Names and expressions, each of which may use those before it."""
    orders: OrderRange | None = None
    fns: str | None = None
    """Flavour-number scheme of the theory."""
    intrinsic_charm: bool | None = None


@dataclass(frozen=True)
class DataCuts:
    """Choice of the points that are kept, and of the covariance that is fitted."""

    q2min: float = 3.49
    """Smallest Q2 of DIS points (GeV2)."""
    w2min: float = 12.5
    """Smallest W2 of DIS points (GeV2)."""
    use_t0: bool = True
    """Whether multiplicative uncertainties scale with predictions of `t0pdfset`."""
    t0pdfset: str | None = None
    """LHAPDF set of the t0 predictions; without one the experimental covariance is used."""
    max_tau: float = 0.08
    """Largest M2/s of fixed-target Drell-Yan points."""
    filter_rules: tuple[FilterRule, ...] = ()
    """Where there are some, they stand in place of NNPDF's own rules."""
    added_filter_rules: tuple[FilterRule, ...] = ()
    """Rules beside these."""
    drop_internal_rules: tuple[str, ...] = ()
    """Data sets whose own rules do not apply."""
    unpolarized_bc: str | None = field(default=None, metadata=ADDED)
    """LHAPDF set of the unpolarised PDFs in t0 predictions, where `t0pdfset` is polarised."""
    intersection: tuple[int, ...] = field(default=(), metadata=ADDED)
    """Theories with each of which a point must pass; none for that of the fit."""


@dataclass(frozen=True)
class ClosureTest:
    """Settings of data that are made from a known PDF instead of measured."""

    fakepdf: str
    """LHAPDF set whose central member the data are predictions of."""
    filterseed: int | None = None
    """Seed of the noise that is added to them (level 1), None without noise (level 0)."""
    faketheoryid: int | None = None
    """Theory of these predictions, where it is not that of the fit."""


@dataclass(frozen=True)
class Theory:
    """Source of the predictions."""

    theoryid: int
    t0theoryid: int | None = None
    """Theory of the t0 predictions, where it is not that of the fit."""

    @property
    def of_t0(self) -> int:
        """Theory of the t0 predictions, and the central one of theory uncertainties."""
        return self.theoryid if self.t0theoryid is None else self.t0theoryid


@dataclass(frozen=True)
class PowerCorrection:
    """Power correction of one kind of data: a linear function of one variable between nodes."""

    kind: str
    """One of `names.POWER_CORRECTIONS`."""
    shifts: tuple[float, ...]
    """Standard deviation of its value at each node, in GeV2 for structure functions, in GeV for
    jets."""
    nodes: tuple[float, ...]
    """Ascending values of x, of a rapidity or of a difference of rapidities."""


@dataclass(frozen=True)
class TheoryCovariance:
    """Uncertainties of the theory that are part of the covariance of the data."""

    prescriptions: tuple[str, ...] = ()
    """Names of `names.POINT_PRESCRIPTIONS`; their covariances add up."""
    pdf: str | None = None
    """LHAPDF set that predictions of the varied theories are made with."""
    unpolarized_bc: str | None = None
    """LHAPDF set of the unpolarised PDFs, where `pdf` is polarised."""
    theoryids: tuple[int, ...] = ()
    """Theories of the only prescription, the central one first; none for NNPDF's list of them."""
    in_fitting: bool = True
    """Whether it is part of the covariance of the fit."""
    in_sampling: bool = True
    """Whether pseudodata fluctuate by it."""
    user_covmat: str | None = None
    """File of a further covariance matrix."""
    user_factor: float = 1.0
    """Factor on it."""
    power_corrections: tuple[PowerCorrection, ...] = ()
    power_processes: tuple[str, ...] = ()
    """Processes that have power corrections, as ``DIS NC``."""
    power_excluded: tuple[str, ...] = ()
    """Data sets of these processes that have none."""


@dataclass(frozen=True)
class PositivityBound:
    """Unpolarised PDFs of a polarised fit."""

    unpolarized_bc: str
    """LHAPDF set: its central member stands for all unpolarised PDFs in predictions."""
    n_std: float = 1.0
    """How many standard deviations are added to it in positivity sets of polarised PDFs."""


@dataclass(frozen=True)
class Partition:
    """Fold: the data sets that are left out of its fits and tested on."""

    datasets: tuple[str, ...]
    weight: float = 1.0
    """Weight of the fold in the loss of the trial."""
    overfit: bool = False
    """Whether the fold's data are fitted as well (a check of overfitting, not of forecasting)."""


@dataclass(frozen=True)
class KFold:
    """Settings of how a trial is scored."""

    partitions: tuple[Partition, ...]
    loss_type: str = "chi2"
    replica_statistic: str = "average"
    fold_statistic: str = "average"
    penalties: tuple[str, ...] = ()
    penalties_in_loss: bool = True
    """Whether penalties are added to the loss, or only recorded; where a runcard does not say,
    what its `loss_type` has (`n3hyper.physics.objectives.LOSS_TYPES`)."""
    reduce_proportion: float = 1.0
    """Fraction of the replicas, by validation loss, that the score looks at; where a runcard
    asks for average_best or n3fit41 and does not say, it is n3fit's 0.85."""
    threshold: float = 50.0
    """A fold with a loss above it makes the trial fail."""


@dataclass(frozen=True)
class Flavour:
    """Output of the network, x f(x) = A NN(x) x^(1 - alpha) (1 - x)^beta."""

    fl: str
    smallx: tuple[float, float]
    """Range of alpha."""
    largex: tuple[float, float] = (0.0, 0.0)
    """Range of beta."""
    trainable: bool = True
    """Whether the exponents are fitted; otherwise they stay where they were drawn."""


@dataclass(frozen=True)
class Fitting:
    """Basis in which PDFs are parametrised."""

    fitbasis: str
    basis: tuple[Flavour, ...]


@dataclass(frozen=True)
class LagrangeSet:
    """Positivity or integrability constraint."""

    dataset: str
    maxlambda: float
    """Largest multiplier, reached at the last epoch when initial or multiplier is not given."""


@dataclass(frozen=True)
class Seeds:
    """Seeds of all random numbers of a fit."""

    trvlseed: int = 0
    """Training and validation split."""
    nnseed: int = 0
    """Initial weights and preprocessing exponents."""
    mcseed: int = 0
    """Fluctuations of the pseudodata."""
    genrep: bool = False
    """Whether replicas fit pseudodata, or all of them the measured values."""
    same_trvl_per_replica: bool = False
    """Whether all replicas share one split."""
    resample_negative_pseudodata: bool = False
    """Whether pseudodata are drawn again while a cross section is negative."""
    separate_multiplicative: bool = False
    """Whether pseudodata are multiplied with multiplicative uncertainties (not in their C)."""
    use_t0_sampling: bool = True
    """Whether pseudodata fluctuate by the t0 covariance, where there is one."""


@dataclass(frozen=True)
class Runcard:
    """Runcard that has been read and checked.

    `hyperscan` and `parameters` are plain dictionaries, in n3fit's own keys: the first is what
    `HyperScanner` takes (empty where the runcard scans nothing), the second what a trial is.
    """

    source: Path | None
    raw: dict[str, Any]
    """The runcard as it was read, before old spellings were translated."""
    dataset_inputs: tuple[DatasetInput, ...]
    datacuts: DataCuts
    theory: Theory
    parameters: dict[str, Any]
    fitting: Fitting
    seeds: Seeds
    hyperscan: dict[str, Any] = field(default_factory=dict)
    kfold: KFold | None = None
    closure: ClosureTest | None = None
    """None where the measured data are fitted."""
    positivity: tuple[LagrangeSet, ...] = ()
    integrability: tuple[LagrangeSet, ...] = ()
    sum_rules: str | bool = "All"
    """One of `names.SUM_RULES`, or False."""
    diagonal_frac: float | None = None
    """Fraction of the eigenmodes of the correlation matrix that trains; None where data points
    are split, by their `frac`."""
    double_precision: bool = False
    """Whether networks are trained in 64 bits."""
    parallel_models: bool = True
    """Kept for NNPDF's sake; replicas are always trained together here."""
    theory_covariance: TheoryCovariance | None = None
    """None where the theory has no uncertainty."""
    positivity_bound: PositivityBound | None = None
    """None where unpolarised PDFs are fitted."""
    norm_threshold: float | None = None
    """Largest norm of the inverse root of the correlation matrix of a group of data, whose
    eigenvalues are raised to its inverse square; None to leave them alone."""
    description: str = ""
    moved: tuple[Mapping[str, str], ...] = field(default=(), compare=False)
    """Where key paths stand in the file, step by step from those of today's spelling."""
    notes: tuple[str, ...] = ()
    """One line for each old spelling that was translated and each key that means nothing here."""

    def place(self, path: str) -> str:
        """Return the path in the file of a key path in today's spelling."""
        for moved in self.moved:
            path = located(path, moved)
        return path
