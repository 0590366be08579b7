"""Theory card: one description of the physics, translated into the cards of yadism and eko."""

from __future__ import annotations

import dataclasses
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from n3hyper.errors import TheoryError, nearest
from n3hyper.system.atomic_write import write_atomically
from n3hyper.theory_maker.bases import INTERPOLATION_DEGREE, X_GRID

FONLL_ORDERS = {"FONLL-A": 1, "FONLL-B": 1, "FONLL-C": 2}
"""Order of the evolution that goes with each variant of FONLL."""
SCHEMES = ("ZM-VFNS", *FONLL_ORDERS)
EVOLUTION_METHODS = {"TRN": "truncated", "EXA": "iterate-exact"}
QUARKS = ("c", "b", "t")
FONLL_PDFS = ("coexisting", "single")
OWN_KEYS = ("FONLLPDFs", "kDISbThr")
"""Keys that NNPDF's cards of today do not have, written only if they differ from the default."""


@dataclass(frozen=True)
class CalculationCard:
    """Theory with the keys of NNPDF's theory cards (masses and scales in GeV)."""

    ID: int = 1650
    """Number of the theory: its folder is ``theory_<ID>``."""
    Comments: str = ""
    PTO: int = 1
    """Order of the evolution and of massless coefficient functions: 0 is LO, 1 is NLO."""
    FNS: str = "FONLL-B"
    """How heavy quarks are treated, one of `SCHEMES`."""
    DAMP: int = 0
    """Damping of the FONLL subtraction; only 0 (no damping but a step at the threshold)."""
    IC: int = 1
    """Fitted charm: its massive coefficient functions with a charm quark in the initial state."""
    FONLLPDFs: str = "coexisting"
    """PDFs of the terms of FONLL, see `schemes`: of each term's own number of flavours, or a single
    set, as in NNPDF4.0."""
    Q0: float = 1.65
    """Scale of the input PDFs."""
    ModEv: str = "TRN"
    """Solution of the evolution equations, a key of `EVOLUTION_METHODS`."""
    XIR: float = 1.0
    XIF: float = 1.0
    NfFF: int = 5
    QED: int = 0
    HQ: str = "POLE"
    mc: float = 1.51
    Qmc: float = 1.51
    kcThr: float = 1.0
    mb: float = 4.92
    Qmb: float = 4.92
    kbThr: float = 1.0
    kDISbThr: float | None = None
    """With a single set of PDFs: ratio to `mb` of the scale above which bottom is added to the
    massless quarks of structure functions, `kbThr` by default. PDFs have no such scale."""
    mt: float = 172.5
    Qmt: float = 172.5
    ktThr: float = 1.0
    CKM: tuple[float, ...] = (
        0.97428, 0.2253, 0.00347, 0.2252, 0.97345, 0.041, 0.00862, 0.0403, 0.999152,
    )  # fmt: skip
    """Absolute values of the CKM matrix by rows: ud, us, ub, cd, ..."""
    MZ: float = 91.1876
    MW: float = 80.398
    GF: float = 1.1663787e-05
    SIN2TW: float = 0.23126
    TMC: int = 1
    """Target-mass corrections: 0 none, 1 leading (F and its first integral)."""
    MP: float = 0.938
    """Mass of the target, per nucleon."""
    Qref: float = 91.2
    alphas: float = 0.118
    """Strong coupling at `Qref`, with five flavours."""
    alphaqed: float = 0.0077553

    def __post_init__(self) -> None:
        """Refuse settings that the maker does not support."""
        object.__setattr__(self, "CKM", tuple(self.CKM))
        for key, allowed in {
            "FNS": SCHEMES,
            "ModEv": tuple(EVOLUTION_METHODS),
            "PTO": (0, 1, 2),
            "DAMP": (0,),
            "IC": (0, 1),
            "QED": (0,),
            "HQ": ("POLE",),
            "XIR": (1.0,),
            "XIF": (1.0,),
            "TMC": (0, 1),
            "FONLLPDFs": FONLL_PDFS,
        }.items():
            value = getattr(self, key)
            if value not in allowed:
                options = ", ".join(str(option) for option in allowed)
                raise TheoryError(
                    f"theory card: {key}: {value!r} cannot be made; one of: {options}"
                )
        if FONLL_ORDERS.get(self.FNS, self.PTO) != self.PTO:
            raise TheoryError(f"theory card: PTO: {self.FNS} needs {FONLL_ORDERS[self.FNS]}")
        if not self.mc * self.kcThr < self.Q0 < self.mb * self.kbThr:
            raise TheoryError(
                f"theory card: Q0: {self.Q0} GeV must lie between the charm and bottom thresholds"
            )
        if self.kDISbThr not in (None, self.kbThr) and self.FONLLPDFs != "single":
            raise TheoryError(
                f"theory card: kDISbThr: {self.kDISbThr} needs FONLLPDFs: single; "
                "otherwise it is kbThr"
            )

    @property
    def thresholds(self) -> tuple[float, float, float]:
        """Squared matching scales of charm, bottom and top, in GeV^2."""
        c, b, t = ((getattr(self, f"m{q}") * getattr(self, f"k{q}Thr")) ** 2 for q in QUARKS)
        return c, b, t

    @property
    def massless_bottom(self) -> float:
        """Scale in GeV^2 above which structure functions count bottom as massless."""
        return self.mb**2 * (self.kbThr if self.kDISbThr is None else self.kDISbThr) ** 2

    def nnpdf(self) -> dict[str, Any]:
        """Return the card as a dictionary with NNPDF's keys and those of `OWN_KEYS` it needs."""
        content = {**dataclasses.asdict(self), "CKM": list(self.CKM)}
        return {
            key: value
            for key, value in content.items()
            if key not in OWN_KEYS or value not in (None, FONLL_PDFS[0])
        }

    def differing(self, another: CalculationCard) -> list[str]:
        """Return the keys whose values differ from those of another card."""
        keys = [field.name for field in dataclasses.fields(self)]
        return [key for key in keys if getattr(self, key) != getattr(another, key)]

    def for_yadism(
        self, scheme: str, nf: int, parts: str, pto: int, pto_evol: int
    ) -> dict[str, Any]:
        """Return yadism's card for one term of the flavour-number scheme.

        Target-mass corrections are switched off: `target_mass` applies them.
        """
        return {
            **{key: value for key, value in self.nnpdf().items() if key not in OWN_KEYS},
            "CKM": " ".join(str(element) for element in self.CKM),
            "FNS": scheme,
            "NfFF": nf,
            "FONLLParts": parts,
            "PTO": pto_evol,
            "PTODIS": pto,
            "TMC": 0,
            "nf0": 4,
            "nfref": 5,
            "RenScaleVar": False,
            "FactScaleVar": False,
            "n3lo_cf_variation": 0,
        }

    def for_eko(self) -> dict[str, Any]:
        """Return eko's theory card."""
        return {
            "order": (self.PTO + 1, 0),
            "couplings": {
                "alphas": self.alphas,
                "alphaem": self.alphaqed,
                "em_running": False,
                "ref": (self.Qref, 5),
            },
            "heavy": {
                "matching_ratios": [getattr(self, f"k{q}Thr") for q in QUARKS],
                "masses_scheme": self.HQ,
                "masses": [[getattr(self, f"m{q}"), math.nan] for q in QUARKS],
            },
            "xif": self.XIF,
            "n3lo_ad_variation": (0,) * 7,
            "matching_order": (self.PTO, 0),
        }

    def operators_for_eko(self, scales: list[tuple[float, int]]) -> dict[str, Any]:
        """Return eko's operator card from `Q0` to each scale (mu in GeV, number of flavours)."""
        exact = self.ModEv == "EXA"
        return {
            "init": (self.Q0, 4),
            "mugrid": scales,
            "xgrid": X_GRID.tolist(),
            "configs": {
                "evolution_method": EVOLUTION_METHODS[self.ModEv],
                "ev_op_max_order": (10, 0),
                "ev_op_iterations": 30 if exact else 1,
                "inversion_method": "exact" if exact else "expanded",
                "scvar_method": None,
                "interpolation_polynomial_degree": INTERPOLATION_DEGREE,
                "interpolation_is_log": True,
                "polarized": False,
                "time_like": False,
                "n_integration_cores": 1,
            },
            "debug": {"skip_singlet": False, "skip_non_singlet": False},
        }


def read_card(path: Path) -> CalculationCard:
    """Read a theory card in NNPDF's format.

    Raises
    ------
    TheoryError
        If the file is missing, has an unknown key, or asks for what cannot be made.
    """
    if not path.is_file():
        raise TheoryError(f"{path}: no such theory card")
    content = YAML(typ="safe").load(path)
    known = [field.name for field in dataclasses.fields(CalculationCard)]
    for key in content:
        if key not in known:
            raise TheoryError(f"{path}: unknown key {key!r}; {nearest(key, known)}")
    return CalculationCard(**content)


def write_card(card: CalculationCard, path: Path) -> None:
    """Write a theory card in NNPDF's format."""
    yaml = YAML()
    yaml.default_flow_style = None
    content = io.BytesIO()
    yaml.dump(card.nnpdf(), content)
    write_atomically(path, [content.getvalue()])
