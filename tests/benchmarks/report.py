"""Duration of ``n3hyper report``, from the start of Python to its last line.

    python -m tests.benchmarks.report [TRIALS]

The scan has 4 folds and 10 replicas; its file is made first, and not timed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main(trials: int = 10_000) -> None:
    """Print seconds and memory for each kind of report."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "scan"
        make = [sys.executable, "-m", "tests.support.make_trials", str(folder), str(trials)]
        subprocess.run(make, check=True)
        size = (folder / "nnfit" / "replica_1" / "tries.json").stat().st_size / 1e6
        print(f"{trials} trials, {size:.0f} MB")
        command = [sys.executable, "-m", "n3hyper.cli", "report", str(folder)]
        for options in ([], ["--format", "csv"], ["--format", "json"], ["--loss", "phi2"]):
            begin = time.perf_counter()
            process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begin
            if status:
                raise SystemExit(f"{' '.join(command)}: status {status}")
            name = " ".join(options) or "terminal"
            print(f"{name:<16}{seconds:6.2f} s{used.ru_maxrss / 1024:6.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
