"""The names a runcard may use are those that the other parts know."""

from __future__ import annotations

import pytest

from n3hyper.physics.bases import fitbasis_to_evolution
from n3hyper.runcard.names import ACTIVATIONS, FINAL_ACTIVATIONS, FIT_BASES


@pytest.mark.parametrize("fitbasis", FIT_BASES)
def test_all_spellings_of_a_basis_can_be_rotated(fitbasis: str) -> None:
    for spelling, element in FIT_BASES[fitbasis].items():
        rotation = fitbasis_to_evolution(fitbasis, [spelling])
        same = [word for word, other in FIT_BASES[fitbasis].items() if other == element]
        assert rotation.shape == (1, 14)
        assert rotation.any()
        for word in same:
            assert (fitbasis_to_evolution(fitbasis, [word]) == rotation).all()


def test_final_activations_are_activations() -> None:
    assert set(FINAL_ACTIVATIONS) <= set(ACTIVATIONS)
