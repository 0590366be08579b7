"""Closure tests in a runcard."""

from __future__ import annotations

from typing import Any

import pytest

from n3hyper.errors import RuncardError
from n3hyper.runcard import Runcard, parse_runcard
from n3hyper.runcard.model import ClosureTest
from tests.support.runcard_samples import good_card

FAKE = {"fakedata": True, "fakepdf": "toy_t0"}


def closure(top: dict[str, Any] | None = None, **keys: Any) -> Runcard:
    card = good_card()
    card.update(top or {})
    card["closuretest"] = keys
    return parse_runcard(card)


def test_levels_of_closure_tests() -> None:
    assert closure(fakedata=False, fakepdf="toy_t0").closure is None
    assert closure(**FAKE).closure == ClosureTest("toy_t0")
    assert closure(**FAKE, fakenoise=False, filterseed=3).closure == ClosureTest("toy_t0")
    noisy = closure(**FAKE, fakenoise=True, filterseed=3, faketheoryid=40)
    assert noisy.closure == ClosureTest("toy_t0", filterseed=3, faketheoryid=40)


def test_keys_that_ask_for_nothing() -> None:
    """The block as it stands in NNPDF's runcards."""
    runcard = closure(
        **FAKE,
        filterseed=0,
        errorsize=1.0,
        fakenoise=False,
        rancutprob=1.0,
        rancutmethod=0,
        rancuttrnval=False,
        printpdf4gen=False,
    )
    notes = [note for note in runcard.notes if note.startswith("closuretest.")]
    assert [note.partition(":")[0] for note in notes] == [
        "closuretest.errorsize",
        "closuretest.rancutprob",
        "closuretest.rancutmethod",
        "closuretest.rancuttrnval",
        "closuretest.printpdf4gen",
    ]


@pytest.mark.parametrize(
    ("keys", "place", "problem"),
    [
        ({"fakedata": True}, "fakepdf", "missing; the LHAPDF set"),
        ({**FAKE, "fakenoise": True}, "filterseed", "missing; the seed of the noise"),
        ({**FAKE, "fakenoise": True, "filterseed": -1}, "filterseed", "out of range: -1"),
        ({**FAKE, "fakenoise": 1}, "fakenoise", "expected true or false"),
        ({**FAKE, "errorsize": 2}, "errorsize", "not supported: 2; n3fit does not read it"),
        ({**FAKE, "rancutprob": 0.5}, "rancutprob", "not supported: 0.5"),
        ({**FAKE, "rancuttrnval": True}, "rancuttrnval", "not supported: True"),
        ({**FAKE, "inconsistent_fakedata": True}, "inconsistent_fakedata", "not supported: True"),
        ({**FAKE, "faketheoryid": "NNLO"}, "faketheoryid", "expected a number"),
        ({**FAKE, "fakpdf": "x"}, "fakpdf", "did you mean 'fakepdf'?"),
    ],
)
def test_mistakes_in_a_closure_test_are_named(
    keys: dict[str, Any], place: str, problem: str
) -> None:
    with pytest.raises(RuncardError) as error:
        closure(**keys)
    assert str(error.value).startswith(f"closuretest.{place}: ")
    assert problem in str(error.value)


def test_noise_of_separate_uncertainties() -> None:
    with pytest.raises(RuncardError, match=r"separate_multiplicative: not supported with fakenois"):
        closure({"separate_multiplicative": True}, **FAKE, fakenoise=True, filterseed=1)
