"""A fit that is killed at random instants, and what is left of it: the files of one that was not.

    python -m tests.replicas.kills RUNCARD -r 20 --kills 20 -o FOLDER

The whole fit (its two processes) is killed with signal 9 and started again, so many times; then it
is left alone. Times aside, each file must be the same as that of a fit in one go.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

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
    parser.add_argument("options", nargs="*", help="further options of n3hyper fit, after --")
    given = parser.parse_args()
    whole, killed = given.output / "whole" / "fit", given.output / "killed" / "fit"
    whole.parent.mkdir(parents=True)
    killed.parent.mkdir()
    command = [*N3HYPER, "fit", str(given.runcard), "-r", str(given.r), *given.options]
    begin = time.monotonic()
    subprocess.run([*command, "-o", str(whole)], check=True)
    window = 1.2 * (time.monotonic() - begin)
    instants, kills, ends = random.Random(given.seed), 0, 0
    while kills < given.kills:
        if (killed / "jobs" / "tries.pkl").exists():
            start = [*N3HYPER, "fit", str(killed), *given.options]
        else:
            start = [*command, "-o", str(killed)]
        process = subprocess.Popen(start, start_new_session=True)
        try:
            process.wait(instants.uniform(0.0, window))
            ends += 1
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
        print(f"{kills} kills, {ends} came to their end", flush=True)
    subprocess.run([*N3HYPER, "fit", str(killed), *given.options], check=True)
    one, other = contents(whole), contents(killed)
    different = sorted(name for name in {**one, **other} if one.get(name) != other.get(name))
    print(f"{len(one)} files, different: {', '.join(different) or 'none'}")
    return int(bool(different))


if __name__ == "__main__":
    raise SystemExit(main())
