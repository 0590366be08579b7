"""Momentum and valence sum rules, which fix the normalisation of evolution flavours.

With M[f] = integral of x f dx and N[f] = integral of f dx (1e-9 to 1), arXiv:1907.05075 eq. 3.3:
A_g = (1 - M[Sigma]) / M[g], A_V = A_V24 = A_V35 = 3 / N[V], A_V3 = 1 / N[V3], A_V8 = 3 / N[V8],
A_V15 = 3 / N[V15]. ALLBUTCSR leaves charm's valence free: A_V = (4 - N[V15] / 3) / N[V].
TSR is for polarised PDFs: the triplet and octet of the axial charges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.errors import RuncardError, nearest
from n3hyper.physics.arrays import Array, Index
from n3hyper.physics.bases import FK_FLAVOURS

_INDEX: Final = {name: place for place, name in enumerate(FK_FLAVOURS)}
_N: Final = len(FK_FLAVOURS)
AXIAL_CHARGES: Final = {"T3": (1.2756, 0.0013), "T8": (0.5850, 0.025)}
"""Central value and uncertainty (PDG 2023)."""


@dataclass(frozen=True)
class Rule:
    """Sum rule factor[component] = (constant - slope * I[other]) / I[divisor]."""

    component: str
    divisor: str
    constant: float
    other: str = "photon"
    slope: float = 0.0


_MOMENTUM = (Rule("g", "g", 1.0, "Sigma", 1.0),)
_VALENCE = (
    *(Rule(name, "V", 3.0) for name in ("V", "V24", "V35")),
    Rule("V3", "V3", 1.0),
    Rule("V8", "V8", 3.0),
    Rule("V15", "V15", 3.0),
)
_ALL_BUT_CHARM = (
    *(Rule(name, "V", 4.0, "V15", 1.0 / 3.0) for name in ("V", "V24", "V35")),
    Rule("V3", "V3", 1.0),
    Rule("V8", "V8", 3.0),
)
_AXIAL = tuple(Rule(name, name, value) for name, (value, _) in AXIAL_CHARGES.items())
_MODES: Final[dict[str, tuple[Rule, ...]]] = {
    "ALL": _MOMENTUM + _VALENCE,
    "MSR": _MOMENTUM,
    "VSR": _VALENCE,
    "ALLBUTCSR": _MOMENTUM + _ALL_BUT_CHARM,
    "TSR": _AXIAL,
}


@dataclass(frozen=True, eq=False)
class SumRules:
    """Integrals of the sum rules, and the factors that follow from them."""

    rules: tuple[Rule, ...]
    divided: tuple[int, ...]
    """Flavours whose number is integrated (x f divided by x); the others' momentum is."""

    def powers(self) -> Array:
        """Return the power of x, (14,), that multiplies x f in each integrand."""
        powers = np.zeros(_N)
        powers[list(self.divided)] = -1.0
        return powers

    def components(self) -> tuple[int, ...]:
        """Return the flavours whose factor is not one."""
        return tuple(_INDEX[rule.component] for rule in self.rules)

    def divisors(self) -> Index:
        """Return the integral that divides each flavour's factor, (14,); its own without a rule."""
        divisors = np.arange(_N)
        for rule in self.rules:
            divisors[_INDEX[rule.component]] = _INDEX[rule.divisor]
        return divisors

    def slopes(self) -> Array:
        """Return slopes (14, 14): the numerator is reduced by slopes[other, component] I[other]."""
        slopes = np.zeros((_N, _N))
        for rule in self.rules:
            slopes[_INDEX[rule.other], _INDEX[rule.component]] = rule.slope
        return slopes

    def constants(self, seeds: Sequence[int]) -> Array:
        """Return the numerators' constants, (models, 14); each seed draws its axial charges."""
        constants = np.ones((len(seeds), _N))
        for rule in self.rules:
            constants[:, _INDEX[rule.component]] = rule.constant
        if self.rules == _AXIAL:
            for row, seed in enumerate(seeds):
                rng = np.random.default_rng(seed)
                for name, (value, error) in AXIAL_CHARGES.items():
                    constants[row, _INDEX[name]] = rng.normal(value, error)
        return constants

    def normalisation(self, integrals: Array, constants: Array) -> Array:
        """Return the factors of all flavours.

        Parameters
        ----------
        integrals
            (..., 14), of x f times x to the `powers`.
        constants
            (..., 14), see `constants`.

        Returns
        -------
        array (..., 14), one where no rule holds
        """
        free = np.ones(_N, dtype=bool)
        free[list(self.components())] = False
        numerators = constants - integrals @ self.slopes()
        divisors = np.where(free, 1.0, integrals[..., self.divisors()])
        return np.where(free, 1.0, numerators / divisors)


def sum_rules(mode: str | bool | None, fitbasis: str = "NN31IC") -> SumRules | None:
    """Return the sum rules of a runcard's `sum_rules`; None if they are switched off.

    Raises
    ------
    RuncardError
        for a mode that does not exist.

    >>> sum_rules("MSR").rules
    (Rule(component='g', divisor='g', constant=1.0, other='Sigma', slope=1.0),)
    >>> sum_rules(False) is None
    True
    """
    if mode is False:
        return None
    name = "ALL" if mode is True or mode is None else str(mode).upper()
    if name not in _MODES:
        raise RuncardError("unknown sum rules", key="sum_rules", value=mode,
                           hint=nearest(name, _MODES))  # fmt: skip
    divided = ("T3", "T8") if fitbasis.startswith("POLARIZED_") else ("V", "V3", "V8", "V15")
    return SumRules(_MODES[name], tuple(_INDEX[flavour] for flavour in divided))
