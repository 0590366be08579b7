"""Normalisation by sum rules."""

import numpy as np
import pytest

from n3hyper.errors import RuncardError
from n3hyper.physics.bases import FK_FLAVOURS
from n3hyper.physics.sum_rules import AXIAL_CHARGES, sum_rules

INDEX = {name: place for place, name in enumerate(FK_FLAVOURS)}
INTEGRALS = np.random.default_rng(5).uniform(0.2, 2.0, size=(3, 14))


def normalised(mode, fitbasis="NN31IC", seeds=(1, 2, 3)):
    rules = sum_rules(mode, fitbasis)
    factors = rules.normalisation(INTEGRALS, rules.constants(seeds))
    return factors, factors * INTEGRALS


def test_all_sum_rules_hold():
    factors, after = normalised("All")
    np.testing.assert_allclose(after[:, INDEX["g"]] + after[:, INDEX["Sigma"]], 1.0)
    for name, value in {"V": 3, "V3": 1, "V8": 3, "V15": 3}.items():
        np.testing.assert_allclose(after[:, INDEX[name]], value)
    np.testing.assert_array_equal(factors[:, INDEX["V35"]], factors[:, INDEX["V"]])
    for name in ("Sigma", "T3", "T8", "T15", "photon"):
        np.testing.assert_array_equal(factors[:, INDEX[name]], 1.0)


def test_the_momentum_sum_rule_alone_holds():
    factors, after = normalised("MSR")
    np.testing.assert_allclose(after[:, INDEX["g"]] + after[:, INDEX["Sigma"]], 1.0)
    np.testing.assert_array_equal(np.delete(factors, INDEX["g"], axis=1), 1.0)


def test_the_valence_sum_rules_alone_hold():
    factors, after = normalised("VSR")
    np.testing.assert_array_equal(factors[:, INDEX["g"]], 1.0)
    np.testing.assert_allclose(after[:, INDEX["V8"]], 3.0)


def test_all_sum_rules_but_that_of_charm_hold():
    factors, after = normalised("ALLBUTCSR")
    np.testing.assert_array_equal(factors[:, INDEX["V15"]], 1.0)
    expected = 4.0 - INTEGRALS[:, INDEX["V15"]] / 3.0
    np.testing.assert_allclose(after[:, INDEX["V"]], expected)


def test_axial_charges_follow_the_seed():
    _, after = normalised("TSR", "POLARIZED_EVOL")
    _, again = normalised("TSR", "POLARIZED_EVOL")
    np.testing.assert_array_equal(after, again)
    value, error = AXIAL_CHARGES["T8"]
    drawn = after[:, INDEX["T8"]]
    assert len(set(drawn)) == 3
    assert (np.abs(drawn - value) < 5 * error).all()


@pytest.mark.parametrize("mode", [True, None, "all", "ALL"])
def test_spellings_of_all_sum_rules_are_equal(mode):
    assert sum_rules(mode) == sum_rules("All") or sum_rules(mode).rules == sum_rules("All").rules


def test_sum_rules_may_be_switched_off():
    assert sum_rules(False) is None


def test_an_unknown_sum_rule_is_refused():
    with pytest.raises(RuncardError, match="MSR"):
        sum_rules("MRS")
