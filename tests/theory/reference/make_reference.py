"""Predictions of validphys, for the tests of `n3hyper.theory.build_stack`. See README.md.

Needs an environment of its own: pip install nnpdf==4.1.5 lhapdf-management pdfflow
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
from pathlib import Path

DATA = [
    ("NMC_NC_NOTFIXED_EM-F2", "legacy_dw", []),
    ("NMC_NC_NOTFIXED_P_EM-SIGMARED", "legacy", []),
    ("SLAC_NC_NOTFIXED_P_EM-F2", "legacy_dw", []),
    ("SLAC_NC_NOTFIXED_D_EM-F2", "legacy_dw", []),
    ("BCDMS_NC_NOTFIXED_P_EM-F2", "legacy_dw", []),
    ("BCDMS_NC_NOTFIXED_D_EM-F2", "legacy_dw", []),
    ("HERA_NC_318GEV_EM-SIGMARED", "legacy", []),
    ("HERA_NC_318GEV_EP-SIGMARED", "legacy", []),
    ("HERA_NC_225GEV_EP-SIGMARED", "legacy", []),
    ("HERA_NC_251GEV_EP-SIGMARED", "legacy", []),
    ("HERA_NC_300GEV_EP-SIGMARED", "legacy", []),
    ("HERA_CC_318GEV_EM-SIGMARED", "legacy", []),
    ("HERA_CC_318GEV_EP-SIGMARED", "legacy", []),
    ("HERA_NC_318GEV_EAVG_CHARM-SIGMARED", "legacy", []),
    ("HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED", "legacy", []),
    ("NUTEV_CC_NOTFIXED_FE_NB-SIGMARED", "legacy_dw", ["MAS"]),
    ("NUTEV_CC_NOTFIXED_FE_NU-SIGMARED", "legacy_dw", []),
    ("DYE605_Z0_38P8GEV_DW_PXSEC", "legacy", []),
    ("CMS_WPWM_7TEV_ELECTRON_ASY", None, []),
    ("D0_Z0_1P96TEV_ZRAP", "legacy", []),
    ("ATLAS_WPWM_7TEV_36PB_ETA", "legacy", []),
    ("ATLAS_Z0_7TEV_36PB_ETA", "legacy", []),
    ("ATLAS_Z0_7TEV_49FB_HIMASS", "legacy", []),
    ("ATLAS_WPWM_7TEV_46FB_CC-ETA", "legacy", []),
    ("ATLAS_Z0_7TEV_46FB_CC-Y", "legacy", []),
    ("ATLAS_Z0_7TEV_46FB_CF-Y", "legacy", []),
    ("ATLAS_Z0_8TEV_LOWMASS_M-Y", "legacy", []),
    ("ATLAS_Z0_13TEV_TOT", "legacy", []),
    ("ATLAS_WPWM_13TEV_TOT", "legacy", []),
    ("ATLAS_SINGLETOP_7TEV_TCHANNEL-XSEC", "legacy", []),
    ("ATLAS_SINGLETOP_13TEV_TCHANNEL-XSEC", "legacy", []),
    ("ATLAS_SINGLETOP_7TEV_T-Y-NORM", "legacy", []),
    ("ATLAS_SINGLETOP_7TEV_TBAR-Y-NORM", "legacy", []),
    ("ATLAS_SINGLETOP_8TEV_T-RAP-NORM", "legacy", []),
    ("ATLAS_SINGLETOP_8TEV_TBAR-RAP-NORM", "legacy", []),
    ("CMS_WPWM_8TEV_MUON_Y", "legacy", []),
    ("CMS_SINGLETOP_7TEV_TCHANNEL-XSEC", "legacy", []),
    ("CMS_SINGLETOP_8TEV_TCHANNEL-XSEC", "legacy", []),
    ("CMS_SINGLETOP_13TEV_TCHANNEL-XSEC", "legacy", []),
    ("LHCB_Z0_7TEV_DIELECTRON_Y", None, []),
    ("LHCB_Z0_8TEV_DIELECTRON_Y", None, []),
    ("LHCB_WPWM_7TEV_MUON_Y", None, []),
    ("LHCB_Z0_7TEV_MUON_Y", None, []),
    ("LHCB_WPWM_8TEV_MUON_Y", None, []),
    ("LHCB_Z0_8TEV_MUON_Y", None, []),
]
LAGRANGE = [
    *(f"NNPDF_POS_2P24GEV_{name}" for name in ("F2U", "F2D", "F2S", "F2C", "FLL")),
    *(f"NNPDF_POS_2P24GEV_{name}" for name in ("DYU", "DYD", "DYS")),
    *(f"NNPDF_POS_2P24GEV_X{name}" for name in ("UQ", "UB", "DQ", "DB", "SQ", "SB", "CQ", "GL")),
    *(f"NNPDF_INTEG_3GEV_X{name}" for name in ("V", "V3", "V8", "T3", "T8")),
]


def main() -> None:
    """Write the numbers of all sets that the theory has tables for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("theory", type=Path, help="a folder theory_<id>")
    parser.add_argument("output", type=Path, help="the JSON file to write")
    parser.add_argument("--lhapdf-path", type=Path, required=True, help="folder of PDF sets")
    parser.add_argument("--pdf", default="toy_t0", help="name of the PDF set")
    parser.add_argument(
        "--theory-card", type=int, default=None, help="NNPDF card to use when the id has none"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        share = Path(folder)
        card = arguments.theory_card or int(arguments.theory.name.removeprefix("theory_"))
        # validphys knows the cards of nnpdf_data only: run under the number of a known one
        (share / "theories").mkdir()
        (share / "theories" / f"theory_{card}").symlink_to(arguments.theory.resolve())
        (share / "nnprofile.yaml").write_text(f"nnpdf_share: {share}\n")
        os.environ["NNPDF_PROFILE_PATH"] = str(share / "nnprofile.yaml")
        # lhapdf-management looks at the first, pdfflow at the second
        os.environ["LHAPDF_DATA_PATH"] = os.environ["LHAPATH"] = str(arguments.lhapdf_path)
        reference = compute(card, arguments.theory.name, arguments.pdf)
    reference["tables"] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((arguments.theory / "fastkernel").iterdir())
    }
    arguments.output.write_text(json.dumps(reference) + "\n")


def mend_single_nodes() -> None:
    """Restore the axis of x, which pdfflow drops for a single x: validphys then fails."""
    import numpy as np
    from validphys.lhapdf_compatibility import _PDFFlowPDF

    original = _PDFFlowPDF._xfxQ_all_pid

    def evaluate(self, x, q):
        x, q = np.atleast_1d(x), np.atleast_1d(q)
        if x.size > 1:
            return original(self, x, q)
        twice = original(self, np.repeat(x, 2), np.repeat(q, 2))
        return {pid: values[:1] for pid, values in twice.items()}

    _PDFFlowPDF._xfxQ_all_pid = evaluate


def compute(theoryid: int, theory: str, pdfset: str) -> dict:
    """Return predictions, points kept by the cuts, and the PDF on the nodes."""
    import numpy as np
    from validphys.api import API
    from validphys.convolution import FK_FLAVOURS, central_predictions
    from validphys.fkparser import load_fktable
    from validphys.loader import Loader
    from validphys.pdfbases import evolution

    mend_single_nodes()
    pdf = API.pdf(pdf=pdfset)
    rules = API.rules(theoryid=theoryid, use_cuts="internal")
    sets, nodes, q0 = [], [], set()
    for name, variant, cfac in [*DATA, *((name, None, []) for name in LAGRANGE)]:
        if name in LAGRANGE:
            spec = Loader().check_posset(theoryid, name, 1.0, rules)
        else:
            wanted = {"dataset": name, "variant": variant, "cfac": cfac}
            spec = API.dataset(dataset_input=wanted, theoryid=theoryid, use_cuts="internal")
        missing = [path.name for fk in spec.fkspecs for path in fk.fkpath if not path.exists()]
        if missing:
            print(f"{name}: left out, the theory has no {', '.join(missing)}")
            continue
        tables = [load_fktable(fkspec) for fkspec in spec.fkspecs]
        predictions = central_predictions(spec, pdf)
        nodes += [table.xgrid for table in tables]
        q0 |= {float(table.Q0) for table in tables}
        sets.append(
            {
                "name": name,
                "variant": variant,
                "cfac": cfac,
                "points": [int(point) for point in spec.cuts.load()],
                "predictions": predictions.to_numpy().ravel().tolist(),
            }
        )
        print(f"{name}: {len(sets[-1]['points'])} points")
    xgrid = np.unique(np.concatenate(nodes))
    (scale,) = q0
    values = evolution.central_grid_values(pdf, FK_FLAVOURS, xgrid, [scale])[0, :, :, 0].T
    return {
        "made with": "validphys of nnpdf 4.1.5, pdfflow 1.2.2",
        "theory": theory,
        "pdf": pdfset,
        "q0": scale,
        "xgrid": xgrid.tolist(),
        "xf": values.tolist(),
        "sets": sets,
    }


if __name__ == "__main__":
    main()
