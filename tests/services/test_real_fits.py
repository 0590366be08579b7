"""Test of a parallel scan as a user runs it: real commands, a real database, real fits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from n3hyper.hyper_optimization.mongo.server import MongodRunner
from n3hyper.hyper_optimization.record import read_tries
from tests.services.chaos import N3HYPER
from tests.support.small_card import small_card, write_card
from tests.support.toy_processes import environment
from tests.support.waiting import HANGS


@pytest.mark.slow
def test_a_worker_runs_real_fits(tmp_path: Path) -> None:
    card, out = write_card(tmp_path / "card.yml", small_card()), tmp_path / "out"
    with MongodRunner(dbpath=tmp_path / "db", db_port=0) as server:
        command = [*N3HYPER, "scan", str(card), "-o", str(out), "-n", "2"]
        command += ["--parallel", "--workers", "1", "--mongo-uri", server.uri]
        done = subprocess.run(
            command,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=HANGS,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    records = read_tries(out / "nnfit" / "replica_1" / "tries.json")
    assert [record["tid"] for record in records] == [0, 1]
    for record in records:
        assert record["result"]["seconds"]["train"] > 0
        assert record["result"].get("failure", {}).get("reason") not in ("exception", "lost")
