"""How long ``n3hyper report`` takes, from the start of Python to its last line.

    python -m tests.benchmarks.report [TRIALS]

The scan has 4 folds and 10 replicas; its file is made first, and not timed.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main(trials: int = 10_000) -> None:
    """Print seconds and memory for each kind of report."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "scan"
        # in a process of its own: memory that this one had used would count for its children
        make = [sys.executable, "-m", "tests.report.make_trials", str(folder), str(trials)]
        subprocess.run(make, check=True)
        size = (folder / "nnfit" / "replica_1" / "tries.json").stat().st_size / 1e6
        print(f"{trials} trials, {size:.0f} MB")
        command = [sys.executable, "-m", "n3hyper.cli", "report", str(folder)]
        for options in ([], ["--format", "csv"], ["--format", "json"], ["--loss", "phi2"]):
            begin = time.perf_counter()
            subprocess.run([*command, *options], stdout=subprocess.DEVNULL, check=True)
            seconds = time.perf_counter() - begin
            print(f"{' '.join(options) or 'terminal':<16}{seconds:6.2f} s")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"memory, the largest: {used.ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
