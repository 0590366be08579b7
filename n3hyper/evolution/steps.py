"""The way from Q0 to each scale: evolution at fixed numbers of flavours, matching in between.

A step acts on all PDFs as a sum of few operators in x, each times a matrix of flavours:
f_a(x_i) -> sum_l F_l[a, b] O_l[i, j] f_b(x_j). Everything that knows of eko is in functions that
import it themselves, to be run in a process of their own (see `operators`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from n3hyper.evolution.cards import EvolutionCard
from n3hyper.evolution.scales import Scale
from n3hyper.physics.arrays import Array

Label = tuple[int, int]
"""eko's name of an element: numbers of the outgoing and of the incoming distribution."""

FLAVOUR_PIDS = (22, -6, -5, -4, -3, -2, -1, 21, 1, 2, 3, 4, 5, 6)
"""PDG numbers in the order of eko's flavour axis."""


@dataclass(frozen=True, eq=False)
class Step:
    """Evolution with `nf` flavours, or matching of `nf` with `nf` + 1 flavours at `origin`."""

    matching: bool
    nf: int
    origin: float
    """Q^2 in GeV^2."""
    target: float
    couplings: tuple[float, float]
    """alpha_s / 4 pi at origin and target; of a matching, with `nf` + 1 flavours."""
    inverse: bool
    """Whether a matching takes flavours away."""
    labels: tuple[Label, ...]
    """The operators in x."""
    flavours: Array
    """F_l, (labels + 1, 14 out, 14 in); the last belongs to the operator 1."""


@dataclass(frozen=True)
class Plan:
    """All steps, and which of them lead to a scale."""

    steps: tuple[Step, ...]
    ways: Mapping[Scale, tuple[int, ...]]


def plan(card: EvolutionCard, scales: tuple[Scale, ...]) -> Plan:
    """Return the steps to all `scales`. Imports eko."""
    from eko.io import runcards
    from eko.matchings import Segment
    from eko.runner import commons

    theory = runcards.TheoryCard.from_dict(card.for_eko())
    operator = runcards.OperatorCard.from_dict(
        card.operator_for_eko([0.1, 1.0], [(q2**0.5, nf) for q2, nf in scales])
    )
    atlas, couplings = commons.atlas(theory, operator), commons.couplings(theory, operator)
    steps: dict[tuple[Any, ...], Step] = {}
    numbers = {}
    for scale in scales:
        way = []
        for part in atlas.matched_path(scale):
            if isinstance(part, Segment):
                key = (False, part.nf, part.origin, part.target, False)
            else:
                key = (True, part.hq - 1, part.scale, part.scale, part.inverse)
            if _is_nothing(*key):
                continue
            if key not in steps:
                steps[key] = _step(card.pto, couplings, *key)
            way.append(list(steps).index(key))
        numbers[scale] = tuple(way)
    return Plan(tuple(steps.values()), numbers)


def _is_nothing(matching: bool, nf: int, origin: float, target: float, inverse: bool) -> bool:
    return not matching and bool(np.isclose(origin, target))


def _step(
    pto: int, couplings: Any, matching: bool, nf: int, origin: float, target: float, inverse: bool
) -> Step:
    active = nf + 1 if matching else nf
    a_s = tuple(float(couplings.a_s(q2, nf_to=active)) for q2 in (origin, target))
    labels, flavours = _flavours(matching, nf, target)
    if matching and pto == 0:  # PDFs are continuous at LO
        labels, flavours = (), _continuous(labels, flavours)
    return Step(matching, nf, origin, target, (a_s[0], a_s[1]), inverse, labels, flavours)


def _continuous(labels: tuple[Label, ...], flavours: Array) -> Array:
    """Matrices of flavours of a matching in which all operators are 1, or 0 off the diagonal."""
    diagonal = [i for i, (out, into) in enumerate(labels) if out == into]
    return np.asarray(flavours[[*diagonal, -1]].sum(axis=0, keepdims=True))


def _flavours(matching: bool, nf: int, q2: float) -> tuple[tuple[Label, ...], Array]:
    """The elements of a step and their matrices of flavours, from eko's own maps.

    The maps are given numbers, 1 x 1, in the place of operators; what comes out with the number 1
    is the identity, which eko puts in for quarks that do not take part.
    """
    from eko import basis_rotation
    from eko.evolution_operator import Operator, flavors
    from eko.evolution_operator.matching_condition import MatchingCondition
    from eko.evolution_operator.operator_matrix_element import OperatorMatrixElement
    from eko.evolution_operator.physical import PhysicalOperator
    from eko.member import OpMember

    assert tuple(basis_rotation.flavor_basis_pids) == FLAVOUR_PIDS
    labels = tuple(OperatorMatrixElement.full_labels if matching else Operator.full_labels)
    members = {label: OpMember([[float(i + 2)]], [[0.0]]) for i, label in enumerate(labels)}
    names = (
        MatchingCondition.split_ad_to_evol_map(members, nf, q2)
        if matching
        else PhysicalOperator.ad_to_evol_map(members, nf, q2)
    ).op_members
    nf_in, nf_out = flavors.get_range(names.keys(), False)
    matrices = np.zeros((len(labels) + 1, len(FLAVOUR_PIDS), len(FLAVOUR_PIDS)))
    for name, member in names.items():
        number = round(float(member.value[0, 0])) - 2
        incoming = flavors.pids_from_intrinsic_evol(name.input, nf_in, False)
        outgoing = flavors.pids_from_intrinsic_evol(name.target, nf_out, True)
        matrices[number] += np.outer(outgoing, incoming)
    used = [i for i in range(len(labels)) if matrices[i].any()]
    return tuple(labels[i] for i in used), matrices[[*used, -1]]
