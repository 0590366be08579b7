"""Test of a parallel scan as a user runs it: real commands, a real database, real fits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from n3hyper.hyper_optimization.mongo.server import MongodRunner
from n3hyper.hyper_optimization.record import read_tries
from n3hyper.replicas.files.exportgrid import read_exportgrid
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


@pytest.mark.slow
def test_a_worker_fits_replicas(tmp_path: Path) -> None:
    """Those of a fit in one process, up to the rounding of other threads."""
    card, out = write_card(tmp_path / "card.yml", small_card()), tmp_path / "out"
    options = ["-r", "3", "--at-most", "3", "--integrability-threshold", "1e9"]
    with MongodRunner(dbpath=tmp_path / "db", db_port=0) as server:
        command = [*N3HYPER, "fit", str(card), "-o", str(out), *options]
        command += ["--parallel", "--workers", "1", "--mongo-uri", server.uri]
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=300
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 in the set" in done.stdout
    alone = tmp_path / "alone"
    command = [*N3HYPER, "fit", str(card), "-o", str(alone), *options]
    subprocess.run(command, env=environment(), check=True, timeout=300, capture_output=True)
    for number in (1, 2, 3):
        grids = [
            read_exportgrid(folder / "nnfit" / f"replica_{number}" / f"{folder.name}.exportgrid")
            for folder in (out, alone)
        ]
        assert grids[0].values == pytest.approx(grids[1].values, rel=1e-3, abs=1e-4)
