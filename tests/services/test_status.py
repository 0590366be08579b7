"""Tests of what is said of a parallel scan while its workers and itself are killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from n3hyper.cli.inquiries.status_text import status_text
from n3hyper.hyper_optimization.mongo.connection import open_database
from n3hyper.hyper_optimization.mongo.watching.overview import standings_in
from n3hyper.hyper_optimization.standing.folder import standing_of
from n3hyper.hyper_optimization.standing.overview import Standing
from tests.support.toy_commands import REPLICA, process, scan, uri_file
from tests.support.toy_processes import FLEET, PROGRESS
from tests.support.waiting import HANGS, until, until_ended

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
LEASE = 40.0


def of_folder(out: Path) -> Standing:
    return standing_of(out / REPLICA, out, "scan")


def when(look: Callable[[], Standing], so: Callable[[Standing], bool]) -> Standing:
    """Look again and again until it is so."""

    def fitting() -> Standing | None:
        found = look()
        return found if so(found) else None

    found = until(fitting)
    assert found is not None
    return found


@linux
def test_a_lost_worker_is_seen_from_the_folder_and_from_the_database(
    tmp_path: Path, mongo_uri: str
) -> None:
    """Kill one of two workers in its trial, then the scan itself."""
    where = ["--mongo-uri", uri_file(tmp_path, mongo_uri)]
    out = tmp_path / "out"

    def of_database() -> Standing:
        (found,) = standings_in(mongo_uri)
        return found

    with (
        process(scan(out, 1000, *where, "--lease", str(LEASE)), tmp_path / "scan.log") as driver,
        process([*FLEET, *where, "--workers", "2"], tmp_path / "fleet.log", TOY_SECONDS="12"),
    ):
        database = open_database(mongo_uri)
        until(lambda: database["scans"].find_one())
        database.client.close()
        busy = when(of_database, lambda found: found.tally.done > 1 and len(found.running) == 2)
        assert busy.alive
        # what the fits say in their processes arrives with the next signs of life
        told = when(of_database, lambda found: any(trial.progress for trial in found.running))
        assert {trial.progress for trial in told.running} <= {PROGRESS, None}
        assert "epoch 600/1000, median validation chi2 1.250 (by fold 1.500, 1.000)" in status_text(
            [told]
        )
        assert (busy.total, busy.workers_alive) == (1000, 2)
        assert busy.name == "out"
        # 1,000 trials of twelve seconds, longer than a heartbeat, by two workers
        assert 4000 < busy.seconds_left < 40000
        victim = busy.running[0].worker
        os.kill(int(victim.split(":")[1]), signal.SIGKILL)
        lost = when(of_database, lambda found: any(trial.lost for trial in found.running))
        (trial,) = [trial for trial in lost.running if trial.lost]
        assert trial.worker == victim
        assert 0 < trial.silent <= LEASE
        assert trial.lease_left == pytest.approx(LEASE - trial.silent, abs=4.0)
        text = status_text([lost])
        short = ":".join(victim.split(":")[:2])
        assert f"LOST {short}: silent for" in text
        assert f"trial {trial.tid} on {short}" in text
        assert "given to another in" in text
        same = when(lambda: of_folder(out), lambda found: any(each.lost for each in found.running))
        assert {each.worker for each in same.running if each.lost} == {victim}
        assert same.alive
        # the fleet has started another one in its place
        until(lambda: of_database().workers_alive == 2)
        driver.send_signal(signal.SIGKILL)
        driver.wait(HANGS)
        gone = of_folder(out)
        assert (gone.alive, gone.killed) == (False, True)
        uri = where[1]
        assert gone.go_on == f"n3hyper restart --pkl {out} -n 1000 --parallel --mongo-uri {uri}"
        alone = when(of_database, lambda found: not found.alive)
        assert alone.killed
        waiting = [each for each in alone.running if each.lost]
        assert status_text([alone]).count("waits for the scan to be gone on with") == len(waiting)


@linux
def test_the_display_tells_a_lost_worker_from_one_at_work(tmp_path: Path) -> None:
    """The last trial is that of the lost worker: its lease and its time are what is left."""
    out, log = tmp_path / "out", tmp_path / "scan.log"
    command = scan(out, 2, "--workers", "2", "--lease", str(LEASE))
    with process(command, log, TOY_SECONDS="5"):
        until((out / REPLICA / ".n3hyper.lock").exists)
        started = when(lambda: of_folder(out), lambda found: len(found.running) == 2).running
        victim = int(started[0].worker.split(":")[1])
        os.kill(victim, signal.SIGKILL)
        until_ended(victim)
        until(lambda: "lost=True" in log.read_text())
        lines = [line for line in log.read_text().splitlines() if "lost=True" in line]
        left = when(
            lambda: of_folder(out),
            lambda found: found.tally.done == 1 and any(trial.lost for trial in found.running),
        )
        assert lines[0].startswith("Status(total=2,")
        (waits,) = [trial for trial in left.running if trial.lost]
        assert left.seconds_left >= waits.lease_left + 4.0
