"""Flavour-number schemes as signed sums of calculations with a fixed number of flavours.

FONLL (Forte, Laenen, Nason, Rojo, NPB 834 (2010) 116) adds to the massless calculation with n(Q)
active flavours, for each heavy quark h and the n flavours below it, what its mass changes:

    F = massless_n(Q) + sum over h of (massive_n - step(Q > m_h) limit_n)

massive_n is the calculation with n massless flavours and a massive h, and limit_n the same for a
vanishing mass, in which logarithms of the mass are kept: these are in massless_n+1 already. Every
term is folded with PDFs and a coupling of its own number of flavours (Barontini, Bonvini, Laurenti,
arXiv:2408.07383). Above the threshold both contain the light quarks, which cancel, so that only
corrections to them from virtual or radiated h remain; below it massive_n is the production of h.

The letter says to which order: A, O(alpha_s) throughout; B, massive terms to O(alpha_s^2) with the
massless ones to O(alpha_s); C, O(alpha_s^2) throughout.
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
    """FONLL with a massive charm and a massive bottom quark."""
    charm, bottom, _ = card.thresholds
    order = card.PTO
    massive = order + 1 if card.FNS == "FONLL-B" else order
    scheme, limit = "FONLL-FFNS", "FONLL-FFN0"
    terms = []
    for nf, lower, upper in ((3, 0.0, charm), (4, charm, bottom), (5, bottom, np.inf)):
        terms.append(Term(scheme, nf, "massless", order, order, q2_min=lower, q2_max=upper))
    for nf, threshold in ((3, charm), (4, bottom)):
        terms += [
            Term(scheme, nf, "massive", massive, massive, q2_max=threshold),
            Term(scheme, nf, "full", massive, massive, q2_min=threshold),
            Term(limit, nf, "full", massive, order, sign=-1, q2_min=threshold),
        ]
    return tuple(terms)
