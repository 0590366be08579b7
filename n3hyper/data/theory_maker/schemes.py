"""Flavour-number schemes as signed sums of calculations with a fixed number of flavours.

FONLL (Forte, Laenen, Nason, Rojo, NPB 834 (2010) 116) joins, for each heavy quark, the massive
calculation below and above its threshold with the massless one above it, and subtracts what both
contain. Every term is folded with PDFs and a coupling of its own number of flavours (Barontini,
Bonvini, Laurenti, arXiv:2408.07383), so that the sum is made of separately evolved tables:

    F = FFNS3 - step(Q > m_c) FFN0_3 + step(Q > m_c) massless_4          (charm)
        + massive_4 - step(Q > m_b) FFN0_4 + step(Q > m_b) massless_5    (bottom)

FFNS3 holds light quarks and massive charm, massive_4 only massive bottom, and FFN0 is the limit of
either for a vanishing mass, in which logarithms of the mass are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from n3hyper.data.theory_maker.bases import Floats
from n3hyper.data.theory_maker.cards import TheoryCard


@dataclass(frozen=True)
class Term:
    """One calculation with a fixed number of flavours."""

    scheme: str
    """yadism's name of the calculation."""
    nf: int
    """Number of flavours of the PDFs and of the coupling."""
    parts: str = "full"
    """Which contributions are kept: massless, massive or full."""
    pto: int = 1
    """Order of the coefficient functions (1 is O(alpha_s))."""
    pto_evol: int = 1
    """Order of the evolution whose logarithms an asymptotic limit subtracts."""
    sign: int = 1
    q2_min: float = 0.0
    """GeV^2; at and above it the term counts."""
    q2_max: float = np.inf
    """GeV^2; below it the term counts."""

    def counts(self, q2: Floats) -> npt.NDArray[np.bool_]:
        """At which of the scales `q2` (n,) in GeV^2 the term counts: (n,)."""
        return np.asarray((q2 >= self.q2_min) & (q2 < self.q2_max))


def scheme_terms(card: TheoryCard) -> tuple[Term, ...]:
    """The terms whose sum is a structure function in the scheme of the card."""
    return _zero_mass(card) if card.FNS == "ZM-VFNS" else _fonll(card)


def _zero_mass(card: TheoryCard) -> tuple[Term, ...]:
    """All quarks massless, each present above its threshold."""
    charm, bottom, _ = card.thresholds
    edges = {3: (0.0, charm), 4: (charm, bottom), 5: (bottom, np.inf)}
    return tuple(
        Term("ZM-VFNS", nf, pto=card.PTO, pto_evol=card.PTO, q2_min=lower, q2_max=upper)
        for nf, (lower, upper) in edges.items()
    )


def _fonll(card: TheoryCard) -> tuple[Term, ...]:
    """FONLL with a massive charm and a massive bottom quark.

    FONLL-B takes the massive terms to one order more than the massless ones.
    """
    charm, bottom, _ = card.thresholds
    order = card.PTO
    massive = order + 1 if card.FNS == "FONLL-B" else order
    return (
        Term("FONLL-FFNS", 3, "full", massive, massive),
        Term("FONLL-FFN0", 3, "full", massive, order, sign=-1, q2_min=charm),
        Term("FONLL-FFNS", 4, "massless", order, order, q2_min=charm),
        Term("FONLL-FFNS", 4, "massive", massive, massive),
        Term("FONLL-FFN0", 4, "full", massive, order, sign=-1, q2_min=bottom),
        Term("FONLL-FFNS", 5, "massless", order, order, q2_min=bottom),
    )
