"""Measured cross sections on nuclei, made of the structure functions of the proton."""

from __future__ import annotations

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import Array
from n3hyper.theory_maker.bases import EVOLUTION_PIDS
from n3hyper.theory_maker.cards import CalculationCard
from n3hyper.theory_maker.kinematics import StructureFunctions

KINDS = ("F2", "FL", "F3")
"""Structure functions that cross sections are made of; F3 stands for xF3."""
GEV_TO_CM2 = 3.893793e10
"""GeV^-2 in 10^-38 cm^2."""
_ISOVECTOR = [EVOLUTION_PIDS.index(pid) for pid in (203, 103)]


def coefficients(
    content: StructureFunctions, card: CalculationCard, x: Array, q2: Array, y: Array
) -> dict[str, Array]:
    """Return the coefficient of each structure function in the observable, shape (n,) each.

    Reduced cross sections are, with Y+- = 1 +- (1-y)^2,

        HERA NC      F2 - y^2/Y+ FL +- Y-/Y+ xF3        (arXiv:1506.06042; + for electrons)
        HERA NC avg  F2 - y^2/Y+ FL                     (the mean of the two charges)
        HERA CC      (Y+ F2 - y^2 FL +- Y- xF3) / 4     (twice the F of W exchange used there)
        NuTeV CC     100/(2 (1+Q2/MW^2)^2) (Y+' F2 - y^2 FL +- Y- xF3)
        CHORUS CC    GF^2 M/(2 pi (1+Q2/MW^2)^2) (Y+' F2 - y^2 FL +- Y- xF3)   in 10^-38 cm^2/GeV

    where Y+' = Y+ - 2 (M x y)^2/Q2 keeps the mass of the target. Only structure functions with
    nonzero coefficients are returned.

    Parameters
    ----------
    x, q2, y
        The points, shape (n,), with q2 in GeV^2.
    """
    if content.kind in KINDS:
        return {content.kind: np.ones_like(x)}
    if np.any((y <= 0) | (y > 1)):
        raise TheoryError(
            f"{content.kind}: reduced cross sections need 0 < y <= 1 in the kinematics"
        )
    sign = -1.0 if content.projectile in ("positron", "antineutrino") else 1.0
    y_plus, y_minus = 1 + (1 - y) ** 2, 1 - (1 - y) ** 2
    if content.kind in ("XSHERANC", "XSHERANCAVG"):
        norm = 1 / y_plus
    elif content.kind == "XSHERACC":
        norm = np.full_like(x, 0.25)
    elif content.kind in ("XSNUTEVCC", "XSCHORUSCC"):
        y_plus = y_plus - 2 * (card.MP * x * y) ** 2 / q2
        norm = _neutrino_norm(content.kind, card) / (1 + q2 / card.MW**2) ** 2
    else:
        raise TheoryError(f"{content.kind}: no such cross section")
    result = {"F2": norm * y_plus, "FL": -norm * y**2}
    if content.kind != "XSHERANCAVG":
        result["F3"] = sign * norm * y_minus
    return result


def _neutrino_norm(kind: str, card: CalculationCard) -> float:
    """Return the normalisation of neutrino cross sections, without the W propagator."""
    if kind == "XSNUTEVCC":
        return 50.0
    return GEV_TO_CM2 * card.GF**2 * card.MP / (2 * np.pi)


def bound_in(nucleus: tuple[float, float], proton: Array) -> Array:
    """Turn rows over proton PDFs for a proton into rows for a nucleus (Z, A), per nucleon.

    Isospin symmetry exchanges u and d in a neutron, which changes the sign of V3 and T3; evolution
    commutes with it. No other nuclear correction is made.

    Parameters
    ----------
    proton
        Shape (n, 14 evolution flavours, 50 x).
    """
    protons, nucleons = nucleus
    result = proton.copy()
    result[:, _ISOVECTOR] *= 2 * protons / nucleons - 1
    return result
