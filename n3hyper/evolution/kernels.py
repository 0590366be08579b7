"""Kernels of evolution and matching at moments N, by eko; run in a process of its own.

eko's functions are made for numba, which takes a quarter of an hour to compile all of them. They
are called a few ten thousand times here, for which plain Python is quick enough.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from n3hyper.evolution.cards import INTERPOLATION_DEGREE, EvolutionCard
from n3hyper.evolution.mellin import Complex, Contour, invert, polynomials
from n3hyper.evolution.steps import Label, Step
from n3hyper.evolution.truncated import truncated
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


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of the operators of all steps."""

    contour: Contour
    values: tuple[Array, ...]
    """Of each step, (labels, rows, n)."""


def rows(card: EvolutionCard, xgrid: Array, steps: Sequence[Step], contour: Contour) -> Rows:
    """Return what the steps are at the nodes of one path. Imports eko."""
    basis = polynomials(xgrid, INTERPOLATION_DEGREE)
    values = [np.zeros((len(step.labels), len(contour.rows), len(xgrid))) for step in steps]
    for singlet, offset in _OFFSETS.items():
        kernels = _Kernels(card, contour.moments(offset))
        places = [
            (number, i)
            for number, step in enumerate(steps)
            for i, label in enumerate(step.labels)
            if (label[0] in SINGLET) == singlet
        ]
        if not places:
            continue
        elements = [kernels.element(steps[number], steps[number].labels[i]) for number, i in places]
        found = invert(contour, np.array(elements, dtype=complex), offset, xgrid, basis)
        for (number, i), operator in zip(places, found, strict=True):
            values[number][i] = operator
    return Rows(contour, tuple(values))


class _Kernels:
    """All kernels at some moments; splitting functions are computed once."""

    def __init__(self, card: EvolutionCard, moments: Complex) -> None:
        self._card, self._moments = card, moments
        self._order = (card.pto + 1, 0)
        self._known: dict[tuple[Any, ...], list[Any]] = {}

    def element(self, step: Step, label: Label) -> list[complex]:
        """An element of a step at all moments."""
        return self._matching(step, label) if step.matching else self._evolution(step, label)

    def _once(self, key: tuple[Any, ...], function: Callable[[complex], Any]) -> list[Any]:
        if key not in self._known:
            self._known[key] = [function(moment) for moment in self._moments]
        return self._known[key]

    def _evolution(self, step: Step, label: Label) -> list[complex]:
        from eko.io.types import EvolutionMethod
        from eko.kernels import ev_method, non_singlet, singlet
        from ekore.anomalous_dimensions.unpolarized import space_like

        card, order, nf = self._card, self._order, step.nf
        method = ev_method(EvolutionMethod(card.method))
        old, new = step.couplings
        options = (card.splitting_variations, card.fhmruvv)
        if label[0] in SINGLET:
            gammas = self._once(
                ("gamma", nf), lambda n: space_like.gamma_singlet(order, n, nf, *options)
            )
            numbers = iter(gammas)
            mended = card.solution == "TRN" and card.pto >= 2 and not card.eko_solution
            solve = _truncated if mended else singlet.dispatcher
            more = (nf, card.iterations, (1, 0))
            matrices = self._once(
                ("singlet", nf, old, new),
                lambda n: solve(order, method, next(numbers), new, old, *more),
            )
            return [matrix[_PLACES[label[0]], _PLACES[label[1]]] for matrix in matrices]
        gammas = self._once(
            ("gamma", nf, label[0]),
            lambda n: space_like.gamma_ns(order, label[0], n, nf, *options),
        )
        return [non_singlet.dispatcher(order, method, each, new, old, nf) for each in gammas]

    def _matching(self, step: Step, label: Label) -> list[complex]:
        from eko.evolution_operator.operator_matrix_element import matching_method
        from eko.evolution_operator.quad_ker import build_ome
        from eko.io.types import InversionMethod
        from ekore.operator_matrix_elements.unpolarized import space_like

        card, nf = self._card, step.nf
        order, log = (card.pto, 0), 2 * np.log(card.ratios[nf - 3])
        method = matching_method(InversionMethod(card.inversion) if step.inverse else None)
        row, column = (_MATCHING_PLACES[each] for each in label)
        if label[0] in SINGLET:
            running = card.scheme == "MSBAR"

            def elements(n: complex) -> Any:
                return space_like.A_singlet(order, n, nf, log, running)
        else:

            def elements(n: complex) -> Any:
                return space_like.A_non_singlet(order, n, nf, log)

        def matrix(n: complex) -> Any:
            return build_ome(elements(n), order, step.couplings[1], method)

        key = ("matching", nf, step.inverse, label[0] in SINGLET)
        return [each[row, column] for each in self._once(key, matrix)]


def _truncated(
    order: tuple[int, int], _method: Any, gamma: Any, a1: float, a0: float, nf: int, *_: Any
) -> Complex:
    """The truncated solution, in the place of eko's."""
    from eko.beta import beta_qcd

    return truncated(gamma, a1, a0, [beta_qcd((2 + k, 0), nf) for k in range(order[0])], order)
