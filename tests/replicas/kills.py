"""A fit that is killed at random instants, and what is left of it: the files of one that was not.

    python -m tests.replicas.kills RUNCARD -r 20 --kills 20 -o FOLDER [options of n3hyper fit]

The whole fit (its two processes) is killed with signal 9 and started again, so many times. Times
aside, each file must in the end be the same as that of a fit in one go; where the fit comes to its
end earlier, it is begun anew.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.toy_replicas import contents

N3HYPER = (sys.executable, "-m", "n3hyper.cli")


def main() -> int:
    """Run the fit twice, once with kills; 0 where the files are the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runcard", type=Path)
    parser.add_argument("-r", type=int, default=20)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given, options = parser.parse_known_args()
    whole, killed = given.output / "whole" / "fit", given.output / "killed" / "fit"
    whole.parent.mkdir(parents=True)
    killed.parent.mkdir()
    command = [*N3HYPER, "fit", str(given.runcard), "-r", str(given.r), *options]
    begin = time.monotonic()
    subprocess.run([*command, "-o", str(whole)], check=True)
    window = 1.2 * (time.monotonic() - begin)
    expected, instants, kills = contents(whole), random.Random(given.seed), 0
    while kills < given.kills:
        begun = (killed / "jobs" / "tries.pkl").exists()
        start = [*N3HYPER, "fit", str(killed), *options] if begun else [*command, "-o", str(killed)]
        process = subprocess.Popen(start, start_new_session=True)
        try:
            process.wait(instants.uniform(0.0, window))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            print(f"{kills} kills", flush=True)
            continue
        if not same(expected, contents(killed)):
            return 1
        shutil.rmtree(killed)
    subprocess.run(
        [*N3HYPER, "fit", str(killed), *options] if killed.exists() else start, check=True
    )
    return 0 if same(expected, contents(killed)) else 1


def same(expected: dict[str, Any], found: dict[str, Any]) -> bool:
    """Print which files differ; whether none does."""
    names = sorted({**expected, **found})
    different = [name for name in names if expected.get(name) != found.get(name)]
    print(f"{len(expected)} files, different: {', '.join(different) or 'none'}", flush=True)
    return not different


if __name__ == "__main__":
    raise SystemExit(main())
