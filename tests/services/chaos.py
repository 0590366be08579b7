"""Chaos: random kills and restarts of a parallel scan's processes until the scan is done.

    python -m tests.services.chaos RUNCARD -n 100 --workers 4 -o FOLDER

does it with the real commands; the test with the toy trainer.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from n3hyper.hyper_optimization.mongo.server import free_port
from n3hyper.hyper_optimization.paths import PICKLE, REPLICA_FOLDER
from n3hyper.hyper_optimization.record import read_tries
from tests.support.waiting import HANGS

N3HYPER = (sys.executable, "-m", "n3hyper.cli")
KINDS = ("worker", "worker", "workers", "fit", "fleet", "scan", "database", "server")
"""What is killed. "database" is ``n3hyper mongod``, "server" what it has started; a fit that is
killed alone is taken for one that lacked memory, and its trial fails."""


def children(pid: int) -> list[int]:
    """Return the processes that `pid` has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile
    return found


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@dataclass
class Chaos:
    """Chaos of a database, a fleet and a scan, any of which is killed now and then.

    Parameters
    ----------
    commands
        By "database", "fleet" and "scan" what gives the command that starts it, or starts it again.
    folder
        Of the logs.
    pause
        Mean seconds between two kills.
    kills
        After so many there is peace.
    """

    commands: dict[str, Callable[[], list[str]]]
    folder: Path
    environment: dict[str, str]
    seed: int
    pause: float
    kills: int
    done: Counter[str] = field(default_factory=Counter)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, timeout: float) -> None:
        """Run until the scan has ended well.

        Raises
        ------
        TimeoutError
            It has not.
        """
        self.chance = random.Random(self.seed)
        end = time.monotonic() + timeout
        try:
            for name in ("database", "fleet", "scan"):
                self.start(name)
            next_kill = time.monotonic() + self.pause
            while self.processes["scan"].poll() != 0:
                if time.monotonic() > end:
                    raise TimeoutError(f"not done after {timeout} s; logs are in {self.folder}")
                if time.monotonic() > next_kill and self.done.total() < self.kills:
                    self.strike()
                    next_kill = time.monotonic() + self.chance.uniform(0.2, 1.8) * self.pause
                for name, process in self.processes.items():
                    if process.poll() not in (None, 0) and self.chance.random() < 0.2:
                        self.start(name)
                time.sleep(0.1)
        finally:
            for name in ("scan", "fleet", "database"):
                if name in self.processes:
                    self.end(self.processes[name])

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.commands[name](), stdout=log, stderr=log, env=self.environment
            )

    def end(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(HANGS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def strike(self) -> None:
        """Kill a process at random."""
        target = self.chance.choice(KINDS)
        self.done[target] += 1
        fleet, database = self.processes["fleet"].pid, self.processes["database"].pid
        if target in ("fleet", "scan", "database"):
            kill(self.processes[target].pid)
        elif target == "server":
            for pid in children(database):
                kill(pid)
        elif workers := children(fleet):
            victims = workers if target == "workers" else [self.chance.choice(workers)]
            for pid in children(victims[0]) if target == "fit" else victims:
                kill(pid)


def commands(
    folder: Path, runcard: Path, n: int, workers: int, lease: float, *options: str
) -> dict[str, Callable[[], list[str]]]:
    """Return the real commands."""
    port, output = free_port(), folder / "out"
    uri, pickle = folder / "db" / "uri", output / REPLICA_FOLDER / PICKLE

    def scan() -> list[str]:
        begin = ["restart", "--pkl", str(pickle)] if pickle.exists() else ["scan", str(runcard)]
        where = [] if pickle.exists() else ["-o", str(output)]
        shared = ["-n", str(n), "--parallel", "--mongo-uri", str(uri), "--lease", str(lease)]
        return [*N3HYPER, *begin, *where, *shared, "--max-failures", str(n), *options]

    return {
        "database": lambda: [
            *N3HYPER,
            "mongod",
            "--dbpath",
            str(folder / "db"),
            "--port",
            str(port),
        ],
        "fleet": lambda: [
            *(*N3HYPER, "mongo-worker", "--mongo-uri", str(uri), "--workers", str(workers)),
            *options,
        ],
        "scan": scan,
    }


def check(folder: Path, n: int) -> Counter[str]:
    """Check that the scan has `n` finished trials, each once, and return how they ended."""
    records = read_tries(folder / REPLICA_FOLDER / "tries.json")
    assert sorted(record["tid"] for record in records) == list(range(n))
    assert {record["state"] for record in records} <= {2, 3}
    ends = [record["result"] for record in records]
    return Counter(end.get("failure", {}).get("reason", "ok") for end in ends)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runcard", type=Path)
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--pause", type=float, default=20.0)
    parser.add_argument("--lease", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=3600.0)
    parser.add_argument("options", nargs="*", help="of scan and worker, such as --theory-path")
    given = parser.parse_args()
    given.output.mkdir(parents=True)
    started = commands(
        given.output, given.runcard, given.n, given.workers, given.lease, *given.options
    )
    chaos = Chaos(started, given.output, dict(os.environ), given.seed, given.pause, given.kills)
    begin = time.monotonic()
    chaos.run(given.timeout)
    print(f"{time.monotonic() - begin:.0f} s; killed {dict(chaos.done)}")
    print(f"trials {dict(check(given.output / 'out', given.n))}")


if __name__ == "__main__":
    main()
