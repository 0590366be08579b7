"""yadism's coefficient functions of a proton, as arrays, computed in parallel and kept on disk.

yadism provides the channels, with their couplings and functions of z; `folding` integrates them.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import Array
from n3hyper.system.atomic_write import write_atomically
from n3hyper.theory_maker.bases import FLAVOUR_PIDS, INTERPOLATION_DEGREE, X_GRID
from n3hyper.theory_maker.cards import CalculationCard
from n3hyper.theory_maker.coefficients.folding import fold
from n3hyper.theory_maker.coefficients.heavy_loops import mend
from n3hyper.theory_maker.coefficients.schemes import Term
from n3hyper.theory_maker.kinematics import StructureFunctions
from n3hyper.theory_maker.requirements import require

CHUNK = 16
"""Number of points that one task computes and one file of the cache holds."""
LIGHT = ("down", "up", "strange")
"""Quarks that couple in light structure functions. yadism counts charm and bottom among them
where they are massless, so that light, charm and bottom would not add up to the total."""


@dataclass(frozen=True)
class Probe:
    """Process, lepton and quarks of a proton's structure function, beside its kind and point."""

    process: str
    projectile: str
    flavour: str
    charge: str | None

    @classmethod
    def of(cls, content: StructureFunctions) -> Probe:
        """Return the probe of a measurement.

        Unpolarised neutral currents have the same structure functions for either charge of the
        lepton; the sign of xF3 is the cross section's.
        """
        projectile = content.projectile if content.process == "CC" else "electron"
        return cls(content.process, projectile, content.flavour, content.charge)


@dataclass(frozen=True)
class Calculator:
    """Calculator of coefficients, with yadism or from earlier runs."""

    card: CalculationCard
    cache: Path
    pool: Executor

    def coefficients(self, term: Term, probe: Probe, kind: str, x: Array, q2: Array) -> Array:
        """Return coefficient functions folded with the interpolation polynomials.

        Parameters
        ----------
        term, probe
            The calculation, and what it is for.
        kind
            F2, FL or F3 (xF3).
        x, q2
            The points, shape (n,), with q2 in GeV^2.

        Returns
        -------
        Array
            Shape (n, orders, 14 flavours, 50 x): a structure function is the sum over orders o,
            flavours and nodes of a_s^o times this times f (not x f) at q2.
        """
        if not len(x):
            return np.zeros((0, term.pto + 1, len(FLAVOUR_PIDS), len(X_GRID)))
        points, inverse = np.unique(np.stack([q2, x], axis=1), axis=0, return_inverse=True)
        chunks = [points[start : start + CHUNK] for start in range(0, len(points), CHUNK)]
        compute = partial(_chunk, self.card, self.cache, term, probe, kind)
        return np.concatenate(list(self.pool.map(compute, chunks)))[inverse.ravel()]


def _chunk(
    card: CalculationCard, cache: Path, term: Term, probe: Probe, kind: str, points: Array
) -> Array:
    """Return coefficients at points (n, 2) of (Q2, x), from the cache if it has them."""
    theory = card.for_yadism(term.scheme, term.nf, term.parts, term.pto, term.pto_evol)
    theory = {key: value for key, value in theory.items() if key not in ("ID", "Comments")}
    probes = coupled(probe)
    mended = ["heavy loops, mended"] if term.scheme != "ZM-VFNS" else []
    identity = [theory, [asdict(part) for part in probes], kind, points.tolist(), *mended]
    content = json.dumps(identity, sort_keys=True)
    path = cache / f"{kind}_{hashlib.sha256(content.encode()).hexdigest()[:24]}.npz"
    if path.exists():
        with np.load(path) as archive:
            return np.asarray(archive["coefficients"])
    observable = f"{kind}_{probe.flavour}"
    result = sum(_computed(theory, part, observable, points, term.pto) for part in probes)
    archive = io.BytesIO()
    np.savez_compressed(archive, coefficients=result)
    write_atomically(path, [archive.getvalue()])
    return np.asarray(result)


def coupled(probe: Probe) -> list[Probe]:
    """Return the probes, in yadism's terms, whose sum is `probe`; see `LIGHT`."""
    if probe.flavour == "light" and probe.charge in (None, "all"):
        return [replace(probe, charge=charge) for charge in LIGHT]
    return [probe]


def _computed(
    theory: dict[str, Any], probe: Probe, observable: str, points: Array, pto: int
) -> Array:
    """Compute coefficients (n, orders, 14 flavours, 50 x) at points (n, 2) of (Q2 in GeV^2, x)."""
    runner, combiner = require("yadism.runner"), require("yadism.coefficient_functions").Combiner
    require("yadism.log").silent_mode = True
    mend()
    card = {
        "observables": {observable: [{"x": float(x), "Q2": float(q2)} for q2, x in points]},
        "prDIS": probe.process,
        "ProjectileDIS": probe.projectile,
        "TargetDIS": "proton",
        "NCPositivityCharge": probe.charge,
        "PolarizationDIS": 0.0,
        "PropagatorCorrection": 0.0,
        "interpolation_xgrid": X_GRID.tolist(),
        "interpolation_polynomial_degree": INTERPOLATION_DEGREE,
        "interpolation_is_log": True,
    }
    points_of = runner.Runner(theory, card).observables[observable].elements
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # raised at thresholds; `_folded` checks the result
        return np.stack([_folded(combiner(point).collect_elems(), pto) for point in points_of])


def _folded(channels: Iterable[Any], pto: int) -> Array:
    """Return the sum of yadism's channels at one point: (orders, 14 flavours, 50 x)."""
    result = np.zeros((pto + 1, len(FLAVOUR_PIDS), len(X_GRID)))
    for channel in channels:
        partons = np.array([channel.partons.get(pid, 0.0) for pid in FLAVOUR_PIDS])
        for order in range(pto + 1):
            distribution = channel.coeff[order]() if channel.has_order(order) else None
            if distribution is not None:
                x = channel.coeff.convolution_point()  # above Bjorken x for a massive final state
                result[order] += np.outer(partons, x * fold(distribution, x))
    if not np.all(np.isfinite(result)):
        raise TheoryError("yadism gives coefficients that are not finite")
    return result
