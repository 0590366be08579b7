"""Sum rules that the evolution conserves: total momentum and the numbers of valence quarks.

A rule is a few rows of weights over the PDFs at Q, pulled back to Q0 as any observable is. Folded
with PDFs at Q0 that obey the rule, it must give the same number. Evolution carries momentum and
valence to ever smaller x, so that the part below the lowest node is not negligible at high scales
(7e-4 of the momentum at Q^2 = 1e5 GeV^2): it is extrapolated with the power of x at that node.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.system.atomic_write import write_atomically
from n3hyper.theory_maker.bases import EVOLUTION_PIDS, FLAVOUR_PIDS, X_GRID
from n3hyper.theory_maker.coefficients.target_mass import integral_weights
from n3hyper.theory_maker.operators.evolution import N_NODES, Evolution, node_scales

FILE = "sum_rules.npz"
TOLERANCE = 1.0e-4
EXPECTED = {"momentum": 1.0, "V": 3.0, "V3": 1.0, "V8": 3.0, "V15": 3.0}
"""The sum rules of a proton without intrinsic charm valence."""
SCALES_PER_FLAVOUR_NUMBER = 3
_CHARGES = {
    "V": dict.fromkeys(range(1, 7), 1.0),
    "V3": {2: 1.0, 1: -1.0},
    "V8": {2: 1.0, 1: 1.0, 3: -2.0},
    "V15": {2: 1.0, 1: 1.0, 3: 1.0, 4: -3.0},
}
"""Coefficient of each quark minus antiquark in the valence combinations."""


def rule(name: str) -> Array:
    """Return the rows over f at Q from which `integral` makes a sum rule.

    Returns
    -------
    Array
        Shape (3, 14 flavours, 50 x): the integral over x above the lowest node, and x times the
        integrand at the two lowest nodes.
    """
    power = 0 if name == "momentum" else 1  # the integrand is x f / x^power
    rows = np.zeros((3, len(X_GRID)))
    rows[0] = integral_weights(float(X_GRID[0]), power) * X_GRID  # x f is smoother than f
    rows[1, 0], rows[2, 1] = X_GRID[:2] ** (2 - power)
    return np.asarray(np.einsum("p,ri->rpi", _partons(name), rows))


def _partons(name: str) -> Array:
    """Return the coefficient of each parton in a rule, shape (14 flavours,)."""
    if name == "momentum":
        return np.array([float(pid != 22) for pid in FLAVOUR_PIDS])
    charges = _CHARGES[name]
    return np.array([np.sign(pid) * charges.get(abs(pid), 0.0) for pid in FLAVOUR_PIDS])


def integral(rows: Array, pdfs: Array) -> Array:
    """Return the integral over all x of a rule, for PDFs f (flavours, 50 x).

    Parameters
    ----------
    rows
        Shape (..., 3, flavours, 50 x), from `rule` or pulled back.

    Returns
    -------
    Array
        Shape (...,). With x g ~ x^p at the lowest node x_0, g being the integrand, the part below
        it is x_0 g(x_0)/p.
    """
    above, first, second = np.moveaxis(np.einsum("...rfi,fi->...r", rows, pdfs), -1, 0)
    power = np.log(second / first) / np.log(X_GRID[1] / X_GRID[0])
    return np.asarray(above + first / power)


def pulled_back_rules(evolution: Evolution) -> dict[str, Array]:
    """Return all rules at a few scales of each number of flavours, as rows over the PDFs at Q0.

    Returns
    -------
    dict
        ``q2`` (n,) in GeV^2, ``nf`` (n,), and the rows (n, 3, 14 evolution flavours, 50 x) of each
        rule.
    """
    scales: list[tuple[float, int]] = []
    for nf in N_NODES:
        nodes = node_scales(evolution.card, nf)
        chosen = np.linspace(0, len(nodes) - 1, SCALES_PER_FLAVOUR_NUMBER).round().astype(int)
        scales += [(float(q2), nf) for q2 in nodes[chosen]]
    content = {"q2": np.array([q2 for q2, _ in scales]), "nf": np.array([nf for _, nf in scales])}
    for name in EXPECTED:
        rows = [evolution.pull_back(nf, np.full(3, q2), rule(name)) for q2, nf in scales]
        content[name] = np.stack(rows)
    return content


def violation(rules: Mapping[str, Array]) -> dict[str, float]:
    """Return the largest deviation of each rule from `EXPECTED` for the Les Houches toy PDFs."""
    pdfs = les_houches(X_GRID)
    return {
        name: float(np.abs(integral(rules[name], pdfs) - expected).max())
        for name, expected in EXPECTED.items()
    }


def write_rules(rules: Mapping[str, Array], folder: Path) -> None:
    """Store the rules with the theory, so that they can be checked without eko."""
    arrays: dict[str, Any] = dict(rules)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_atomically(folder / FILE, [content.getvalue()])


def les_houches(x: Array) -> Array:
    """Return the Les Houches toy PDFs (hep-ph/0204316), f (14 evolution flavours, n) at `x`."""
    u_v, d_v = 5.107200 * x**0.8 * (1 - x) ** 3, 3.064320 * x**0.8 * (1 - x) ** 4
    gluon = 1.7 * x**-0.1 * (1 - x) ** 5
    d_sea = 0.1939875 * x**-0.1 * (1 - x) ** 6
    u_sea = (1 - x) * d_sea
    s_sea = 0.2 * (u_sea + d_sea)
    up, down, strange = u_v + 2 * u_sea, d_v + 2 * d_sea, 2 * s_sea
    quarks, valence = up + down + strange, u_v + d_v
    content = {100: quarks, 21: gluon, 200: valence, 203: u_v - d_v, 103: up - down}
    content |= dict.fromkeys((208, 215, 224, 235), valence)
    content |= dict.fromkeys((115, 124, 135), quarks)
    content[108] = up + down - 2 * strange
    zero = np.zeros_like(x)
    return np.stack([content.get(pid, zero) for pid in EVOLUTION_PIDS]) / x
