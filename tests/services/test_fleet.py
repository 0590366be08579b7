"""Tests of the share of a host that each worker gets, and of what happens when one dies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from n3hyper.hyper_optimization.mongo.stale_jobs import StaleJobs
from n3hyper.services.fleet import Fleet, run_fleet, usable_gpus, worker_environment
from n3hyper.services.worker_settings import WorkerSettings

SETTINGS = WorkerSettings("mongodb://me:geheim@localhost:1/x")


def test_cores_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    threads = [
        worker_environment(0, workers, cores=6, gpus=[]).get("TF_NUM_INTRAOP_THREADS")
        for workers in (1, 2, 4, 12)
    ]
    assert threads == [None, "3", "1", "1"]
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    assert "TF_NUM_INTRAOP_THREADS" not in worker_environment(0, 2, cores=6, gpus=[])


def test_gpus_are_assigned_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-7")
    gpus = usable_gpus()
    given = [worker_environment(n, 3, 8, gpus)["CUDA_VISIBLE_DEVICES"] for n in range(3)]
    assert given == ["3", "GPU-7", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert usable_gpus() == []


def fleet(script: str, folder: Path, workers: int = 1, failures: int = 3) -> tuple[int, list[str]]:
    """Run a fleet of processes of `script`; return its exit status and its messages."""
    file = folder / "worker.py"
    file.write_text(script)
    said: list[str] = []
    command = (sys.executable, str(file))
    return run_fleet(Fleet(SETTINGS, workers, said.append, failures, command)), said


def test_workers_that_have_ended_are_not_started_again(tmp_path: Path) -> None:
    assert fleet("", tmp_path, workers=2) == (0, [])


def test_a_worker_that_gives_up_ends_the_fleet(tmp_path: Path) -> None:
    status, said = fleet("raise SystemExit(2)", tmp_path)
    assert status == 1
    assert said == ["worker 1 ended with status 2: not started again"]


def test_a_worker_that_is_killed_is_started_again_but_not_for_ever(tmp_path: Path) -> None:
    script = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    status, said = fleet(script, tmp_path, failures=2)
    assert status == 1
    assert said == [
        "worker 1 ended by signal 9: started again",
        "worker 1 ended by signal 9: not started again",
    ]


def test_settings_do_not_show_in_arguments_or_environment(tmp_path: Path) -> None:
    """Passwords are neither in the arguments nor in the environment of a worker."""
    out = tmp_path / "out"
    script = (
        "import os, sys\n"
        "line = sys.stdin.readline()\n"
        f"open({str(out)!r}, 'w').write(repr((sys.argv, dict(os.environ))) + '|' + line)\n"
    )
    assert fleet(script, tmp_path)[0] == 0
    seen, _, line = out.read_text().partition("|{")
    assert "geheim" not in seen
    assert WorkerSettings.decode("{" + line) == SETTINGS


def test_a_clock_that_jumps_makes_no_job_stale() -> None:
    """Clocks of hosts may differ by minutes, and the server's may be set: only silence counts."""
    now = [0.0]
    stale = StaleJobs(60.0, clock=lambda: now[0])

    def look(beat: str, attempts: int = 1) -> list[int]:
        header = {"state": 1, "owner": "w", "attempts": attempts, "refresh_time": beat}
        return stale.look({7: header, 8: {"state": 0}})

    for beat in ("1999", "2050", "1970"):
        assert look(beat) == []
        now[0] += 50.0
    assert look("1970") == []
    now[0] += 9.0
    assert look("1970") == []
    now[0] += 1.0
    assert look("1970") == [7]
    assert look("1970", attempts=2) == []
    now[0] += 100.0
    stale.forget()  # the database was away meanwhile
    assert look("1970", attempts=2) == []
