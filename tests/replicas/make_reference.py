"""Writes the numbers of nnpdf 4.1.5 that tests compare with; run by a Python that has it.

    python tests/replicas/make_reference.py FIT

FIT is the folder of a fit by n3fit (runcard: two layers of 5 and 8 nodes, NN31IC, with ``save``).
"""

import gzip
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from validphys import fitdata, fitveto

HERE = Path(__file__).parent / "reference"
REPLICAS = 60


def main(fit: Path) -> None:
    """Copy a replica of the fit, and judge made-up replicas by postfit's vetoes."""
    replica = fit / "nnfit" / "replica_1"
    for name in (f"{fit.name}.exportgrid", f"{fit.name}.json", "weights.weights.h5"):
        suffix = "".join(Path(name).suffixes)
        with gzip.GzipFile(HERE / f"n3fit{suffix}.gz", "wb", mtime=0) as packed:
            packed.write((replica / name).read_bytes())
    shutil.copy(fit / "filter.yml", HERE / "n3fit.yml")
    rng = np.random.default_rng(1)
    chi2 = 1.2 + 0.05 * rng.normal(size=REPLICAS)
    lengths = 1.1 + 0.1 * rng.normal(size=(REPLICAS, 5))
    integrable = 0.3 * np.abs(rng.normal(size=(REPLICAS, 5)))
    positive = rng.random(REPLICAS) < 0.9
    # outliers that hide behind larger ones
    chi2[[3, 30, 40]] = 1.7, 2.5, 9.0
    lengths[[7, 8], 2] = 2.5, 8.0
    infos = [
        fitdata.FitInfo(1, 1.0, 1.0, *each)
        for each in zip(chi2, positive, lengths, integrable, strict=True)
    ]
    passed = fitveto.determine_vetoes(infos, 4.0, 4.0, 0.5)
    content = {
        "chi2": chi2.tolist(),
        "positive": positive.tolist(),
        "arc_lengths": lengths.tolist(),
        "integrability": integrable.tolist(),
        "passed": {name: mask.tolist() for name, mask in passed.items()},
    }
    (HERE / "postfit.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
