"""Cards of yadism for the tests that compare with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from n3hyper.theory_maker.bases import X_GRID


def yadism_card(
    observable: str, process: str, points: Iterable[tuple[float, float]]
) -> dict[str, Any]:
    """Return the card of structure functions of electrons on protons at (x, Q2 in GeV^2)."""
    return {
        "observables": {observable: [{"x": x, "Q2": q2} for x, q2 in points]},
        "prDIS": process,
        "ProjectileDIS": "electron",
        "TargetDIS": "proton",
        "NCPositivityCharge": None,
        "PolarizationDIS": 0.0,
        "PropagatorCorrection": 0.0,
        "interpolation_xgrid": X_GRID.tolist(),
        "interpolation_polynomial_degree": 4,
        "interpolation_is_log": True,
    }
