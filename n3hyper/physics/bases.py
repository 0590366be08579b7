"""Rotation from the fitted flavours to the 14 of the evolution basis.

Conventions are those of NNPDF (arXiv:1907.05075, section 3.1): with q+ = q + qbar and
q- = q - qbar, Sigma = sum of all q+, V = sum of all q-, T3 = u+ - d+, T8 = u+ + d+ - 2 s+,
T15 = u+ + d+ + s+ - 3 c+, and V3, V8, V15 alike of the q-. Above charm nothing is fitted:
T24 = T35 = Sigma and V24 = V35 = V.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from n3hyper.errors import RuncardError, nearest
from n3hyper.physics.arrays import Array

FK_FLAVOURS: Final = (
    "photon", "Sigma", "g", "V", "V3", "V8", "V15", "V24", "V35", "T3", "T8", "T15", "T24", "T35",
)  # fmt: skip
"""The evolution flavours in the order of FK tables."""

Combination = Mapping[str, float]

_SPELLINGS: Final[Mapping[str, str]] = {
    "singlet": "sng", "sigma": "sng", "Sigma": "sng", r"\Sigma": "sng", "gluon": "g", "c^+": "cp",
    **{name: name.lower() for name in FK_FLAVOURS[3:]},
}  # fmt: skip


def _evolution_like(**replaced: Combination) -> dict[str, Combination]:
    """Return each evolution flavour as the fitted flavour of its name, except those `replaced`."""
    table: dict[str, Combination] = {
        "Sigma": {"sng": 1.0},
        "g": {"g": 1.0},
        **{name: {name.lower(): 1.0} for name in ("V", "V3", "V8", "V15", "T3", "T8", "T15")},
    }
    table.update(replaced)
    return table


def _from_quarks(
    plus: Mapping[str, Combination], minus: Mapping[str, Combination]
) -> dict[str, Combination]:
    """Return evolution flavours as combinations q+ and q- of u, d, s and c."""
    weights = {
        "": {"u": 1, "d": 1, "s": 1, "c": 1},
        "3": {"u": 1, "d": -1},
        "8": {"u": 1, "d": 1, "s": -2},
        "15": {"u": 1, "d": 1, "s": 1, "c": -3},
    }

    def combine(quarks: Mapping[str, Combination], weight: Mapping[str, float]) -> Combination:
        total: dict[str, float] = {}
        for quark, factor in weight.items():
            for name, part in quarks[quark].items():
                total[name] = total.get(name, 0.0) + factor * part
        return total

    table: dict[str, Combination] = {"g": {"g": 1.0}, "Sigma": combine(plus, weights[""])}
    table["V"] = combine(minus, weights[""])
    for number in ("3", "8", "15"):
        table[f"T{number}"] = combine(plus, weights[number])
        table[f"V{number}"] = combine(minus, weights[number])
    return table


def _quarks(charm: tuple[Combination, Combination]) -> dict[str, Combination]:
    light = ("u", "d", "s")
    plus: dict[str, Combination] = {q: {q: 1.0, f"{q}bar": 1.0} for q in light}
    minus: dict[str, Combination] = {q: {q: 1.0, f"{q}bar": -1.0} for q in light}
    return _from_quarks({**plus, "c": charm[0]}, {**minus, "c": charm[1]})


_EVOL = _evolution_like(V15={"v": 1.0})
_PERTURBATIVE_CHARM: Combination = {"sng": 1.0}
_TABLES: Final[Mapping[str, Mapping[str, Combination]]] = {
    "NN31IC": _evolution_like(V15={"v": 1.0}, T15={"sng": 1.0, "cp": -4.0}),
    "NN31PC": _evolution_like(V15={"v": 1.0}, T15=_PERTURBATIVE_CHARM),
    "EVOL": _EVOL,
    "evolution": _EVOL,
    "PDF4LHC20": _evolution_like(V8={"v": 1.0}, V15={"v": 1.0}, T15=_PERTURBATIVE_CHARM),
    "POLARIZED_EVOL": _evolution_like(V8={"v": 1.0}, V15={"v": 1.0}, T15=_PERTURBATIVE_CHARM),
    "POLARIZED_EVOL_CMP": _evolution_like(V8={"v": 1.0}, V15={"v": 1.0}, T15=_PERTURBATIVE_CHARM),
    "CCBAR_ASYMM": _evolution_like(),
    "FLAVOUR": _quarks(({"c": 2.0}, {})),
    "FLAVOURPC": _quarks(({}, {})),
    "CCBAR_ASYMM_FLAVOUR": _quarks(({"c": 1.0, "cbar": 1.0}, {"c": 1.0, "cbar": -1.0})),
}


def fitbasis_to_evolution(fitbasis: str, flavours: Sequence[str]) -> Array:
    """Return the rotation R of pdf_evolution = pdf_fit @ R.

    Parameters
    ----------
    fitbasis
        Name of the fit basis (``fitting.fitbasis`` of the runcard).
    flavours
        Its flavours in the order of the network's outputs (``fitting.basis[].fl``).

    Returns
    -------
    array (nfit, 14)

    Raises
    ------
    RuncardError
        for an unknown basis, or a flavour that is not of the basis.

    >>> fitbasis_to_evolution("FLAVOUR", ["u", "ubar"])[:, [1, 3, 4]]  # Sigma, V, V3
    array([[ 1.,  1.,  1.],
           [ 1., -1., -1.]])
    """
    if fitbasis not in _TABLES:
        raise RuncardError(
            "unknown fit basis", key="fitting.fitbasis", value=fitbasis,
            hint=nearest(fitbasis, _TABLES),
        )  # fmt: skip
    table = dict(_TABLES[fitbasis])
    for name, source in (("T24", "Sigma"), ("T35", "Sigma"), ("V24", "V"), ("V35", "V")):
        table[name] = table[source]
    known = {name for combination in table.values() for name in combination} | {"c", "t15", "v8"}
    rotation = np.zeros((len(flavours), len(FK_FLAVOURS)))
    for row, spelled in enumerate(flavours):
        flavour = spelled if spelled in known else _SPELLINGS.get(spelled, spelled)
        if flavour not in known:
            raise RuncardError(
                f"unknown flavour of the basis {fitbasis}", key="fitting.basis[].fl",
                value=spelled, hint=nearest(spelled, known),
            )  # fmt: skip
        for evolution, combination in table.items():
            rotation[row, FK_FLAVOURS.index(evolution)] = combination.get(flavour, 0.0)
    return rotation
