"""Rotations to the evolution basis, against NNPDF's own."""

import json
from pathlib import Path

import numpy as np
import pytest

from n3hyper.errors import RuncardError
from n3hyper.physics.bases import FK_FLAVOURS, fitbasis_to_evolution

REFERENCE = json.loads((Path(__file__).parent / "reference" / "fit_bases.json").read_text())[
    "bases"
]


@pytest.mark.parametrize("fitbasis", REFERENCE)
def test_rotation_is_that_of_nnpdf(fitbasis):
    expected = REFERENCE[fitbasis]
    rotation = fitbasis_to_evolution(fitbasis, expected["flavours"])
    np.testing.assert_allclose(rotation, expected["rotation"], atol=1e-7)


@pytest.mark.parametrize("fitbasis", REFERENCE)
def test_order_of_flavours_is_free(fitbasis):
    flavours = REFERENCE[fitbasis]["flavours"]
    forward = fitbasis_to_evolution(fitbasis, flavours)
    backward = fitbasis_to_evolution(fitbasis, flavours[::-1])
    np.testing.assert_array_equal(forward, backward[::-1])


def test_nothing_is_fitted_above_charm():
    rotation = fitbasis_to_evolution("FLAVOUR", ["u", "ubar", "d", "dbar", "s", "sbar", "c", "g"])
    column = {name: rotation[:, place] for place, name in enumerate(FK_FLAVOURS)}
    np.testing.assert_array_equal(column["T24"], column["Sigma"])
    np.testing.assert_array_equal(column["V35"], column["V"])
    assert not column["photon"].any()


def test_spellings_of_bases_are_equal():
    names = ["singlet", "gluon", "V", "V3", "V8", "T3", "T8", "c^+"]
    plain = ["sng", "g", "v", "v3", "v8", "t3", "t8", "cp"]
    np.testing.assert_array_equal(
        fitbasis_to_evolution("NN31IC", names), fitbasis_to_evolution("NN31IC", plain)
    )


def test_unknown_basis_names_the_nearest():
    with pytest.raises(RuncardError, match="NN31IC"):
        fitbasis_to_evolution("NN31Ic", ["sng"])


def test_a_flavour_of_another_basis_is_refused():
    with pytest.raises(RuncardError, match="ubar"):
        fitbasis_to_evolution("EVOL", ["ubar"])
