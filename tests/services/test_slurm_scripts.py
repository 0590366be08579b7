"""Tests of the scripts for SLURM, started with bash as the batch system does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from n3hyper.hyper_optimization.mongo.server import free_port
from n3hyper.hyper_optimization.record import read_tries
from tests.support.toy_processes import environment
from tests.support.waiting import HANGS, until

SCRIPTS = Path(__file__).resolve().parents[2] / "docs" / "slurm"
TRIES = Path("nnfit") / "replica_1" / "tries.json"

# `n3hyper` with toys for fits: the commands and options of the scripts are the real ones
PROGRAM = f"""#!{sys.executable}
from functools import partial
from n3hyper.scanning import parallel as session
from n3hyper.services import fleet
from tests.support import toy_processes as toys
fleet.Fleet = partial(fleet.Fleet, command=toys.WORKER)
session.perform_parallel_scan = partial(
    session.perform_parallel_scan, prepare=lambda *_: toys.toy()
)
from n3hyper.cli import main
main()
"""


@pytest.mark.slow
def test_server_and_workers_run_and_end_at_their_walltime(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "n3hyper"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    variables = environment(
        PATH=f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        PORT=str(free_port()),
        PAUSE="0.2",
        DATABASE_TIMEOUT="8s",
        TOY_SECONDS="0.3",
    )
    runcard = SCRIPTS.parents[1] / "runcards" / "quickstart.yml"
    output = tmp_path / "out"

    def start(script: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = (tmp_path / f"{script}.log").open("ab")
        command = ["bash", str(SCRIPTS / script), *arguments]
        with log:
            return subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=tmp_path)

    worker = start("workers.sh", str(output))  # before the server
    server = start("server.sh", str(runcard), str(output), "2000")
    try:
        until(lambda: (output / TRIES).exists() and len(read_tries(output / TRIES)) >= 3)
        server.send_signal(signal.SIGTERM)  # its walltime
        server.wait(HANGS)
        done = len(read_tries(output / TRIES))
        assert "what is finished is saved" in (tmp_path / "server.sh.log").read_text()
        server = start("server.sh", str(runcard), str(output), str(done + 10))
        assert server.wait(HANGS) == 0, (tmp_path / "server.sh.log").read_text()
        assert len(read_tries(output / TRIES)) == done + 10
        # the database has gone with the scan: nothing is left to be done
        assert worker.wait(HANGS) == 0
    finally:
        for process in (server, worker):
            if process.poll() is None:
                process.terminate()
                process.wait(HANGS)
    password = re.search(r":([^:@/]+)@", (tmp_path / "out.db" / "uri").read_text())
    assert password is not None
    for log in tmp_path.glob("*.log"):
        assert password[1] not in log.read_text()
