"""Tests of FONLL with a single set of PDFs, and of intrinsic charm switched off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.errors import TheoryError
from n3hyper.theory_maker.cards import CalculationCard, read_card, write_card
from n3hyper.theory_maker.coefficients.schemes import Term, scheme_terms

NNPDF40 = CalculationCard(PTO=2, FNS="FONLL-C", FONLLPDFs="single")
GRIDS = CalculationCard(PTO=2, FNS="FONLL-C", FONLLPDFs="single", kDISbThr=4.0)


def terms(card: CalculationCard, q2: float) -> list[Term]:
    return [term for term in scheme_terms(card) if term.counts(np.array([q2]))[0]]


@pytest.mark.parametrize("card", [NNPDF40, GRIDS])
@given(q2=st.floats(0.5, 1e5))
def test_one_set_of_pdfs_at_each_scale(card: CalculationCard, q2: float) -> None:
    active = terms(card, q2)
    flavours = 3 + sum(threshold <= q2 for threshold in card.thresholds[:2])
    assert {term.folded_with for term in active} == {flavours}
    assert [term.parts for term in active].count("massless") == 1
    assert sum(term.sign for term in active if term.parts != "massive") == 1


@pytest.mark.parametrize("card", [NNPDF40, GRIDS])
@given(q2=st.floats(0.5, 1e5))
def test_bottom_is_counted_once(card: CalculationCard, q2: float) -> None:
    """Bottom is massless or produced with its mass, never both without subtracting a limit."""
    active = terms(card, q2)
    (massless,) = [term for term in active if term.parts == "massless"]
    massive = sum(term.sign for term in active if term.nf == 4 and term.parts != "massless")
    assert (massless.nf == 5) + massive == 1
    assert not any(term.incoming for term in active if term.nf == 4 and term.parts != "massless")


def test_bottom_is_massless_above_a_scale_of_its_own() -> None:
    flavours = {
        q2: [(t.nf, t.folded_with) for t in terms(GRIDS, q2) if t.parts == "massless"]
        for q2 in (2.0, 5.0, 30.0, 386.0, 388.0)
    }
    assert flavours == {
        2.0: [(3, 3)], 5.0: [(4, 4)], 30.0: [(4, 5)], 386.0: [(4, 5)], 388.0: [(5, 5)],
    }  # fmt: skip


def test_incoming_charm_is_rematched_where_pdfs_have_it_massless() -> None:
    assert [t.rematched for t in terms(NNPDF40, 5.0) if t.nf == 3] == [True, True]
    assert [t.rematched for t in terms(NNPDF40, 2.0)] == [False, False, False]
    coexisting = CalculationCard(PTO=2, FNS="FONLL-C")
    assert not any(term.rematched for term in scheme_terms(coexisting))


@pytest.mark.parametrize("pdfs", ["single", "coexisting"])
def test_without_fitted_charm_nothing_massive_comes_in(pdfs: str) -> None:
    card = CalculationCard(PTO=2, FNS="FONLL-C", FONLLPDFs=pdfs, IC=0)
    assert not any(term.incoming for term in scheme_terms(card))


def test_keys_of_our_own_are_written_where_they_are_needed(tmp_path: Path) -> None:
    write_card(GRIDS, tmp_path / "single.yml")
    assert read_card(tmp_path / "single.yml") == GRIDS
    assert not {"FONLLPDFs", "kDISbThr"} & set(CalculationCard().nnpdf())
    yadism = GRIDS.for_yadism("FONLL-FFNS", 3, "full", 2, 2)
    assert not {"FONLLPDFs", "kDISbThr"} & set(yadism)


def test_wrong_keys_of_our_own_are_refused() -> None:
    with pytest.raises(TheoryError, match="FONLLPDFs: 'two' cannot be made; one of: coexisting"):
        CalculationCard(FONLLPDFs="two")
    with pytest.raises(TheoryError, match=r"kDISbThr: 4.0 needs FONLLPDFs: single"):
        CalculationCard(kDISbThr=4.0)
