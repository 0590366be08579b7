"""Correction of yadism's massive quarks that light quarks radiate or have in loops.

From O(alpha_s^2) on, light quarks that couple to the boson radiate pairs of massive quarks and have
loops of them. In a FONLL sum the massive calculation of this and its small-mass limit cancel at
high scales. Those of yadism 0.13.12 do not, for two reasons, which `mend` removes:

- The limit leaves out the last of the light quarks (strange below charm, charm below bottom).
- FL has a local term that makes its first moment vanish. That is the Adler sum rule, which F2 obeys
  and FL does not: there is no loop correction to a longitudinal boson on a massless quark, and the
  radiation alone, which is positive, has the limit (`tests/theory_maker/test_heavy_loops.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from n3hyper.theory_maker.requirements import require

Function = Callable[..., Any]
_COEFFICIENTS = "yadism.coefficient_functions"


def mend() -> None:
    """Correct yadism in this process; a second call does nothing more."""
    limits = require(f"{_COEFFICIENTS}.asy.kernels")
    if not hasattr(limits.generate_missing_asy, "mended"):
        massive = require(f"{_COEFFICIENTS}.heavy.kernels").generate_missing
        limits.generate_missing_asy = with_the_quarks_of(massive, limits.generate_missing_asy)
    longitudinal = require(f"{_COEFFICIENTS}.heavy.fl_nc").NonSinglet
    if not hasattr(longitudinal.NNLO, "mended"):
        longitudinal.NNLO = without_loops(longitudinal.NNLO)


def with_the_quarks_of(massive: Function, limit: Function) -> Function:
    """Return the terms of `limit`, each with the quarks and couplings of those of `massive`.

    Parameters
    ----------
    massive
        yadism's ``generate_missing`` (point, light flavours, heavy quark, coupled quark).
    limit
        The same for its limit, with the order of the evolution before the coupled quark.
    """

    def mended(esf: Any, nf: int, ihq: int, pto_evol: int, icoupl: int | None = None) -> Any:
        terms = limit(esf, nf, ihq, pto_evol, icoupl)
        for full in massive(esf, nf, ihq, icoupl):
            for term in terms:
                term.partons = dict(full.partons)
        return terms

    mended.mended = True  # type: ignore[attr-defined]
    return mended


def without_loops(order: Function) -> Function:
    """Return the function of z that a channel's method `order` gives, without its local part."""

    def mended(channel: Any) -> Any:
        distribution = order(channel)
        distribution.loc = None
        return distribution

    mended.mended = True  # type: ignore[attr-defined]
    return mended
