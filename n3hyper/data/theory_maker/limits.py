"""The limit of vanishing mass in which all light quarks take part.

Light quarks that couple to the boson radiate, or have loops of, massive quarks from O(alpha_s^2).
In the limit of small masses yadism 0.13.12 leaves out the last of the light quarks (strange below
charm, charm below bottom), which its massive calculation has, so that the difference of the two
does not vanish at high scales: F2 of strange quarks alone is off by 1e-3 at Q^2 = 5 GeV^2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from n3hyper.data.theory_maker.requirements import require

Kernels = Callable[..., Any]


def mend() -> None:
    """Let yadism, in this process, take all light quarks in the limit, with their couplings."""
    limits = require("yadism.coefficient_functions.asy.kernels")
    if not hasattr(limits.generate_missing_asy, "mended"):
        massive = require("yadism.coefficient_functions.heavy.kernels").generate_missing
        limits.generate_missing_asy = with_the_quarks_of(massive, limits.generate_missing_asy)


def with_the_quarks_of(massive: Kernels, limit: Kernels) -> Kernels:
    """The terms of `limit`, each with the quarks and couplings of those of `massive`.

    Parameters
    ----------
    massive
        yadism's ``generate_missing`` (point, light flavours, heavy quark, coupled quark).
    limit
        The same of its limit, with the order of the evolution before the coupled quark.
    """

    def mended(esf: Any, nf: int, ihq: int, pto_evol: int, icoupl: int | None = None) -> Any:
        terms = limit(esf, nf, ihq, pto_evol, icoupl)
        for full in massive(esf, nf, ihq, icoupl):
            for term in terms:
                term.partons = dict(full.partons)
        return terms

    mended.mended = True  # type: ignore[attr-defined]
    return mended
