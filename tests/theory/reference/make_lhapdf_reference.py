"""A tiny PDF set and its values by pdfflow and neopdf, for the tests of `n3hyper.theory.lhapdf`.

See README.md. Needs: pip install tensorflow lhapdf-management pdfflow neopdf-hep
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
PIDS = [-4, -3, -2, -1, 21, 1, 2, 3, 4]
XMIN, THRESHOLD = 1e-5, 4.92


def toy(x: np.ndarray, q: float) -> np.ndarray:
    """Return a toy proton (nx, npid) that changes with Q and vanishes at x = 1."""
    slow = np.log(np.log(q**2 / 0.04)) - 1.0
    sea = (0.2 + 0.1 * slow) * x ** (-0.1 - 0.1 * slow) * (1 - x) ** (6 + slow)
    up = 5.1 * x**0.8 * (1 - x) ** (3 + 0.5 * slow)
    down = 3.1 * x**0.8 * (1 - x) ** (4 + 0.5 * slow)
    gluon = 1.7 * x ** (-0.1 - 0.2 * slow) * (1 - x) ** (5 + slow)
    charm, strange = 0.1 * slow * sea, 0.3 * sea
    partons = {21: gluon, 1: down + sea, 2: up + sea, 3: strange, 4: charm}
    antiquarks = {-1: sea, -2: sea * (1 - x), -3: strange * (1 - x), -4: charm}
    return np.stack([{**partons, **antiquarks}[pid] for pid in PIDS], axis=1)


def write_set(folder: Path) -> None:
    """Write the set in LHAPDF's format."""
    x = np.concatenate([np.geomspace(XMIN, 0.1, 12), np.linspace(0.2, 1.0, 9)])
    below, above = np.geomspace(1.65, THRESHOLD, 6), np.geomspace(THRESHOLD, 1000, 6)
    text = ["PdfType: central\nFormat: lhagrid1\n---"]
    for scales in (below, above):
        values = np.stack([toy(x, q) for q in scales], axis=1)
        text.append(" ".join(f"{node:.8e}" for node in x))
        text.append(" ".join(f"{scale:.8e}" for scale in scales))
        text.append(" ".join(map(str, PIDS)))
        rows = values.reshape(-1, len(PIDS))
        text += [" ".join(f"{value:.7e}" for value in row) for row in rows]
        text.append("---")
    (folder / "tiny").mkdir(exist_ok=True)
    (folder / "tiny" / "tiny_0000.dat").write_text("\n".join(text) + "\n")
    (folder / "tiny" / "tiny.info").write_text(
        "SetDesc: tiny set for tests\nSetIndex: 999998\nAuthors: none\nReference: none\n"
        "Format: lhagrid1\nDataVersion: 1\nNumMembers: 1\nParticle: 2212\n"
        f"Flavors: {PIDS}\nOrderQCD: 1\nFlavorScheme: variable\nNumFlavors: 4\n"
        f"ErrorType: replicas\nXMin: {XMIN}\nXMax: 1.0\nQMin: 1.65\nQMax: 1000.0\n"
        "MZ: 91.1876\nMUp: 0\nMDown: 0\nMStrange: 0\nMCharm: 1.51\nMBottom: 4.92\nMTop: 172.5\n"
        "AlphaS_MZ: 0.118\nAlphaS_OrderQCD: 1\nAlphaS_Type: ipol\n"
        "AlphaS_Qs: [1.65, 3.0, 4.91, 4.93, 100.0, 1000.0]\n"
        "AlphaS_Vals: [0.33, 0.25, 0.22, 0.22, 0.116, 0.09]\n"
    )


def main() -> None:
    """Write the set, then both packages' values at random points."""
    write_set(HERE)
    os.environ["LHAPDF_DATA_PATH"] = os.environ["LHAPATH"] = str(HERE)
    import pdfflow
    from neopdf.pdf import PDF

    rng = np.random.default_rng(1)
    x = np.concatenate([np.exp(rng.uniform(np.log(XMIN), 0, 12)), rng.uniform(0.1, 1, 12)])
    reference = {"pids": PIDS, "x": x.tolist(), "pdfflow": {}, "neopdf": {}, "below": {}}
    flow = pdfflow.mkPDF("tiny/0", str(HERE))
    neo = PDF.mkPDF_lhapdf_file(str(HERE / "tiny" / "tiny_0000.dat"))
    small = np.array([1e-9, 3e-7])
    for q in (1.65, 1.7, 2.5, 4.8, 5.0, 30.0):
        values = flow.py_xfxQ2(PIDS, x, np.full_like(x, q**2)).numpy()
        reference["pdfflow"][str(q)] = values.tolist()
        reference["neopdf"][str(q)] = np.asarray(neo.xfxQ2s(PIDS, list(x), [q**2])).T.tolist()
        values = flow.py_xfxQ2(PIDS, small, np.full_like(small, q**2)).numpy()
        reference["below"][str(q)] = values.tolist()
    reference["small x"] = small.tolist()
    (HERE / "lhapdf.json").write_text(json.dumps(reference, indent=1))


if __name__ == "__main__":
    main()
