"""Kinematic cuts, which select the points of a data set that a fit uses.

The definitions are those of NNPDF (NNPDF4.0, arXiv:2109.02653, section 4.3 and table 4.1, and
``validphys/cuts/filters.yaml`` of nnpdf 4.1.5); with the same settings the same points are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.data.commondata import CommonData
from n3hyper.errors import DataError
from n3hyper.physics.arrays import Array, Index, Mask

MAX_TAU: Final = 0.080
"""Largest M^2/s of fixed-target Drell-Yan points, unless the runcard sets maxTau."""
MAX_RAPIDITY_FRACTION: Final = 0.663
"""Largest |y|/y_max of fixed-target Drell-Yan points."""

NLO: Final = 1
NNLO: Final = 2


class Points:
    """Columns that a cut may use, each (ndata,), and the bound on M^2/s."""

    def __init__(self, commondata: CommonData, max_tau: float = MAX_TAU) -> None:
        self._commondata = commondata
        self.max_tau = max_tau

    def __getitem__(self, name: str) -> Array:
        names = self._commondata.kinematic_names
        if name not in names:
            known = ", ".join(names)
            raise DataError(f"dataset {self._commondata.name}: no {name} to cut on, only {known}")
        return self._commondata.kinematic(name)

    @property
    def index(self) -> Index:
        """Positions of the points in the complete set."""
        return self._commondata.points

    @property
    def central(self) -> Array:
        """Measured values."""
        return self._commondata.central


Condition = Callable[[Points], Mask]


@dataclass(frozen=True)
class Cut:
    """Condition that points of one data set must fulfil."""

    dataset: str
    keep: Condition
    lowest_order: int = 0
    """Lowest perturbative order that it applies to (0 LO, 1 NLO, 2 NNLO)."""
    highest_order: int = 99
    """Highest perturbative order that it applies to."""


def _below(name: str, bound: float) -> Condition:
    return lambda p: p[name] < bound


def _between(name: str, low: float, high: float) -> Condition:
    return lambda p: (p[name] >= low) & (p[name] <= high)


def _at_least(name: str, bound: float) -> Condition:
    return _between(name, bound, np.inf)


def _either_below(first: str, first_bound: float, second: str, second_bound: float) -> Condition:
    return lambda p: (p[first] < first_bound) | (p[second] < second_bound)


def _fixed_target_drell_yan(p: Points) -> Mask:
    """Select where fixed order holds: away from the edge of phase space (arXiv:1507.01006)."""
    tau = p["M2"] / p["sqrts"] ** 2
    y_max = -0.5 * np.log(tau)
    return (tau <= p.max_tau) & (np.abs(p["y"] / y_max) <= MAX_RAPIDITY_FRACTION)


# The last bin of a normalised distribution follows from the others.
_NORMALISED: Final = (
    Cut("CMS_TTBAR_8TEV_2L_DIF_MTTBAR-YT-NORM", lambda p: p.index != 8),
    Cut("ATLAS_TTBAR_8TEV_LJ_DIF_PTT-NORM", _below("pT_t", 450)),
    Cut("ATLAS_TTBAR_8TEV_LJ_DIF_YT-NORM", _below("y_t", 2.05)),
    Cut("ATLAS_TTBAR_8TEV_LJ_DIF_YTTBAR-NORM", _below("y_ttBar", 1.90)),
    Cut("ATLAS_TTBAR_8TEV_LJ_DIF_MTTBAR-NORM", _below("m_ttBar", 1350)),
    Cut("ATLAS_TTBAR_8TEV_2L_DIF_YTTBAR-NORM", _below("y_ttBar", 2.00)),
    Cut("ATLAS_TTBAR_8TEV_2L_DIF_MTTBAR-NORM", _below("m_ttBar", 1000)),
    Cut("CMS_TTBAR_8TEV_LJ_DIF_YT-NORM", _below("y_t", 2.01)),
    Cut("CMS_TTBAR_8TEV_LJ_DIF_YTTBAR-NORM", _below("y_ttBar", 1.82)),
    Cut("ATLAS_TTBAR_13TEV_HADR_DIF_MTTBAR-NORM", _below("m_ttBar", 2130.625)),
    Cut("ATLAS_TTBAR_13TEV_HADR_DIF_YTTBAR-NORM", _below("y_ttBar", 1.995)),
    Cut(
        "ATLAS_TTBAR_13TEV_HADR_DIF_MTTBAR-YTTBAR-NORM",
        _either_below("m_ttBar", 1985, "y_ttBar", 1.645),
    ),
    Cut("ATLAS_TTBAR_13TEV_LJ_DIF_MTTBAR-PTT-NORM", _either_below("pT_t", 640, "m_ttBar", 1500)),
    Cut("ATLAS_TTBAR_13TEV_LJ_DIF_PTT-YT-NORM", _either_below("pT_t", 650, "y_t", 2.0)),
    Cut("ATLAS_TTBAR_13TEV_LJ_DIF_MTTBAR-NORM", _below("m_ttBar", 1750)),
    Cut("ATLAS_TTBAR_13TEV_LJ_DIF_PTT-NORM", _below("pT_t", 737.5)),
    Cut("ATLAS_TTBAR_13TEV_LJ_DIF_YT-NORM", _below("y_t", 2.1)),
    Cut("ATLAS_TTBAR_13TEV_LJ_DIF_YTTBAR-NORM", _below("y_ttBar", 2.15)),
    Cut("CMS_TTBAR_13TEV_LJ_DIF_MTTBAR-NORM", _below("m_ttBar", 2900)),
    Cut("CMS_TTBAR_13TEV_LJ_DIF_YTTBAR-NORM", _below("y_ttBar", 2.1)),
    Cut(
        "CMS_TTBAR_13TEV_LJ_DIF_MTTBAR-YTTBAR-NORM",
        _either_below("m_ttBar", 2250, "y_ttBar", 1.7),
    ),
    Cut("CMS_TTBAR_13TEV_LJ_DIF_PTT-NORM", _below("pT_t", 1250)),
    Cut("CMS_TTBAR_13TEV_LJ_DIF_YT-NORM", _below("y_t", 2.25)),
)

# Regions where fixed-order QCD alone does not hold: resummation is needed at small pT, electroweak
# corrections at large pT and mass, and NNLO K-factors are large or cannot be computed well.
_THEORY: Final = (
    Cut("CMS_Z0_13TEV_AFB", lambda p: (p["m_ll"] < 86) | (p["m_ll"] > 96)),
    Cut("CMS_1JET_8TEV_PTY", _at_least("pT", 74)),
    *(
        Cut(f"LHCB_{name}_MUON_Y", _at_least("y", 2.25), lowest_order=NNLO)
        for name in ("DY_8TEV", "WPWM_8TEV", "Z0_8TEV", "DY_7TEV", "WPWM_7TEV", "Z0_7TEV")
    ),
    Cut("LHCB_Z0_13TEV_DIELECTRON-Y", _at_least("y", 2.20), lowest_order=NNLO),
    Cut("LHCB_Z0_13TEV_DIMUON-Y", _at_least("y", 2.20), lowest_order=NNLO),
    Cut("D0_WPWM_1P96TEV_ASY", lambda p: np.abs(p.central) >= 0.03, lowest_order=NNLO),
    Cut("H1_1JET_319GEV_290PB-1_DIF_PTQ2", lambda p: p["pT"] ** 2 + p["Q2"] > 100),
    Cut("H1_2JET_319GEV_290PB-1_DIF_PTQ2", lambda p: p["pT"] ** 2 + p["Q2"] > 100),
    Cut("ATLAS_WJ_8TEV_WP-PT", _at_least("pT", 30)),
    Cut("ATLAS_WJ_8TEV_WM-PT", _at_least("pT", 30)),
    Cut("ATLAS_Z0J_8TEV_PT-M", _at_least("pT", 30)),
    Cut("ATLAS_Z0J_8TEV_PT-Y", _between("pT", 30, 150)),
    Cut("ATLAS_Z0J_13TEV_PT_LL", _between("pT", 30, 150)),
    Cut("CMS_Z0J_8TEV_PT-Y", _between("pT", 30, 170)),
    Cut("CMS_Z0J_8TEV_PT-Y", lambda p: p["abs_y"] <= 1.6),
    Cut("CMS_Z0J_13TEV_PT-M", _between("pT", 30, 170)),
    Cut("CMS_Z0J_13TEV_PT-M", _at_least("m_ll", 76)),
    # above 116 GeV the set overlaps with the high-mass one
    Cut("ATLAS_Z0_8TEV_LOWMASS_M-Y", lambda p: np.sqrt(p["m_Z2"]) <= 116),
    Cut("CMS_Z0_7TEV_DIMUON_2D", lambda p: (np.sqrt(p["m_Z2"]) <= 200) & (p["y"] <= 2.2)),
    Cut("CMS_Z0_7TEV_DIMUON_2D", lambda p: np.sqrt(p["m_Z2"]) >= 30, highest_order=NLO),
    Cut("ATLAS_Z0_7TEV_49FB_HIMASS", lambda p: p["m_ll"] <= 200),
    Cut("ATLAS_Z0_7TEV_LOMASS_M", lambda p: p.index >= 2, highest_order=NLO),
    Cut("DYE605_Z0_38P8GEV_DW_PXSEC", _fixed_target_drell_yan),
    Cut("DYE866_Z0_800GEV_PXSEC", _fixed_target_drell_yan),
)

DATASET_CUTS: Final = (*_NORMALISED, *_THEORY)
"""All cuts that belong to one data set."""


def kept_points(
    commondata: CommonData,
    q2min: float,
    w2min: float,
    pto: int,
    *,
    fns: str = "FONLL-C",
    intrinsic_charm: bool = True,
    max_tau: float = MAX_TAU,
    dropped: Container[str] = (),
) -> Index:
    """Return the points that pass all cuts.

    Parameters
    ----------
    commondata
        A complete data set.
    q2min, w2min
        Bounds of DIS (GeV^2) from the runcard's `datacuts`: points with Q^2 > q2min and
        W^2 = Q^2 (1 - x)/x > w2min are kept.
    pto
        Perturbative order of the theory: 0 LO, 1 NLO, 2 NNLO, 3 N3LO.
    fns
        Flavour-number scheme of the theory, which determines the cuts on charm production in DIS.
    intrinsic_charm
        Whether charm is fitted (the theory card's IC).
    max_tau
        Bound on M^2/s of fixed-target Drell-Yan, the runcard's `maxTau`.
    dropped
        Data sets whose cuts do not apply, the runcard's `drop_internal_rules`.

    Returns
    -------
    array (kept,)
        Ascending positions, for `n3hyper.data.commondata.cut`.
    """
    points = Points(commondata, max_tau)
    keep = np.ones(commondata.ndata, dtype=bool)
    if commondata.is_lagrange:
        return np.flatnonzero(keep)
    if commondata.process.startswith("DIS"):
        keep &= _dis(points, q2min, w2min)
    if commondata.process == "DIS_NC_CHARM":
        keep &= _charm(points, fns, intrinsic_charm)
    dataset_cuts = () if commondata.name in dropped else DATASET_CUTS
    for rule in dataset_cuts:
        if rule.dataset == commondata.name and rule.lowest_order <= pto <= rule.highest_order:
            keep &= rule.keep(points)
    return np.flatnonzero(keep)


def _dis(p: Points, q2min: float, w2min: float) -> Mask:
    w2 = p["Q2"] * (1 - p["x"]) / p["x"]
    return (p["Q2"] > q2min) & (w2 > w2min)


def _charm(p: Points, fns: str, intrinsic_charm: bool) -> Mask:
    """Cut on charm production at small Q^2, where corrections that the scheme lacks are large."""
    q2 = p["Q2"]
    if fns == "FONLL-A":
        return (q2 > 4) & ((q2 > 10) | (p["x"] > 1e-3))
    if fns in ("FONLL-C", "FONLL-E") and intrinsic_charm:
        return q2 > 8
    return np.ones(len(q2), dtype=bool)
