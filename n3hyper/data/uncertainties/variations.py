"""NNPDF's numbers of varied theories, by the number of the theory that they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final

from n3hyper.data.uncertainties.prescriptions import PRESCRIPTIONS, Variation
from n3hyper.errors import TheoryError

Theories = Mapping[Variation, int]

_RATIOS: Final = (0.5, 1.0, 2.0)
_ALPHAS: Final = (0.106, *(round(0.114 + 0.001 * step, 3) for step in range(12)), 0.130)


def _scales(first: int) -> dict[Variation, int]:
    """Return nine theories that follow one another: all factorisation and renormalisation scales.

    >>> _scales(704)[2.0, 0.5]
    710
    """
    found: dict[Variation, int] = {}
    for scales in product(_RATIOS, _RATIOS):
        found[scales] = first + len(found)
    return found


def _around(central: int, first: int) -> dict[Variation, int]:
    """Return nine theories, of which the central one has a number of its own."""
    others = ((0.5, 1), (2, 1), (0.5, 0.5), (1, 0.5), (2, 0.5), (0.5, 2), (1, 2), (2, 2))
    found: dict[Variation, int] = {(1.0, 1.0): central}
    for place, (f, r) in enumerate(others):
        found[float(f), float(r)] = first + place
    return found


def _alphas(central: int, numbers: Iterator[int]) -> dict[Variation, int]:
    """Return theories of other couplings; that of 0.118 is the central one."""
    return {(alpha,): central if alpha == 0.118 else next(numbers) for alpha in _ALPHAS}


def _every_alphas(first: int) -> dict[Variation, int]:
    return {(alpha,): first + place for place, alpha in enumerate(_ALPHAS)}


def _words(central: int, bounds: int, **subsets: int) -> dict[Variation, int]:
    """Return theories with other coefficient functions, and with scales varied in some data."""
    found: dict[Variation, int] = {
        "central DIS": central, "lower bound DIS": bounds, "upper bound DIS": bounds + 1,
    }  # fmt: skip
    for subset, first in subsets.items():
        found |= {f"(1, 0.5 {subset})": first, f"(1, 2 {subset})": first + 1}
    return found


def _splitting(prescription: str, central: int, first: int) -> dict[Variation, int]:
    known = PRESCRIPTIONS[prescription]
    varied = {variation: first + place for place, variation in enumerate(known.variations)}
    return {known.central: central} | varied


def _numbers(*parts: tuple[int, int]) -> Iterator[int]:
    for start, stop in parts:
        yield from range(start, stop)


_N3LO: Final[Theories] = {
    **_splitting("ad ihou", 722, 723), **_around(722, 784),
    **_words(722, 792, missing=794, hadronic=796),
}  # fmt: skip
_NLO: Final[Theories] = {
    **_scales(713), **_alphas(717, _numbers((830, 843))),
}  # fmt: skip
_NNLO: Final[Theories] = {
    **_scales(704),
    **_alphas(708, iter((825, *range(804, 812), 826, 827, 828, 829))),
}
_NNLO_EXACT: Final[Theories] = {
    **_scales(704), **_every_alphas(40_008_000),
}  # fmt: skip
_NNLO_QED: Final[Theories] = {
    **_scales(704), **_alphas(702, _numbers((40_003_000, 40_003_013))),
}  # fmt: skip
_N3LO_QED: Final[Theories] = {
    **_N3LO, **_alphas(824, _numbers((40_004_000, 40_004_013))),
}  # fmt: skip
_N3LO_EXACT: Final[Theories] = {**_N3LO, **_every_alphas(40_007_000)}
_N3LO_ALPHAS: Final[Theories] = {
    **_N3LO, **_alphas(722, _numbers((40_002_000, 40_002_005), (40_002_006, 40_002_014))),
}  # fmt: skip
_NNLO_41: Final[Theories] = {
    scales: 41_000_000 + place
    for scales, place in {
        (1.0, 1.0): 0, (1.0, 0.5): 10, (0.5, 1.0): 11, (0.5, 0.5): 12,
        (1.0, 2.0): 13, (2.0, 1.0): 14, (2.0, 2.0): 15,
    }.items()
}  # fmt: skip


def _n3lo_of_functions(central: int, first: int, words: int, scales: int) -> dict[Variation, int]:
    """Return theories at N3LO with variations of seven splitting functions."""
    return {
        **_splitting("fhmruvv ihou", central, first),
        **_around(central, scales),
        **_words(central, words, hadronic=words + 2),
    }


def _polarized(central: int) -> dict[Variation, int]:
    """Return nine theories, the first of which is the central one."""
    found: dict[Variation, int] = {(1.0, 1.0): central}
    for scales in product(_RATIOS, _RATIOS):
        found.setdefault(scales, central + len(found))
    return found


VARIED: Final[Mapping[int, Theories]] = {
    41_000_000: _NNLO_41,
    **dict.fromkeys((834, 717, 835), _NLO),
    **dict.fromkeys((708, 40_000_000, 809), _NNLO),
    **dict.fromkeys((807, 808, *range(40_008_001, 40_008_013)), _NNLO_EXACT),
    **dict.fromkeys((40_000_100, 702, *range(40_003_001, 40_003_012)), _NNLO_QED),
    **dict.fromkeys((824, *range(40_004_001, 40_004_012)), _N3LO_QED),
    **dict.fromkeys((722, *range(40_002_001, 40_002_005)), _N3LO_ALPHAS),
    **dict.fromkeys(range(40_002_006, 40_002_013), _N3LO_ALPHAS),
    **dict.fromkeys(range(40_007_001, 40_007_013), _N3LO_EXACT),
    1000: {**_n3lo_of_functions(1000, 1001, 1023, 1015)},
    40_005_000: _n3lo_of_functions(40_005_000, 40_005_001, 40_005_015, 40_005_019),
    40_005_027: _n3lo_of_functions(40_005_027, 40_005_028, 40_005_042, 40_005_046),
    41_100_000: {
        **_polarized(41_100_000),
        "(1, 0.5 missing)": 41_100_054,
        "(1, 2 missing)": 41_100_055,
    },
    41_100_010: _polarized(41_100_010),
    41_100_020: _polarized(41_100_020),
}
"""Number of a theory -> numbers of its variations (validphys 4.1.5)."""


def varied_theories(prescription: str, theoryid: int) -> tuple[int, ...]:
    """Return the theories of a prescription, the central one first.

    Parameters
    ----------
    prescription
        One of `PRESCRIPTIONS`.
    theoryid
        The theory whose uncertainty is asked for. (The first that is returned may have another
        number: its scales are varied around one that predicts the same.)

    Raises
    ------
    TheoryError
        where NNPDF has made none.

    >>> varied_theories("3 point", 40_000_000)
    (708, 712, 704)
    """
    known, asked = VARIED.get(theoryid), PRESCRIPTIONS[prescription]
    variations = (asked.central, *asked.variations)
    if known is None or not set(variations) <= set(known):
        raise TheoryError(
            f"NNPDF has no theories of the prescription {prescription!r} for theory {theoryid}; "
            "name yours, the central one first: theorycovmatconfig: {theoryids: [...]}"
        )
    return tuple(known[variation] for variation in variations)
