"""Fits with theory uncertainties and of polarised data: what is asked of both programs.

Neither n3hyper nor nnpdf is imported here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

VARIED: list[dict[str, Any]] = [
    {"dataset": "HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED", "frac": 0.75},
    {"dataset": "NMC_NC_NOTFIXED_EM-F2", "variant": "legacy_dw", "frac": 0.75},
    {"dataset": "CMS_WPWM_7TEV_ELECTRON_ASY", "frac": 0.75},
    {"dataset": "HERA_CC_318GEV_EM-SIGMARED", "variant": "legacy", "frac": 0.75},
]
CORRECTED: list[dict[str, Any]] = [
    *(VARIED[i] for i in (0, 1, 3)),
    {"dataset": "CMS_2JET_7TEV_M12-Y"},
    {"dataset": "ATLAS_2JET_7TEV_R06_M12Y"},
    {"dataset": "CMS_2JET_13TEV_M12-YSTAR-YB-R08"},
    {"dataset": "ATLAS_1JET_8TEV_R06_PTY", "variant": "decorrelated"},
]
POLARIZED: list[dict[str, Any]] = [
    {"dataset": "E142_NC_NOTFIXED_EN_G1", "frac": 0.75},
    {"dataset": "E155_NC_9GEV_EP_G1F1RATIO", "frac": 0.75},
    {"dataset": "STAR_WMWP_510GEV_WM-AL", "frac": 0.75},
    {"dataset": "STAR-2005_1JET_200GEV_ALL", "frac": 0.75},
]
CONSTRAINTS = (
    "NNPDF_POS_2P24GEV_XGL-POLARIZED",
    "NNPDF_POS_2P24GEV_XUQ-POLARIZED",
    "NNPDF_POS_2P24GEV_XSQSUM-POLARIZED",
    "NNPDF_INTEG_1GEV_XV-POLARIZED",
)
PRESCRIPTIONS = (
    "3 point", "3f point", "3r point", "5 point", "5bar point", "7 point", "9 point",
)  # fmt: skip
X_NODES = [0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
YB_NODES = [0.25, 0.75, 1.25, 1.75, 2.25]
JET_NODES = [0.25, 0.75, 1.25, 1.75, 2.25, 2.75]
POWER: dict[str, Any] = {
    "f2p": {"yshift": [0.2, 0.1, 0.3, 0.2, 0.2, 0.1, 0.2, 0.2, 0.0], "nodes": X_NODES},
    "f2d": {"yshift": [0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.1, 0.2, 0.0], "nodes": X_NODES},
    "dis_cc": {"yshift": [0.2, 0.2, 0.1, 0.2, 0.3, 0.2, 0.2, 0.2, 0.0], "nodes": X_NODES},
    "Hj": {"yshift": [2.0, 1.0, 2.0, 3.0, 2.0, 2.0], "nodes": JET_NODES},
    "H2j_ystar": {"yshift": [2.0, 1.5, 2.0, 2.5, 2.0, 1.0], "nodes": JET_NODES},
    "H2j_yb": {"yshift": [2.0, 1.0, 2.0, 3.0, 2.0], "nodes": YB_NODES},
}
ONE_RAPIDITY: dict[str, Any] = {
    **{kind: POWER[kind] for kind in ("f2p", "f2d", "dis_cc", "Hj", "H2j_ystar")},
    "H2j_ymax": POWER["H2j_ystar"],
}
SEEDS = {"trvlseed": 3, "nnseed": 2, "mcseed": 1}
CUTS = {"use_cuts": "internal", "q2min": 3.49, "w2min": 12.5}
FIT: dict[str, Any] = {
    "use_t0": True,
    "genrep": True,
    "diagonal_basis": False,
    "use_thcovmat_in_fitting": True,
    "use_thcovmat_in_sampling": True,
    **SEEDS,
}
UNPOLARIZED: dict[str, Any] = {
    **FIT, **CUTS, "theoryid": 40_000_000, "t0pdfset": "toy_unpol", "pdf": "toy_unpol",
}  # fmt: skip
OF_POLARIZED: dict[str, Any] = {
    **FIT, "use_cuts": "internal", "q2min": 1.0, "w2min": 4.0, "theoryid": 41_100_010,
    "t0pdfset": "toy_pol", "pdf": "toy_pol", "unpolarized_bc": "toy_unpol",
}  # fmt: skip


def brief(matrix: np.ndarray) -> np.ndarray:
    """Return the diagonal and the products with three vectors, (n, 4)."""
    vectors = np.random.default_rng(1).normal(size=(len(matrix), 3))
    return np.column_stack([np.diag(matrix), matrix @ vectors])


def user_file() -> str:
    """Return the text of a file with a covariance of the first and the last of `VARIED`."""
    rows = [("DIS NC", VARIED[0]["dataset"], i) for i in range(27)]
    rows += [("DIS CC", VARIED[3]["dataset"], i) for i in range(42)]
    columns = np.random.default_rng(5).normal(size=(len(rows), 3)) * 0.01
    lines = [
        ",".join([name, "", "", *(str(row[level]) for row in rows)])
        for level, name in enumerate(("group", "dataset", "id"))
    ]
    lines.append("group,dataset,id" + "," * len(rows))
    for row, values in zip(rows, columns @ columns.T, strict=True):
        lines.append(",".join([*map(str, row), *map(repr, values.tolist())]))
    return "\n".join(lines) + "\n"
