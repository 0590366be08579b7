"""Inputs of both programs: one runcard, one theory, one t0 set, one profile of NNPDF.

The fit is that of a DIS scan: 14 data sets (NMC, SLAC, BCDMS, HERA), 1,804 points, four folds, a
network 2-25-20-8, Nadam with clipnorm, the constraints that the theory has tables of. Folds and
masks act on the data in both (``diagonal_basis: false``), and the one setup of a trial is written
out, so that both fit the same.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from n3hyper.data.without_theory import sets_without_theory
from n3hyper.runcard import load_runcard
from n3hyper.scanning.skip_missing import without
from n3hyper.theory.folders import SHIPPED, find_theory
from tests.benchmarks.toy_set import write_toy_set

ROOT: Final = Path(__file__).resolve().parents[2]
SHARED: Final = ROOT.parent / "shared"
"""Where a checkout may have tables of a larger theory beside it."""
BIG_THEORY: Final = 40_000_000
SHIPPED_THEORY: Final = 1650
CARD_OF_SHIPPED: Final = 208
"""NNPDF's number of a theory with the same order, scheme and Q0 as the shipped one: n3fit has a
card of it, hence the same cuts, and none of the shipped one."""
T0_SET: Final = "toy_t0"

DATASETS: Final = (
    ("NMC_NC_NOTFIXED_EM-F2", "legacy_dw"),
    ("NMC_NC_NOTFIXED_P_EM-SIGMARED", "legacy"),
    ("SLAC_NC_NOTFIXED_P_EM-F2", "legacy_dw"),
    ("SLAC_NC_NOTFIXED_D_EM-F2", "legacy_dw"),
    ("BCDMS_NC_NOTFIXED_P_EM-F2", "legacy_dw"),
    ("BCDMS_NC_NOTFIXED_D_EM-F2", "legacy_dw"),
    ("HERA_NC_318GEV_EM-SIGMARED", "legacy"),
    ("HERA_NC_225GEV_EP-SIGMARED", "legacy"),
    ("HERA_NC_251GEV_EP-SIGMARED", "legacy"),
    ("HERA_NC_300GEV_EP-SIGMARED", "legacy"),
    ("HERA_CC_318GEV_EM-SIGMARED", "legacy"),
    ("HERA_CC_318GEV_EP-SIGMARED", "legacy"),
    ("HERA_NC_318GEV_EAVG_CHARM-SIGMARED", "legacy"),
    ("HERA_NC_318GEV_EAVG_BOTTOM-SIGMARED", "legacy"),
)
FOLDS: Final = (
    ("NMC_NC_NOTFIXED_P_EM-SIGMARED", "HERA_NC_318GEV_EM-SIGMARED", "HERA_CC_318GEV_EM-SIGMARED"),
    (
        "BCDMS_NC_NOTFIXED_P_EM-F2",
        "HERA_NC_225GEV_EP-SIGMARED",
        "HERA_NC_318GEV_EAVG_CHARM-SIGMARED",
    ),
    ("BCDMS_NC_NOTFIXED_D_EM-F2", "SLAC_NC_NOTFIXED_P_EM-F2", "HERA_NC_251GEV_EP-SIGMARED"),
    (
        "NMC_NC_NOTFIXED_EM-F2",
        "SLAC_NC_NOTFIXED_D_EM-F2",
        "HERA_NC_300GEV_EP-SIGMARED",
        "HERA_CC_318GEV_EP-SIGMARED",
    ),
)
POSITIVITY: Final = ("F2U", "F2D", "F2S", "XUQ", "XUB", "XDQ", "XDB", "XSQ", "XSB", "XGL")
HADRONIC_POSITIVITY: Final = ("DYU", "DYD", "DYS")
"""Whose tables have two PDFs; the shipped theory is DIS alone."""
EXPONENTS: Final = {
    "sng": ([1.05, 1.19], [1.47, 2.7]),
    "g": ([0.94, 1.25], [0.11, 5.87]),
    "v": ([0.54, 0.75], [1.15, 2.76]),
    "v3": ([0.21, 0.57], [1.35, 3.08]),
    "v8": ([0.52, 0.76], [0.77, 3.56]),
    "t3": ([-0.37, 1.52], [1.74, 3.39]),
    "t8": ([0.56, 1.29], [1.45, 3.03]),
    "cp": ([0.12, 1.19], [1.83, 6.7]),
}
PARAMETERS: Final[dict[str, Any]] = {
    "nodes_per_layer": [25, 20, 8],
    "activation_per_layer": ["tanh", "tanh", "linear"],
    "initializer": "glorot_normal",
    "optimizer": {"optimizer_name": "Nadam", "learning_rate": 0.002621, "clipnorm": 6.073e-06},
    "epochs": 1000,
    "positivity": {"initial": 1.84, "multiplier": 1.2, "threshold": 1e-06},
    "integrability": {"initial": 10.0, "multiplier": 1.2},
    "stopping_patience": 1.0,
    "layer_type": "dense",
    "dropout": 0.0,
    "threshold_chi2": 3.5,
}


@dataclass(frozen=True)
class Place:
    """Folder with the inputs of both programs.

    Parameters
    ----------
    folder
        Of everything that the benchmark writes.
    theoryid
        The number by which both programs find the tables.
    tables
        Whose tables these are, for the report.
    hadronic
        Whether there are hadronic tables.
    """

    folder: Path
    theoryid: int
    tables: str
    hadronic: bool

    @property
    def share(self) -> Path:
        """NNPDF's share folder."""
        return self.folder / "share"

    @property
    def theories(self) -> Path:
        """Folder that holds ``theory_<id>``."""
        return self.share / "theories"

    @property
    def environment(self) -> dict[str, str]:
        """Environment of both programs."""
        return {
            "NNPDF_PROFILE_PATH": str(self.folder / "nnprofile.yaml"),
            "LHAPDF_DATA_PATH": str(self.share / "lhapdf"),
            "LHAPATH": str(self.share / "lhapdf"),
        }


def make_place(folder: Path, shared: Path = SHARED) -> Place:
    """Put theory, t0 set and profile into `folder`: those of `shared` where it has them."""
    big = shared / f"theory_{BIG_THEORY}"
    if big.is_dir():
        place = Place(folder, BIG_THEORY, f"theory {BIG_THEORY}", hadronic=True)
        tables = big
    else:
        name = f"the shipped theory {SHIPPED_THEORY}"
        place = Place(folder, CARD_OF_SHIPPED, name, hadronic=False)
        tables = SHIPPED / f"theory_{SHIPPED_THEORY}"
    place.theories.mkdir(parents=True, exist_ok=True)
    link = place.theories / f"theory_{place.theoryid}"
    if not link.exists():
        link.symlink_to(tables.resolve(), target_is_directory=True)
    _put_t0_set(place, shared / "lhapdf" / T0_SET)
    profile = {
        "nnpdf_share": str(place.share),
        "theories_path": str(place.theories),
        "validphys_cache_path": str(place.share / "vp-cache"),
    }
    (folder / "nnprofile.yaml").write_text(json.dumps(profile))
    return place


def _put_t0_set(place: Place, ready: Path) -> None:
    sets = place.share / "lhapdf"
    sets.mkdir(exist_ok=True)
    if (sets / T0_SET).exists():
        return
    if ready.is_dir():
        shutil.copytree(ready, sets / T0_SET)
    else:
        write_toy_set(sets, T0_SET)
    (sets / "pdfsets.index").write_text(f"999998 {T0_SET} 1\n")


def runcard(
    place: Place, folds: int, epochs: int, activations: Sequence[str] = ("tanh",)
) -> dict[str, Any]:
    """Return the runcard of a scan whose trials have `folds` folds and `epochs` epochs."""
    trials = [
        {**PARAMETERS, "epochs": epochs, "activation_per_layer": [name, name, "linear"]}
        for name in activations
    ]
    drell_yan = HADRONIC_POSITIVITY if place.hadronic else ()
    lambdas = [(name, 1e6) for name in POSITIVITY] + [(name, 1e10) for name in drell_yan]
    return {
        "description": "benchmark: fourteen DIS sets",
        "dataset_inputs": [
            {"dataset": name, "frac": 0.75, "variant": variant} for name, variant in DATASETS
        ],
        "datacuts": {"t0pdfset": T0_SET, "q2min": 3.49, "w2min": 12.5},
        "theory": {"theoryid": place.theoryid},
        "hyperscan_config": {"parameters": trials},
        "kfold": {
            "target": "average",
            "penalties": ["saturation", "patience", "integrability"],
            # of a fit that is cut short nothing good is asked: all folds are to be run
            "threshold": 1e30,
            "partitions": [{"datasets": list(datasets)} for datasets in FOLDS[:folds]],
        },
        "genrep": True,
        "diagonal_basis": False,
        "trvlseed": 3,
        "nnseed": 2,
        "mcseed": 1,
        "parameters": trials[0],
        "fitting": {
            "fitbasis": "NN31IC",
            "savepseudodata": False,
            "basis": [
                {"fl": name, "smallx": small, "largex": large}
                for name, (small, large) in EXPONENTS.items()
            ],
        },
        "positivity": {
            "posdatasets": [
                {"dataset": f"NNPDF_POS_2P24GEV_{name}", "maxlambda": most}
                for name, most in lambdas
            ]
        },
        "integrability": {
            "integdatasets": [
                {"dataset": f"NNPDF_INTEG_3GEV_{name}", "maxlambda": 100.0}
                for name in ("XT8", "XT3")
            ]
        },
        "closuretest": {"fakedata": False},
        "debug": False,
    }


def global_runcard(
    place: Place, folds: int, epochs: int, activations: Sequence[str] = ("tanh",)
) -> dict[str, Any]:
    """Return the runcard of a global fit: all of ``runcards/nnpdf40.yml`` that has tables.

    Raises
    ------
    RuncardError
        where no data set has.
    """
    whole = load_runcard(ROOT / "runcards" / "nnpdf40.yml")
    missing = sets_without_theory(whole, find_theory(place.theoryid, place.theories))
    card, _ = without(whole, missing)
    trials = [
        {**PARAMETERS, "epochs": epochs, "activation_per_layer": [name, name, "linear"]}
        for name in activations
    ]
    card["datacuts"]["t0pdfset"] = T0_SET
    card["kfold"] = {
        "target": "average",
        "penalties": ["saturation", "patience", "integrability"],
        # of a fit that is cut short nothing good is asked: all folds are to be run
        "threshold": 1e30,
        "partitions": card["kfold"]["partitions"][:folds],
    }
    return {
        **card,
        "description": "benchmark: a global fit",
        "theory": {"theoryid": place.theoryid},
        "hyperscan_config": {"parameters": trials},
        "parameters": trials[0],
        "genrep": True,
        "diagonal_basis": False,
        "closuretest": {"fakedata": False},
        "debug": False,
    }


def write_runcard(path: Path, card: dict[str, Any]) -> None:
    """Write a runcard as JSON, which every reader of YAML reads."""
    path.write_text(json.dumps(card, indent=1))
