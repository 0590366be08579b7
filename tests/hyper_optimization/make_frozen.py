"""Makes the frozen store of this version: `python -m tests.hyper_optimization.make_frozen`.

Run it once for a version whose files differ from those of the version before. What is there already
is never written again: later versions must be able to read it as it was.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from n3hyper import __version__
from n3hyper.hyper_optimization.filetrials import FORMAT
from tests.support.toy_scans import toy_scan

FROZEN = Path(__file__).parent / "frozen"
TRIALS = 6
SEED = 4


def main() -> None:
    """Write ``frozen/<format>-<version>/tries.pkl`` and ``tries.json``."""
    target = FROZEN / f"{FORMAT}-{__version__}"
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        toy_scan(folder, TRIALS, seed=SEED, keep={"runcard": "theory:\n  theoryid: 1650\n"})
        for file in ("tries.pkl", "tries.json"):
            shutil.copyfile(folder / file, target / file)


if __name__ == "__main__":
    main()
