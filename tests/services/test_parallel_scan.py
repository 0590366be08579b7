"""Tests of complete parallel scans with real processes and a real database; the fits are toys."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.mongo.connection import open_database
from n3hyper.hyper_optimization.mongo.server import MongodRunner, free_port
from n3hyper.hyper_optimization.record import plain, read_tries
from n3hyper.hyper_optimization.sampling.suggest import suggester_of
from n3hyper.scanning import parallel as parallel_session
from n3hyper.scanning.parallel import ParallelRequest
from n3hyper.scanning.request import ScanRequest
from tests.services.chaos import N3HYPER, Chaos, check, children
from tests.support.loops import run_scan
from tests.support.toy_commands import REPLICA, RUNCARD, process, scan, uri_file
from tests.support.toy_processes import FLEET, Printer, environment, toy, toy_history
from tests.support.waiting import HANGS, until, until_ended

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=HANGS
    )


def test_a_parallel_scan_gives_the_records_of_a_serial_one(tmp_path: Path) -> None:
    """Compare records key by key; continue as a serial scan, and that one in parallel again."""
    out = tmp_path / "out"
    trainer, scanner, identity = toy()
    run_scan(tmp_path / "serial", trainer, scanner, 6, fingerprint=identity)
    done = run(scan(out, 6, "--workers", "1"))
    assert done.returncode == 0, done.stdout + done.stderr
    # workers and database have ended with the scan
    assert "interrupted" in (out / REPLICA / "workers.log").read_text()
    serial = read_tries(tmp_path / "serial" / "tries.json")
    parallel = read_tries(out / REPLICA / "tries.json")
    for serial_trial, parallel_trial in zip(serial, parallel, strict=True):
        assert set(serial_trial["result"]) == set(parallel_trial["result"])
        for record in (serial_trial, parallel_trial):
            for key in ("book_time", "refresh_time", "owner", "version", "exp_key"):
                record.pop(key)
            record["result"].pop("seconds")
        assert serial_trial == parallel_trial
    stores = [FileTrials.from_pkl(at / "tries.pkl") for at in (out / REPLICA, tmp_path / "serial")]
    assert stores[0].rstate.bit_generator.state == stores[1].rstate.bit_generator.state
    outcome = run_scan(out / REPLICA, trainer, scanner, 7, restart=True, fingerprint=identity)
    assert len(outcome.trials.finished) == 7
    done = run(scan(out, 10, "--workers", "2"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(out, 10) == {"ok": 10}


def test_workers_run_a_scan_that_has_learned_from_another(tmp_path: Path) -> None:
    """Suggest as a serial scan with that history does; workers know nothing of it."""
    trainer, scanner, identity = toy()
    run_scan(tmp_path / "before", trainer, scanner, 25, fingerprint=identity)
    tries = tmp_path / "before" / "tries.json"
    out, points = tmp_path / "out", list(toy_history(tries).points)
    done = run(scan(out, 3, "--workers", "1", "--history", str(tries)))
    assert done.returncode == 0, done.stdout + done.stderr
    stored = FileTrials.from_pkl(out / REPLICA / "tries.pkl")
    assert stored.scan["history"] == points
    assert stored.scan["fingerprint"]["history"] == "toys; nothing was checked"
    suggester = suggester_of({**stored.scan, "history": points}, scanner.as_dict())
    first = suggester.suggest(FileTrials(None, scanner.as_dict()), 0)[0]["misc"]["vals"]
    assert stored.finished[0]["misc"]["vals"] == plain(first)
    done = run(scan(out, 4, "--workers", "1"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(out, 4) == {"ok": 4}


def test_workers_come_late_and_ctrl_c_saves(tmp_path: Path, mongo_uri: str) -> None:
    """Start one worker before the scan and one later; then interrupt the scan."""
    where = ["--mongo-uri", uri_file(tmp_path, mongo_uri)]
    out, fleet, slow = tmp_path / "out", [*FLEET, *where], {"TOY_SECONDS": "0.1"}
    database = open_database(mongo_uri)
    with (
        process(fleet, tmp_path / "first.log", **slow),
        process(scan(out, 5000, *where), tmp_path / "scan.log") as driver,
    ):
        until(lambda: database["jobs"].find_one({"state": 2}))
        with process(fleet, tmp_path / "later.log", **slow):
            until(lambda: len(database["jobs"].distinct("owner", {"state": 2})) == 2)
            driver.send_signal(signal.SIGINT)
            assert driver.wait(HANGS) == 130, (tmp_path / "scan.log").read_text()
    database.client.close()
    records = read_tries(out / REPLICA / "tries.json")
    assert len({record["tid"] for record in records}) == len(records) > 1
    assert len(FileTrials.from_pkl(out / REPLICA / "tries.pkl").finished) == len(records)


def test_two_scan_processes_make_n_trials_together(tmp_path: Path, mongo_uri: str) -> None:
    """Continue the scan in a copy of the folder while the first still runs."""
    where = ["--mongo-uri", uri_file(tmp_path, mongo_uri)]
    one_folder, other_folder = tmp_path / "one", tmp_path / "other"
    fleet = [*FLEET, *where, "--workers", "2"]
    with (
        process(scan(one_folder, 20, *where), tmp_path / "one.log") as first,
        process(fleet, tmp_path / "fleet.log", TOY_SECONDS="0.3"),
    ):
        until(lambda: (one_folder / REPLICA / "tries.json").exists())
        (other_folder / REPLICA).mkdir(parents=True)
        for name in (Path("filter.yml"), REPLICA / "tries.pkl"):
            shutil.copy(one_folder / name, other_folder / name)
        done = run(scan(other_folder, 20, *where))
        assert done.returncode == 0, done.stdout + done.stderr
        assert first.wait(HANGS) == 0, (tmp_path / "one.log").read_text()
    assert check(one_folder, 20) == check(other_folder, 20) == {"ok": 20}
    trials = [
        {record["tid"]: record for record in read_tries(at / REPLICA / "tries.json")}
        for at in (one_folder, other_folder)
    ]
    assert trials[0] == trials[1]


def test_a_worker_that_would_fit_something_else_refuses(tmp_path: Path, mongo_uri: str) -> None:
    where = ["--mongo-uri", uri_file(tmp_path, mongo_uri)]
    with (
        process([*FLEET, *where], tmp_path / "worker.log", TOY_IDENTITY="others"),
        process(scan(tmp_path / "out", 3, *where), tmp_path / "scan.log") as driver,
    ):
        said = until(lambda: "refused" in (tmp_path / "worker.log").read_text())
        assert said
        until(
            lambda: (
                "what differs: data (toy before, others now)" in (tmp_path / "scan.log").read_text()
            )
        )
        assert driver.poll() is None
    assert not (tmp_path / "out" / REPLICA / "tries.json").exists()


@linux
def test_a_job_that_kills_its_worker_three_times_is_lost(tmp_path: Path) -> None:
    """A job that kills only the process of the fits fails at once, as for lack of memory."""
    out = tmp_path / "out"
    done = run(scan(out, 6, "--workers", "2", "--lease", "2"), TOY_DEADLY="40", TOY_HUNGRY="30")
    assert done.returncode == 0, done.stdout + done.stderr
    ends = check(out, 6)
    records = read_tries(out / REPLICA / "tries.json")
    epochs = [record["misc"]["space_vals"]["epochs"] for record in records]
    assert ends["lost"] == sum(number >= 40 for number in epochs) > 0
    assert ends["memory"] == sum(30 <= number < 40 for number in epochs) > 0
    texts = [record["result"].get("failure", {}).get("text", "") for record in records]
    assert sum("died 3 times" in text for text in texts) == ends["lost"]


@linux
@pytest.mark.slow
def test_kills_of_every_kind_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    port = free_port()
    where = str(tmp_path / "db" / "uri")
    chaos = Chaos(
        {
            "database": lambda: [
                *(*N3HYPER, "mongod", "--dbpath", str(tmp_path / "db"), "--port", str(port))
            ],
            "fleet": lambda: [*FLEET, "--workers", "3", "--mongo-uri", where],
            "scan": lambda: scan(tmp_path / "out", 40, "--mongo-uri", where, "--lease", "2"),
        },
        tmp_path,
        environment(TOY_SECONDS="0.5"),
        seed=int(os.environ.get("CHAOS_SEED", "3")),
        pause=0.8,
        kills=9,
    )
    chaos.run(timeout=HANGS)
    assert chaos.done.total() > 4
    assert sum(check(tmp_path / "out", 40).values()) == 40


@linux
def test_what_a_scan_started_ends_with_it_even_when_it_is_killed(tmp_path: Path) -> None:
    command = scan(tmp_path / "out", 1000, "--workers", "1")
    with process(command, tmp_path / "log", TOY_SECONDS="0.3") as driver:
        log = tmp_path / "out" / REPLICA / "workers.log"
        until(lambda: log.exists() and "loss" in log.read_text())
        family = children(driver.pid)
        for pid in family:
            family += children(pid)
        assert len(family) == 4  # the server, the fleet, its worker and the process of its fits
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        for pid in family:
            until_ended(pid)


def test_the_private_database_of_another_scan_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private database ends with its scan, and is found again when that scan continues."""
    port = free_port()
    usual = f"mongodb://localhost:{port}/hyperopt-db"
    monkeypatch.setattr(parallel_session, "PORT", port)
    monkeypatch.setattr(parallel_session, "DEFAULT_URI", usual)
    monkeypatch.setattr("n3hyper.hyper_optimization.mongo.address.DEFAULT_URI", usual)
    first, second, third = (
        ScanRequest(RUNCARD, tmp_path / name, max_evals=1) for name in ("one", "other", "third")
    )

    def in_use(request: ScanRequest) -> str | None:
        return parallel_session.database_in_use(request, ParallelRequest(), Printer())

    assert in_use(first) is None
    with parallel_session._database(None, first, Printer()) as (uri, _):
        assert uri == usual.replace("localhost", "127.0.0.1")
        assert in_use(second) is None
        with parallel_session._database(None, second, Printer()) as (another, _):
            assert another != uri
    assert in_use(second) is None
    with parallel_session._database(None, second, Printer()) as (again, _):
        assert again == another
    with MongodRunner(dbpath=tmp_path / "db", db_port=port):
        assert in_use(third) == usual


def test_a_database_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """Nothing is written, so that the same command works once the database answers."""
    address = uri_file(tmp_path, f"mongodb://127.0.0.1:{free_port()}/x")
    done = run(scan(tmp_path / "out", 2, "--mongo-uri", address, "--database-timeout", "1"))
    assert done.returncode == 1
    assert "waiting up to 1 s" in done.stdout
    assert "given up" in done.stderr
    assert StoreError.__name__ in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_database_that_stays_away_is_given_up(tmp_path: Path) -> None:
    """Finished trials are in the files, from which a restart continues."""
    out, log = tmp_path / "out", tmp_path / "log"
    with MongodRunner(dbpath=tmp_path / "db", db_port=0) as server:
        where = ["--mongo-uri", str(server.uri_file)]
        command = scan(out, 100, *where, "--database-timeout", "1", "--workers", "1")
        with process(command, log, TOY_SECONDS="0.1") as driver:
            until(lambda: (out / REPLICA / "tries.json").exists())
            server.stop()
            assert driver.wait(HANGS) == 1
    assert "waiting up to 1 s" in log.read_text()
    assert "given up" in log.read_text()
    assert run(scan(out, 3, "--workers", "1")).returncode == 0
    records = read_tries(out / REPLICA / "tries.json")
    assert len({record["tid"] for record in records}) == len(records) >= 3
