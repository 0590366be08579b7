"""Theory cards and scales of an evolution."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from n3hyper.errors import TheoryError
from n3hyper.evolution.cards import evolution_card, read_evolution_card
from n3hyper.evolution.scales import between, scale_grid
from n3hyper.theory.folders import find_card


def test_card_without_tables() -> None:
    """NNPDF's card is enough: the tables of theory 40000000 need not be there."""
    card = evolution_card(40_000_000)
    assert (card.pto, card.q0, card.nf0, card.nfref) == (2, 1.65, 4, 5)
    assert card.thresholds == (1.51, 4.92, math.inf)
    assert card.method == "truncated"


def test_shipped_theory() -> None:
    card = evolution_card(1650)
    assert card.pto == 1
    other = dataclasses.replace(evolution_card(40_000_000), pto=1, theoryid=1650)
    assert card == other


def test_exact_solution() -> None:
    file, content = find_card(40_000_000)
    card = read_evolution_card(1, {**content, "ModEv": "EXA", "IterEv": 30}, file)
    assert (card.method, card.inversion, card.iterations) == ("iterate-exact", "exact", 30)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"QED": 2}, "QED: 2 is not possible"),
        ({"XIF": 2.0}, "XIF: 2.0 is not possible"),
        ({"ModEv": "EXP"}, "ModEv: 'EXP'; one of: TRN, EXA"),
        ({"alphas": "much"}, "not the numbers"),
    ],
)
def test_refused(change: dict, said: str) -> None:
    file, content = find_card(40_000_000)
    with pytest.raises(TheoryError, match=said):
        read_evolution_card(1, {**content, **change}, file)


def test_missing_key() -> None:
    with pytest.raises(TheoryError, match="no key mc"):
        read_evolution_card(1, {"PTO": 1}, Path("theory.yml"))


def test_unknown_theory() -> None:
    with pytest.raises(TheoryError, match="theory 99 not found"):
        evolution_card(99)


def test_scales_are_those_of_nnpdf() -> None:
    """Those of NNPDF4.0's sets, from evolven3fit 4.1.5."""
    scales = scale_grid(evolution_card(40_000_000))
    found = {nf: [round(q2**0.5, 4) for q2, n in scales if n == nf] for nf in (3, 4, 5)}
    assert found[3] == [1.0, 1.0769, 1.1643, 1.264, 1.3784, 1.51]
    assert found[4][:4] == [1.51, 1.65, 1.7874, 1.9429]
    assert found[4][-2:] == [4.3585, 4.92]
    assert found[5][:3] == [4.92, 5.5494, 6.2897]
    assert found[5][-2:] == [60599.3195, 1e5]
    assert [len(each) for each in found.values()] == [6, 13, 38]


def test_scales_with_other_thresholds() -> None:
    card = dataclasses.replace(evolution_card(40_000_000), q0=1.0, nf0=3, ratios=(1.0, 1.0, 1.0))
    scales = scale_grid(card)
    assert {nf for _, nf in scales} == {3, 4, 5, 6}
    assert len(set(scales)) == len(scales)
    for q, nf in zip(card.thresholds, (3, 4, 5), strict=True):
        assert (q * q, nf) in scales
        assert (q * q, nf + 1) in scales


def test_between_includes_its_ends() -> None:
    q2 = between(1.65, 4.92, 7)
    assert (q2[0], q2[-1]) == (1.65**2, 4.92**2)
    assert (np.diff(q2) > 0).all()
