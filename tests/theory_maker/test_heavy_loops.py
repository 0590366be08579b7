"""Tests of massive quarks from light ones: yadism's corrected massive calculation and its limit."""

from __future__ import annotations

from typing import Any

import pytest

from n3hyper.theory_maker.bases import X_GRID
from n3hyper.theory_maker.cards import CalculationCard
from n3hyper.theory_maker.coefficients.folding import fold
from n3hyper.theory_maker.coefficients.heavy_loops import mend, without_loops
from tests.support.yadism_cards import yadism_card

CARD = CalculationCard(PTO=2, FNS="FONLL-C")


def channels(scheme: str, kind: str, q2: float, nf: int = 3) -> list[Any]:
    """Return yadism's channels beside the massless calculation of light quarks, at x = 0.0258."""
    runner = pytest.importorskip("yadism.runner")
    combiner = pytest.importorskip("yadism.coefficient_functions").Combiner
    pytest.importorskip("yadism.log").silent_mode = True
    mend()
    observable = f"{kind}_light"
    card = yadism_card(observable, "EM", [(0.0258, q2)])
    theory = CARD.for_yadism(scheme, nf, "full", 2, 2)
    (point,) = runner.Runner(theory, card).observables[observable].elements
    return [
        channel
        for channel in combiner(point).collect_elems()
        if ".light." not in type(channel.coeff).__module__
    ]


def second_order(scheme: str, kind: str, q2: float) -> float:
    """Return their O(alpha_s^2) for quarks that fall like x^-0.2 (1 - x)^3."""
    quarks = X_GRID**-0.2 * (1 - X_GRID) ** 3
    found = [channel.coeff[2]() for channel in channels(scheme, kind, q2)]
    return float(sum(fold(part, 0.0258) @ quarks for part in found if part is not None))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["F2", "FL"])
def test_massive_calculation_approaches_its_limit(kind: str) -> None:
    both = [
        [second_order(scheme, kind, q2) for scheme in ("FONLL-FFNS", "FONLL-FFN0")]
        for q2 in (10.0, 1e5)
    ]
    (low, low_limit), (high, high_limit) = both
    assert high == pytest.approx(high_limit, rel=1e-3)
    assert low != pytest.approx(low_limit, rel=1e-2), "no limit yet"
    assert low * high > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("nf", [3, 4])
def test_all_light_quarks_take_part(nf: int) -> None:
    expected = {sign * quark for quark in range(1, nf + 1) for sign in (1, -1)}
    for scheme in ("FONLL-FFNS", "FONLL-FFN0"):
        found = channels(scheme, "F2", 1000.0, nf)
        assert found
        assert all(set(channel.partons) == expected for channel in found)


def test_mending_twice_changes_nothing_more() -> None:
    limits = pytest.importorskip("yadism.coefficient_functions.asy.kernels")
    mend()
    once = limits.generate_missing_asy
    mend()
    assert limits.generate_missing_asy is once


def test_only_the_local_part_is_removed() -> None:
    class Parts:
        reg, loc = "radiation", "loops"

    mended = without_loops(lambda _: Parts())(None)
    assert (mended.reg, mended.loc) == ("radiation", None)
