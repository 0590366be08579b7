"""Structure functions of the proton as rows over its PDFs at Q0."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from n3hyper.physics.arrays import Array, Index
from n3hyper.theory_maker.bases import EVOLUTION_PIDS, FLAVOUR_PIDS, X_GRID
from n3hyper.theory_maker.cards import CalculationCard
from n3hyper.theory_maker.coefficients.schemes import Term, scheme_terms
from n3hyper.theory_maker.coefficients.structure_functions import Calculator, Probe
from n3hyper.theory_maker.coefficients.target_mass import INTEGRATED, TargetMass, target_mass
from n3hyper.theory_maker.operators.evolution import Evolution, frozen
from n3hyper.theory_maker.rematching import rematched

N_CORRECTION_SCALES = 10
"""Number of scales between which the integrals of target-mass corrections are interpolated."""


@dataclass(frozen=True)
class Wanted:
    """Structure function that a table needs."""

    probe: Probe
    kind: str
    """F2, FL or F3."""
    target_mass: bool


@dataclass(frozen=True)
class Proton:
    """Maker of rows of structure functions, summed over all terms of the scheme."""

    calculator: Calculator
    evolution: Evolution

    def rows(self, wanted: Wanted, x: Array, q2: Array) -> Array:
        """Return rows (n, 14 evolution flavours, 50 x) that multiply f at Q0.

        Parameters
        ----------
        x, q2
            The points, shape (n,), with q2 in GeV^2; below `evolution.Q2_MIN` it is frozen.
        """
        card, q2 = self.calculator.card, frozen(q2)
        mass = card.MP if wanted.target_mass and card.TMC else 0.0
        correction = target_mass(wanted.kind, x, q2, mass)
        result = np.zeros((len(x), len(EVOLUTION_PIDS), len(X_GRID)))
        for term in scheme_terms(card):
            active = np.flatnonzero(term.counts(q2))
            if not active.size:
                continue  # there may be no operators for this number of flavours
            coefficients = self._corrected(wanted, term, _select(correction, active), q2[active])
            coefficients = _over_pdfs(coefficients, term, card, q2[active])
            coupling = self.evolution.a_s(term.folded_with, q2[active])
            powers = coupling[:, None] ** np.arange(term.pto + 1)
            # n point, o order, p flavour, i node
            summed = np.einsum("no,nopi->npi", powers, coefficients)
            pulled = self.evolution.pull_back(term.folded_with, q2[active], summed)
            result[active] += term.sign * pulled
        return result

    def _corrected(self, wanted: Wanted, term: Term, correction: TargetMass, q2: Array) -> Array:
        """Return coefficients (n, orders, 14, 50 x) of a term with target-mass corrections."""
        compute = self.calculator.coefficients
        result = compute(term, wanted.probe, wanted.kind, correction.xi, q2)
        result = correction.factor[:, None, None, None] * result
        corrected = np.flatnonzero(correction.corrected)
        if not len(corrected):
            return result
        weights, q2 = correction.weights[corrected], q2[corrected]
        nodes = np.flatnonzero(np.any(weights != 0, axis=0))
        scales = correction_scales(q2)
        grid_q2, grid_x = np.meshgrid(scales, X_GRID[nodes], indexing="ij")
        integrated = INTEGRATED[wanted.kind]
        integrand = compute(term, wanted.probe, integrated, grid_x.ravel(), grid_q2.ravel())
        integrand = integrand.reshape(len(scales), len(nodes), *integrand.shape[1:])
        # n point, s scale, j node of the integral, o order, p flavour, i node
        between = linear_weights(np.log(scales), np.log(q2))
        weights = weights[:, nodes]
        result[corrected] += np.einsum(
            "ns,nj,sjopi->nopi", between, weights, integrand, optimize=True
        )
        return result


def _over_pdfs(coefficients: Array, term: Term, card: CalculationCard, q2: Array) -> Array:
    """Return coefficients (n, orders, 14 flavours, 50 x) of the PDFs that a term is folded with."""
    heavy = term.nf + 1
    if not term.incoming:
        coefficients = coefficients.copy()
        coefficients[:, :, [FLAVOUR_PIDS.index(heavy), FLAVOUR_PIDS.index(-heavy)]] = 0.0
    if term.rematched:
        mass = {4: card.mc, 5: card.mb}[heavy]
        coefficients = rematched(coefficients, heavy, np.log(q2 / mass**2))
    return coefficients


def correction_scales(q2: Array) -> Array:
    """Return scales in GeV^2 for the integrals of corrections at `q2` (n,): all if they are few."""
    distinct = np.unique(q2)
    if len(distinct) <= N_CORRECTION_SCALES:
        return distinct
    return np.geomspace(distinct[0], distinct[-1], N_CORRECTION_SCALES)


def linear_weights(nodes: Array, t: Array) -> Array:
    """Return weights (n, nodes) of linear interpolation between ascending `nodes` at `t` (n,).

    >>> linear_weights(np.array([0.0, 1.0, 2.0]), np.array([0.25, 2.0])).tolist()
    [[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]]
    """
    return np.array([np.interp(t, nodes, unit) for unit in np.eye(len(nodes))]).T


def _select(correction: TargetMass, rows: Index) -> TargetMass:
    return TargetMass(correction.xi[rows], correction.factor[rows], correction.weights[rows])


def wanted_rows(
    proton: Proton,
    requests: Iterable[tuple[Wanted, Array, Array]],
    report: Callable[[str], None],
) -> dict[tuple[Wanted, float, float], Array]:
    """Return the rows of all requested structure functions, each point computed once.

    Parameters
    ----------
    requests
        Structure functions and their points: x (n,) and q2 (n,) in GeV^2.

    Returns
    -------
    dict
        Row (14 evolution flavours, 50 x) of each structure function at each (x, q2).
    """
    points: dict[Wanted, set[tuple[float, float]]] = {}
    for wanted, x, q2 in requests:
        points.setdefault(wanted, set()).update(zip(x.tolist(), q2.tolist(), strict=True))
    result = {}
    for wanted, pairs in points.items():
        ordered = sorted(pairs)
        x, q2 = np.array(ordered).T
        report(f"  {wanted.kind} {wanted.probe}: {len(x)} points")
        rows = proton.rows(wanted, x, q2)
        result.update({(wanted, *pair): row for pair, row in zip(ordered, rows, strict=True)})
    return result
