"""Made-up theories with varied scales, unpolarised and polarised, and PDF sets for them.

`python -m tests.support.varied_theories FOLDER` writes them for validphys, whose numbers are in
`tests/data/reference`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from n3hyper.data.commondata import load_commondata
from n3hyper.data.uncertainties.variations import varied_theories
from tests.benchmarks.toy_set import write_toy_set
from tests.support.made_up_theory import write_tables

VARIED = {
    "HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED": None,
    "NMC_NC_NOTFIXED_EM-F2": "legacy_dw",
    "HERA_CC_318GEV_EM-SIGMARED": "legacy",
    "CMS_WPWM_7TEV_ELECTRON_ASY": None,
}
"""Sets of the fit with varied scales, and their variants."""
CORRECTED = {
    **{name: VARIED[name] for name in list(VARIED)[:3]},
    "CMS_2JET_7TEV_M12-Y": None,
    "ATLAS_2JET_7TEV_R06_M12Y": None,
    "CMS_2JET_13TEV_M12-YSTAR-YB-R08": None,
    "ATLAS_1JET_8TEV_R06_PTY": "decorrelated",
}
"""Sets of the fit with power corrections."""
POLARIZED = (
    "E142_NC_NOTFIXED_EN_G1",
    "E155_NC_9GEV_EP_G1F1RATIO",
    "STAR_WMWP_510GEV_WM-AL",
    "STAR-2005_1JET_200GEV_ALL",
)
POLARIZED_CONSTRAINTS = (
    "NNPDF_POS_2P24GEV_XGL-POLARIZED",
    "NNPDF_POS_2P24GEV_XUQ-POLARIZED",
    "NNPDF_POS_2P24GEV_XSQSUM-POLARIZED",
    "NNPDF_INTEG_1GEV_XV-POLARIZED",
)
UNPOLARIZED_THEORY, POLARIZED_THEORY = 40_000_000, 41_100_010
SETS = {"toy_unpol": (0.05, -0.04, 0.1, -0.08), "toy_pol": (0.3, -0.2, 0.5)}
"""PDF sets, and by how much their replicas differ from the central member."""


def write_pdf_sets(folder: Path) -> None:
    """Write `SETS`, in LHAPDF's format."""
    for name, spread in SETS.items():
        write_toy_set(folder, name, spread)


def write_varied_theories(folder: Path) -> None:
    """Write ``theory_<id>`` for the fits above; `SETS` must be where LHAPDF sets are found."""
    corrected = [load_commondata(*entry) for entry in {**VARIED, **CORRECTED}.items()]
    write_tables(folder / f"theory_{UNPOLARIZED_THEORY}", corrected, "toy_unpol")
    varied = [load_commondata(*entry) for entry in VARIED.items()]
    for seed, number in enumerate(varied_theories("9 point", UNPOLARIZED_THEORY), 2):
        write_tables(folder / f"theory_{number}", varied, "toy_unpol", seed)
    polarized = [load_commondata(name) for name in (*POLARIZED, *POLARIZED_CONSTRAINTS)]
    for seed, number in enumerate(varied_theories("3 point", POLARIZED_THEORY), 20):
        write_tables(folder / f"theory_{number}", polarized, "toy_unpol", seed)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    write_pdf_sets(place / "lhapdf")
    os.environ["LHAPDF_DATA_PATH"] = str(place / "lhapdf")
    write_varied_theories(place / "theories")
