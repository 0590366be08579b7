"""Reader of ``closuretest``: data that are made of a known PDF, to see whether a fit finds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from n3hyper.runcard.keys import IGNORED_CLOSURE, IGNORED_FAKEDATA, REFUSED_CLOSURE
from n3hyper.runcard.model import ClosureTest
from n3hyper.runcard.names import SEED_LIMIT
from n3hyper.runcard.node import Node, Section

_KEYS = ("fakedata", "fakepdf", "fakenoise", "filterseed", "faketheoryid")
_NEUTRAL: Final[Mapping[str, Any]] = {
    "errorsize": 1,
    "rancutprob": 1,
    "rancutmethod": 0,
    "rancuttrnval": False,
}
"""Keys of nnfit that n3fit does not read, each with the value at which it asks for nothing."""


def read_closure(node: Node | None, top: Section) -> ClosureTest | None:
    """Read ``closuretest``; return None for real data."""
    if node is None:
        return None
    section = node.section(_KEYS, ignored=IGNORED_CLOSURE)
    if not section.flag("fakedata", False):
        return None
    section = node.section(_KEYS, ignored=IGNORED_FAKEDATA, refused=REFUSED_CLOSURE)
    for key, neutral in _NEUTRAL.items():
        value = section.get(key)
        if value is not None and value.value != neutral:
            value.fail("not supported", f"n3fit does not read it either; write {neutral}")
    noise = section.flag("fakenoise", False)
    separate = top.get("separate_multiplicative")
    if noise and separate is not None and separate.flag():
        separate.fail(
            "not supported with fakenoise: true", "its noise is drawn from the whole covariance"
        )
    seed, theory = section.get("filterseed"), section.get("faketheoryid")
    if noise and seed is None:
        section.need("filterseed", "the seed of the noise that fakenoise asks for")
    return ClosureTest(
        fakepdf=section.need("fakepdf", "the LHAPDF set that the data are made of").text(),
        filterseed=seed.integer(0, SEED_LIMIT - 1) if noise and seed is not None else None,
        faketheoryid=None if theory is None else theory.integer(0),
    )
