"""The theory of an evolution: from NNPDF's theory card to what eko is told.

What NNPDF's evolven3fit lets eko do is done here, too: the truncated solution with the expanded
inverse of the matching (``ModEv: TRN``), or the iterated exact one with the exact inverse (EXA).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import TheoryError
from n3hyper.theory.folders import find_card

QUARKS: Final = ("c", "b", "t")
INTERPOLATION_DEGREE: Final = 4
"""Degree of the polynomials in log x between the nodes."""
_METHODS: Final[dict[str, dict[str, Any]]] = {
    "TRN": {"evolution_method": "truncated", "inversion_method": "expanded"},
    "EXA": {"evolution_method": "iterate-exact", "inversion_method": "exact"},
}
_ITERATIONS: Final = 60
"""Steps of the exact solution where the card does not say (`IterEv`), as in NNPDF."""
_REFUSED: Final[dict[str, Any]] = {"QED": 0, "XIF": 1.0}
"""Keys that can have only one value here."""


@dataclass(frozen=True)
class EvolutionCard:
    """Settings that determine the evolution of PDFs; masses and scales in GeV."""

    theoryid: int
    pto: int
    """Order: 0 is LO, 3 is N3LO."""
    q0: float
    """Scale of the input."""
    masses: tuple[float, float, float]
    """Of charm, bottom, top."""
    mass_scales: tuple[float, float, float]
    """Scales of the masses, where these are running ones."""
    ratios: tuple[float, float, float]
    """Threshold over mass; infinite where a quark never becomes active."""
    alphas: float
    qref: float
    """Scale of `alphas`."""
    nf0: int
    """Active flavours at `q0`."""
    nfref: int
    """Active flavours at `qref`."""
    solution: str = "TRN"
    """How the evolution equations are solved: ``TRN`` or ``EXA``."""
    iterations: int = 1
    scheme: str = "POLE"
    """Of the masses: ``POLE`` or ``MSBAR``."""
    alphaqed: float = 0.0077553
    splitting_variations: tuple[int, ...] = (0,) * 7
    """Variations of the N3LO splitting functions."""
    fhmruvv: bool = True
    eko_solution: bool = False
    """Whether the truncated solution is that of eko, see `truncated`."""

    @property
    def method(self) -> str:
        """eko's name of the solution."""
        return str(_METHODS[self.solution]["evolution_method"])

    @property
    def inversion(self) -> str:
        """eko's name of the inverse of the matching."""
        return str(_METHODS[self.solution]["inversion_method"])

    @property
    def thresholds(self) -> tuple[float, float, float]:
        """Scales of charm, bottom and top in GeV."""
        c, b, t = (mass * ratio for mass, ratio in zip(self.masses, self.ratios, strict=True))
        return c, b, t

    def for_eko(self) -> dict[str, Any]:
        """eko's theory card."""
        scales = self.mass_scales if self.scheme == "MSBAR" else (math.nan,) * 3
        return {
            "order": (self.pto + 1, 0),
            "couplings": {
                "alphas": self.alphas,
                "alphaem": self.alphaqed,
                "em_running": False,
                "ref": (self.qref, self.nfref),
            },
            "heavy": {
                "matching_ratios": list(self.ratios),
                "masses_scheme": self.scheme,
                "masses": [list(pair) for pair in zip(self.masses, scales, strict=True)],
            },
            "xif": 1.0,
            "n3lo_ad_variation": self.splitting_variations,
            "use_fhmruvv": self.fhmruvv,
            "matching_order": (self.pto, 0),
        }

    def operator_for_eko(
        self, xgrid: list[float], scales: list[tuple[float, int]]
    ) -> dict[str, Any]:
        """eko's operator card from `q0` to each of `scales`, (Q in GeV, number of flavours)."""
        return {
            "init": (self.q0, self.nf0),
            "mugrid": scales,
            "xgrid": xgrid,
            "configs": {
                **_METHODS[self.solution],
                "ev_op_max_order": (1, 0),
                "ev_op_iterations": self.iterations,
                "scvar_method": None,
                "interpolation_polynomial_degree": INTERPOLATION_DEGREE,
                "interpolation_is_log": True,
                "polarized": False,
                "time_like": False,
                "n_integration_cores": 1,
            },
            "debug": {"skip_singlet": False, "skip_non_singlet": False},
        }


def evolution_card(
    theoryid: int, theory_path: Path | None = None, *, eko_solution: bool = False
) -> EvolutionCard:
    """Return the evolution of a theory, by its number.

    Parameters
    ----------
    eko_solution
        Take the truncated solution as eko has it, see `truncated`.

    Raises
    ------
    TheoryError
        If there is no card of that number, or it asks for what cannot be done.
    """
    file, content = find_card(theoryid, theory_path)
    card = read_evolution_card(theoryid, content, file)
    return replace(card, eko_solution=eko_solution and card.solution == "TRN" and card.pto >= 2)


def read_evolution_card(theoryid: int, content: Mapping[str, Any], file: Path) -> EvolutionCard:
    """Return the evolution that a card in NNPDF's keys describes.

    Raises
    ------
    TheoryError
        If a key is missing, or has a value that cannot be used.
    """
    for key, allowed in _REFUSED.items():
        value = content.get(key)
        if value is not None and float(value) != allowed:
            raise TheoryError(f"{file}: {key}: {value} is not possible, only {allowed}")
    solution = content.get("ModEv", "TRN")
    if solution not in _METHODS:
        raise TheoryError(f"{file}: ModEv: {solution!r}; one of: {', '.join(_METHODS)}")
    try:
        return _card(theoryid, content, solution)
    except KeyError as error:
        raise TheoryError(f"{file}: no key {error.args[0]}, which the evolution needs") from error
    except (TypeError, ValueError) as error:
        raise TheoryError(f"{file}: not the numbers of a theory card: {error}") from error


def _card(theoryid: int, content: Mapping[str, Any], solution: str) -> EvolutionCard:
    most = int(content.get("MaxNfPdf") or 5)
    masses = _three(content, "m{}")
    own = _three(content, "k{}Thr")
    # a quark beyond the largest number of flavours has its threshold at infinity
    c, b, t = (ratio if nf <= most else math.inf for nf, ratio in zip((4, 5, 6), own, strict=True))
    walls = [mass * ratio for mass, ratio in zip(masses, own, strict=True)]
    q0, qref = float(content["Q0"]), float(content["Qref"])
    scheme = content.get("HQ") or "POLE"
    return EvolutionCard(
        theoryid=theoryid,
        pto=int(content["PTO"]),
        q0=q0,
        masses=masses,
        mass_scales=_three(content, "Qm{}") if scheme == "MSBAR" else masses,
        ratios=(c, b, t),
        alphas=float(content["alphas"]),
        qref=qref,
        nf0=int(content.get("nf0") or flavours(q0, walls)),
        nfref=int(content.get("nfref") or flavours(qref, walls)),
        solution=solution,
        iterations=int(content.get("IterEv") or _ITERATIONS) if solution == "EXA" else 1,
        scheme=scheme,
        alphaqed=float(content.get("alphaqed") or 0.0077553),
        splitting_variations=tuple(content.get("n3lo_ad_variation") or (0,) * 7),
        fhmruvv=bool(content.get("use_fhmruvv", True)),
    )


def _three(content: Mapping[str, Any], key: str) -> tuple[float, float, float]:
    c, b, t = (float(content[key.format(quark)]) for quark in QUARKS)
    return c, b, t


def flavours(q: float, thresholds: list[float]) -> int:
    """Return the number of active flavours at `q` GeV.

    >>> [flavours(q, [1.5, 4.9, 172.5]) for q in (1.0, 1.65, 100.0, 200.0)]
    [3, 4, 5, 6]
    """
    return 3 + sum(q >= threshold for threshold in thresholds)
