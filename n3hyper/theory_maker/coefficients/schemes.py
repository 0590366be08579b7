"""Flavour-number schemes as signed sums of calculations with a fixed number of flavours.

FONLL (Forte, Laenen, Nason, Rojo, NPB 834 (2010) 116) adds to the massless calculation with n(Q)
active flavours, for each heavy quark h and the n flavours below it, what its mass changes:

    F = massless_n(Q) + sum over h of (massive_n - step(Q > m_h) limit_n)

massive_n is the calculation with n massless flavours and a massive h, and limit_n the same for a
vanishing mass, in which logarithms of the mass are kept: these are in massless_n+1 already. Every
term is folded with PDFs and a coupling of its own number of flavours (Barontini, Bonvini, Laurenti,
arXiv:2408.07383). Above the threshold both contain the light quarks, which cancel, so that only
corrections to them from virtual or radiated h remain; below it massive_n is the production of h.

Before, NNPDF folded all terms with a single set of PDFs, those with n(Q) flavours, and a coupling
of as many (`FONLLPDFs: single`). PDFs with n flavours are then expressed by those with n+1, which
changes the coefficients: to O(alpha_s^2) only those of a massive quark that comes in at the lowest
order, since gluon and coupling compensate each other in the first order and light quarks are in
both terms. The two agree to the order that the letter names (of incoming charm: to O(alpha_s)), not
beyond. Above the scale `kDISbThr`, bottom takes the place of charm, whose mass is then neglected;
below it, bottom contributes by its production alone.

The letter says to which order: A, O(alpha_s) throughout; B, massive terms to O(alpha_s^2) with the
massless ones to O(alpha_s); C, O(alpha_s^2) throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from n3hyper.physics.arrays import Array, Mask
from n3hyper.theory_maker.cards import CalculationCard


@dataclass(frozen=True)
class Term:
    """Calculation with a fixed number of flavours, a term of the sum."""

    scheme: str
    """yadism's name of the calculation."""
    nf: int
    """Number of massless flavours."""
    parts: str = "full"
    """Contributions that are kept: massless, massive or full."""
    pto: int = 1
    """Order of the coefficient functions (1 is O(alpha_s))."""
    pto_evol: int = 1
    """Order of the evolution whose logarithms an asymptotic limit subtracts."""
    sign: int = 1
    q2_min: float = 0.0
    """Scale in GeV^2 at and above which the term counts."""
    q2_max: float = np.inf
    """Scale in GeV^2 below which the term counts."""
    pdfs: int | None = None
    """Number of flavours of the PDFs and of the coupling, `nf` by default."""
    incoming: bool = True
    """Whether the massive quark, the flavour after `nf`, may be in the initial state."""

    @property
    def folded_with(self) -> int:
        """Number of flavours of the PDFs and of the coupling."""
        return self.nf if self.pdfs is None else self.pdfs

    @property
    def rematched(self) -> bool:
        """Return whether the massive quark comes in with a PDF of another flavour number."""
        return self.parts != "massless" and self.incoming and self.folded_with != self.nf

    def counts(self, q2: Array) -> Mask:
        """Return the mask (n,) of the scales `q2` (n,) in GeV^2 at which the term counts."""
        return np.asarray((q2 >= self.q2_min) & (q2 < self.q2_max))


def scheme_terms(card: CalculationCard) -> tuple[Term, ...]:
    """Return the terms whose sum is a structure function in the scheme of the card."""
    if card.FNS == "ZM-VFNS":
        return _zero_mass(card)
    terms = _single_set(card) if card.FONLLPDFs == "single" else _fonll(card)
    return tuple(replace(term, incoming=term.incoming and card.IC == 1) for term in terms)


def _zero_mass(card: CalculationCard) -> tuple[Term, ...]:
    """Return the terms with all quarks massless, each present above its threshold."""
    charm, bottom, _ = card.thresholds
    edges = {3: (0.0, charm), 4: (charm, bottom), 5: (bottom, np.inf)}
    return tuple(
        Term("ZM-VFNS", nf, pto=card.PTO, pto_evol=card.PTO, q2_min=lower, q2_max=upper)
        for nf, (lower, upper) in edges.items()
    )


def _fonll(card: CalculationCard) -> Iterator[Term]:
    """Yield the terms of FONLL with a massive charm and a massive bottom quark."""
    charm, bottom, _ = card.thresholds
    for nf, lower, upper in ((3, 0.0, charm), (4, charm, bottom), (5, bottom, np.inf)):
        yield _massless(card, nf, lower, upper)
    for nf, threshold in ((3, charm), (4, bottom)):
        yield _produced(card, nf, 0.0, threshold)
        yield from _mass_effects(card, nf, threshold)


def _single_set(card: CalculationCard) -> Iterator[Term]:
    """Yield the terms of FONLL with PDFs of as many flavours as are active at the scale."""
    charm, bottom, massless_bottom = *card.thresholds[:2], card.massless_bottom
    for pdfs, lowest, highest in ((3, 0.0, charm), (4, charm, bottom), (5, bottom, np.inf)):
        inner = (massless_bottom,) if lowest < massless_bottom < highest else ()
        for lower, upper in pairwise((lowest, *inner, highest)):
            nf = 3 if upper <= charm else 4 if upper <= massless_bottom else 5
            yield replace(_massless(card, nf, lower, upper), pdfs=pdfs)
            for massive in range(nf, 5):
                yield replace(
                    _produced(card, massive, lower, upper), pdfs=pdfs, incoming=massive == 3
                )
            for term in _mass_effects(card, nf - 1, lower, upper) if nf > 3 else ():
                yield replace(term, pdfs=pdfs, incoming=nf == 4)


def _massless(card: CalculationCard, nf: int, lower: float, upper: float) -> Term:
    return Term("FONLL-FFNS", nf, "massless", card.PTO, card.PTO, q2_min=lower, q2_max=upper)


def _produced(card: CalculationCard, nf: int, lower: float, upper: float) -> Term:
    """Return the term of the production of the quark after `nf`, which no massless term has."""
    order = _massive_order(card)
    return Term("FONLL-FFNS", nf, "massive", order, order, q2_min=lower, q2_max=upper)


def _mass_effects(
    card: CalculationCard, nf: int, lower: float, upper: float = np.inf
) -> tuple[Term, Term]:
    """Return the terms that account for the mass of the quark after `nf`."""
    order = _massive_order(card)
    massive = Term("FONLL-FFNS", nf, "full", order, order, q2_min=lower, q2_max=upper)
    return massive, replace(massive, scheme="FONLL-FFN0", pto_evol=card.PTO, sign=-1)


def _massive_order(card: CalculationCard) -> int:
    return card.PTO + 1 if card.FNS == "FONLL-B" else card.PTO
