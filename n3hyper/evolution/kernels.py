"""Kernels of evolution and matching at moments N, by eko; run in a process of its own.

eko's functions are made for numba, which takes a quarter of an hour to compile all of them. They
are called a few ten thousand times here, for which plain Python is quick enough.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from n3hyper.evolution.cards import INTERPOLATION_DEGREE, EvolutionCard
from n3hyper.evolution.mellin import Complex, Contour, invert, polynomials
from n3hyper.evolution.steps import Label, Step
from n3hyper.evolution.truncated import series
from n3hyper.physics.arrays import Array

SINGLET = (21, 100, 90)
"""Gluon, sum of the quarks, and the heavy quark with its antiquark: poles up to N = 1."""
_OFFSETS = {True: 1.0, False: 0.0}
_PLACES = {100: 0, 21: 1}
"""Of the distributions in eko's matrix of splitting functions."""
_MATCHING_PLACES = {21: 0, 100: 1, 90: 2, 200: 0, 91: 1}


def without_compiler() -> None:
    """Prepare a new process for eko: nothing is compiled."""
    os.environ["NUMBA_DISABLE_JIT"] = "1"


def rows(
    card: EvolutionCard, xgrid: Array, steps: Sequence[Step], numbers: Sequence[int]
) -> list[Array]:
    """Return some rows of the operators of each step, (labels, numbers, n). Imports eko."""
    basis = polynomials(xgrid, INTERPOLATION_DEGREE)
    values = [np.zeros((len(step.labels), len(numbers), len(xgrid))) for step in steps]
    for singlet, offset in _OFFSETS.items():
        places = [
            (number, i)
            for number, step in enumerate(steps)
            for i, label in enumerate(step.labels)
            if (label[0] in SINGLET) == singlet
        ]
        if not places:
            continue
        for place, row in enumerate(numbers):
            contour = Contour.of(row, xgrid)
            kernels = _Kernels(card, contour.moments(offset))
            elements = [kernels.element(steps[step], steps[step].labels[i]) for step, i in places]
            found = invert(contour, np.array(elements, dtype=complex), offset, xgrid, basis)
            for (step, i), operator in zip(places, found, strict=True):
                values[step][i, place] = operator
    return values


class _Kernels:
    """All kernels at some moments; splitting functions are computed once."""

    def __init__(self, card: EvolutionCard, moments: Complex) -> None:
        self._card, self._moments = card, moments
        self._order = (card.pto + 1, 0)
        self._known: dict[tuple[Any, ...], Any] = {}

    def element(self, step: Step, label: Label) -> Complex:
        """An element of a step at all moments, (moments,)."""
        if step.matching:
            key = (step.nf, step.inverse, step.couplings[1], label[0] in SINGLET)
            row, column = (_MATCHING_PLACES[name] for name in label)
            return np.asarray(self._once(self._matching, key)[:, row, column])
        if label[0] in SINGLET:
            row, column = (_PLACES[name] for name in label)
            matrices = self._once(self._singlet, (step.nf, *step.couplings))
            return np.asarray(matrices[:, row, column])
        return self._non_singlet(step, label[0])

    def _once(self, function: Callable[..., Any], key: tuple[Any, ...]) -> Any:
        """Return a function that computes each of its values once."""
        name = (function.__name__, *key)
        if name not in self._known:
            self._known[name] = function(*key)
        return self._known[name]

    # ------------------------------------------------------------ evolution
    def _singlet(self, nf: int, old: float, new: float) -> Complex:
        """The solution for the sum of quarks and the gluon, (moments, 2, 2)."""
        from eko.kernels import singlet

        card, order = self._card, self._order
        gammas = self._once(self._gammas, (nf, None))
        if card.solution == "TRN" and card.pto >= 1 and not card.eko_solution:
            beta = _beta(nf, order)
            leading = np.array([singlet.lo_exact(gamma, new, old, beta) for gamma in gammas])
            return series(leading, self._once(self._expansion, (nf,)), new, old, order[0])
        more = (nf, card.iterations, (1, 0))
        found = [
            singlet.dispatcher(order, self._method(), gamma, new, old, *more) for gamma in gammas
        ]
        return np.array(found)

    def _expansion(self, nf: int) -> Complex:
        """The coefficients U_k of the truncated solution, (orders, moments, 2, 2)."""
        from eko.kernels import singlet

        order = self._order
        found = []
        for gamma in self._once(self._gammas, (nf, None)):
            r = singlet.r_vec(gamma, _beta(nf, order), order, order, False)
            found.append(singlet.u_vec(r, order)[: order[0]])
        return np.array(found).swapaxes(0, 1)

    def _non_singlet(self, step: Step, mode: int) -> Complex:
        from eko.kernels import non_singlet

        old, new = step.couplings
        gammas = self._once(self._gammas, (step.nf, mode))
        arguments = (new, old, step.nf)
        found = [
            non_singlet.dispatcher(self._order, self._method(), gamma, *arguments)
            for gamma in gammas
        ]
        return np.array(found, dtype=complex)

    def _gammas(self, nf: int, mode: int | None) -> list[Any]:
        """Anomalous dimensions at all moments, of the singlet (None) or of a valence."""
        from ekore.anomalous_dimensions.unpolarized import space_like

        options = (nf, self._card.splitting_variations, self._card.fhmruvv)
        if mode is None:
            return [space_like.gamma_singlet(self._order, n, *options) for n in self._moments]
        return [space_like.gamma_ns(self._order, mode, n, *options) for n in self._moments]

    def _method(self) -> Any:
        from eko.io.types import EvolutionMethod
        from eko.kernels import ev_method

        return ev_method(EvolutionMethod(self._card.method))

    # ------------------------------------------------------------ matching
    def _matching(self, nf: int, inverse: bool, a_s: float, singlet: bool) -> Complex:
        """The matching of `nf` with `nf` + 1 flavours, (moments, n, n)."""
        from eko.evolution_operator.operator_matrix_element import matching_method
        from eko.evolution_operator.quad_ker import build_ome
        from eko.io.types import InversionMethod
        from ekore.operator_matrix_elements.unpolarized import space_like

        card = self._card
        order, log = (card.pto, 0), 2 * np.log(card.ratios[nf - 3])
        method = matching_method(InversionMethod(card.inversion) if inverse else None)
        found = []
        for n in self._moments:
            if singlet:
                elements = space_like.A_singlet(order, n, nf, log, card.scheme == "MSBAR")
            else:
                elements = space_like.A_non_singlet(order, n, nf, log)
            found.append(build_ome(elements, order, a_s, method))
        return np.array(found)


def _beta(nf: int, order: tuple[int, int]) -> list[float]:
    """The coefficients of the beta function."""
    from eko.beta import beta_qcd

    return [beta_qcd((2 + k, 0), nf) for k in range(order[0])]
