"""Tests of the sum rules of evolved PDFs, against integrals in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import beta

from n3hyper.evolution.steps import FLAVOUR_PIDS
from n3hyper.evolution.sum_rules import sum_rules

X = np.geomspace(1e-9, 1.0, 400)


def proton() -> np.ndarray:
    """Return x f of a proton that has a u quark alone, (flavours, x)."""
    values = np.zeros((len(FLAVOUR_PIDS), X.size))
    values[FLAVOUR_PIDS.index(2)] = X**0.5 * (1 - X) ** 3
    return values


def test_integrals_are_those_in_closed_form() -> None:
    found = sum_rules(X, proton())
    assert found["u valence"] == pytest.approx(beta(0.5, 4), rel=1e-4)
    assert found["momentum"] == pytest.approx(beta(1.5, 4), rel=1e-4)
    assert found["d valence"] == 0.0


def test_an_extremum_at_the_lowest_node_adds_nothing() -> None:
    """There x f hardly changes from node to node, which says nothing of smaller x."""
    values = proton()
    values[FLAVOUR_PIDS.index(2), :2] = [-8.78228e-5, -8.78244e-5]
    assert sum_rules(X, values)["u valence"] == pytest.approx(beta(0.5, 4), rel=1e-3)
