"""PDF evolution: eko's operators at a few scales, interpolated to every other.

An operator E takes the PDFs at Q0, in the evolution basis, to those at mu with nf flavours:
f_a(x_i, mu) = sum_bj E[a, i, b, j] f_b(x_j, Q0). Its elements are smooth functions of
t = log log(mu^2 / Lambda^2), in which the logarithm of the coupling runs almost linearly, so that
polynomials through a few Chebyshev nodes in t reach any scale (the README of the shipped theory
says how accurately). With fixed nodes the same operators serve every dataset.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import Array
from n3hyper.system.atomic_write import write_atomically
from n3hyper.theory_maker.cards import EVOLUTION_METHODS, CalculationCard
from n3hyper.theory_maker.operators.truncated import mend
from n3hyper.theory_maker.requirements import require

Q2_MIN = 1.0
"""Scale in GeV^2 below which scales are frozen, see `frozen`."""
Q2_MAX = 1.0e5
"""Scale in GeV^2 that no measurement of deep-inelastic scattering reaches."""
N_NODES = {3: 14, 4: 14, 5: 11}
"""Number of scales at which eko is run, for each number of flavours."""
BATCH = 7
"""Number of scales that one run of eko solves (they share the path to the threshold)."""
_LAMBDA2 = 0.25**2


def frozen(q2: Array) -> Array:
    """Return the scale of coupling and PDFs in GeV^2: `q2`, but at least `Q2_MIN`.

    Perturbation theory ends there. Rows below `Q2_MIN` exist only because a table has one row for
    each point of the commondata.
    """
    return np.maximum(q2, Q2_MIN)


def log_log(q2: Array) -> Array:
    """Return the variable of the interpolation, t = log log(q2 / Lambda^2) with q2 in GeV^2."""
    return np.log(np.log(q2 / _LAMBDA2))


def chebyshev(lower: float, upper: float, n: int) -> Array:
    """Return Chebyshev nodes of the first kind between `lower` and `upper`, shape (n,)."""
    angles = (2 * np.arange(n) + 1) * np.pi / (2 * n)
    return 0.5 * (lower + upper) - 0.5 * (upper - lower) * np.cos(angles)


def node_scales(card: CalculationCard, nf: int) -> Array:
    """Return the scales mu^2 in GeV^2 of operators with `nf` flavours, shape (N_NODES[nf],)."""
    lowest = card.thresholds[1] if nf == 5 else Q2_MIN
    ends = log_log(np.array([lowest, Q2_MAX]))
    t = chebyshev(float(ends[0]), float(ends[1]), N_NODES[nf])
    return np.asarray(np.exp(np.exp(t)) * _LAMBDA2)


def lagrange_weights(nodes: Array, t: Array) -> Array:
    """Return the weights (n, K) of values at Chebyshev `nodes` (K,) in the polynomial at `t` (n,).

    The formula is the barycentric one, Berrut and Trefethen, SIAM Review 46 (2004) 501.

    >>> nodes = chebyshev(-1.0, 1.0, 4)
    >>> bool(np.allclose(lagrange_weights(nodes, np.array([0.3])) @ nodes**3, 0.3**3))
    True
    """
    n = len(nodes)
    barycentric = (-1.0) ** np.arange(n) * np.sin((2 * np.arange(n) + 1) * np.pi / (2 * n))
    distance = t[:, None] - nodes[None, :]
    exact = distance == 0
    terms = barycentric / np.where(exact, 1.0, distance)
    terms = np.where(exact.any(axis=1, keepdims=True), exact.astype(float), terms)
    return np.asarray(terms / terms.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Evolution:
    """Evolution of a theory: its operators at the nodes, and the strong coupling."""

    card: CalculationCard
    operators: dict[int, Array]
    """Operators of each number of flavours, (nodes, 14 flavours, 50 x, 14 evolution, 50 x)."""
    couplings: Any = field(repr=False)
    """eko's solution of the renormalisation group equation."""
    scales: dict[int, Array] | None = None
    """Scales of the operators in GeV^2 for each number of flavours, if no others will be asked for;
    None for the nodes, between which operators are interpolated."""

    def a_s(self, nf: int, q2: Array) -> Array:
        """Return the coupling alpha_s / 4 pi with `nf` flavours at scales `q2` (n,) in GeV^2."""
        return np.array([self.couplings.a_s(scale, nf_to=nf) for scale in frozen(q2)])

    def weights(self, nf: int, q2: Array) -> Array:
        """Return the weights (n, nodes) of the nodes in the operators at the scales `q2` (n,).

        Raises
        ------
        TheoryError
            If a scale lies above all nodes.
        """
        if self.scales is not None:
            return np.equal.outer(frozen(q2), self.scales[nf]).astype(float)
        if q2.size and q2.max() > Q2_MAX:
            raise TheoryError(f"Q2 = {q2.max():g} GeV^2 is above the highest scale, {Q2_MAX:g}")
        return lagrange_weights(log_log(node_scales(self.card, nf)), log_log(frozen(q2)))

    def pull_back(self, nf: int, q2: Array, coefficients: Array) -> Array:
        """Turn coefficients of the PDFs at `q2` into coefficients of the PDFs at Q0.

        Parameters
        ----------
        nf
            Number of flavours of the PDFs that `coefficients` multiply.
        q2
            Scale of each row in GeV^2, shape (n,).
        coefficients
            Shape (n, 14 flavours, 50 x).

        Returns
        -------
        Array
            Shape (n, 14 evolution flavours, 50 x).
        """
        # n row, k node, p flavour and x at q2, e evolution flavour and x at Q0
        nodes, *shape = self.operators[nf].shape
        operators = self.operators[nf].reshape(nodes, shape[0] * shape[1], -1)
        weights = self.weights(nf, q2)
        rows = coefficients.reshape(len(q2), operators.shape[1])
        result = sum(weights[:, k, None] * (rows @ operators[k]) for k in range(nodes))
        return np.asarray(result).reshape(len(q2), *shape[2:])

    def push_forward(self, nf: int, q2: float, pdfs: Array) -> Array:
        """Evolve PDFs f (14 evolution flavours, 50 x) at Q0 to PDFs (14 flavours, 50 x) at `q2`."""
        weights = self.weights(nf, np.array([q2]))[0]
        return np.asarray(np.einsum("k,kaibj,bj->ai", weights, self.operators[nf], pdfs))


def make_evolution(
    card: CalculationCard,
    cache: Path,
    pool: Executor,
    scales: Sequence[tuple[float, int]] | None = None,
) -> Evolution:
    """Compute the evolution of a theory; operators in `cache` are not computed again.

    Parameters
    ----------
    scales
        All (mu^2 in GeV^2, number of flavours) that will be asked for. If they are fewer than the
        nodes, eko is run at them, and nothing is interpolated.
    """
    folder = cache / f"operators_{_fingerprint(card)}"
    folder.mkdir(parents=True, exist_ok=True)
    few = scales is not None and len(scales) < sum(N_NODES.values())
    at = {nf: node_scales(card, nf) for nf in N_NODES}
    if scales is not None and few:
        at = {nf: np.unique([q2 for q2, n in scales if n == nf]) for nf in N_NODES}
    missing = [
        [scale for scale in batch if not _path(folder, *scale).exists()] for batch in _batches(at)
    ]
    missing = [batch for batch in missing if batch]
    if missing:
        list(pool.map(partial(_solve, card, folder), missing))
    operators = {
        nf: np.stack([np.load(_path(folder, float(q2), nf)) for q2 in at[nf]])
        for nf in at
        if at[nf].size
    }
    return Evolution(card, operators, _couplings(card), at if few else None)


def _fingerprint(card: CalculationCard) -> str:
    """Return a short hash of all that an operator depends on, except its scale."""
    parts: list[Any] = [card.for_eko(), card.operators_for_eko([])]
    if _truncated(card):
        parts.append("the truncated solution, mended")
    content = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _truncated(card: CalculationCard) -> bool:
    """Return whether the solution is the one that `truncated.mend` corrects."""
    return card.PTO >= 2 and EVOLUTION_METHODS[card.ModEv] == "truncated"


def _batches(at: Mapping[int, Array]) -> list[list[tuple[float, int]]]:
    """Return all (mu^2 in GeV^2, number of flavours), in batches for one run of eko each."""
    batches = []
    for nf in at:
        scales = [(float(q2), nf) for q2 in at[nf]]
        batches += [scales[start : start + BATCH] for start in range(0, len(scales), BATCH)]
    return batches


def _path(folder: Path, q2: float, nf: int) -> Path:
    return folder / f"nf{nf}_q2_{q2:.6e}.npy"


def _solve(card: CalculationCard, folder: Path, scales: list[tuple[float, int]]) -> None:
    """Compute the operators at `scales`, (mu^2 in GeV^2, number of flavours) each, with eko."""
    runner, runcards = require("eko.runner.managed"), require("eko.io.runcards")
    struct, manipulate = require("eko.io.struct"), require("eko.io.manipulate")
    if _truncated(card):
        mend()
    theory = runcards.TheoryCard.from_dict(card.for_eko())
    mugrid = [(float(np.sqrt(q2)), nf) for q2, nf in scales]
    operator = runcards.OperatorCard.from_dict(card.operators_for_eko(mugrid))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "eko.tar"
        runner.solve(theory, operator, path)
        with struct.EKO.read(path) as eko:
            for (mu2, nf), result in eko.items():
                q2 = min((q2 for q2, n in scales if n == nf), key=lambda q2: abs(q2 - mu2))
                _save(_path(folder, q2, nf), manipulate.to_evol(result, source=True).operator)


def _save(path: Path, array: Array) -> None:
    """Write `array` so that the file is complete or does not exist."""
    content = io.BytesIO()
    np.save(content, array)
    write_atomically(path, [content.getvalue()])


def _couplings(card: CalculationCard) -> Any:
    couplings, runcards = require("eko.couplings"), require("eko.io.runcards")
    types = require("eko.io.types")
    theory = runcards.TheoryCard.from_dict(card.for_eko())
    return couplings.Couplings(
        theory.couplings,
        theory.order,
        couplings.couplings_mod_ev(types.EvolutionMethod(EVOLUTION_METHODS[card.ModEv])),
        masses=[mass.value**2 for mass in theory.heavy.masses],
        hqm_scheme=theory.heavy.masses_scheme,
        thresholds_ratios=[ratio**2 for ratio in theory.heavy.matching_ratios],
    )
