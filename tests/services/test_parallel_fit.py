"""Parallel fits with real workers and a real database; only the replicas are toys."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from n3hyper.replicas.request import FitRequest
from n3hyper.replicas.running.parallel import perform_parallel_fit
from n3hyper.replicas.running.rounds import FitOutcome
from n3hyper.scanning.parallel import ParallelRequest
from tests.support.small_card import small_card, write_card
from tests.support.toy_processes import FLEET, ROOT
from tests.support.toy_replicas import Silent, contents, toy_prepared, toy_run


def in_parallel(folder: Path, replicas: int, workers: int, restart: bool = False) -> FitOutcome:
    """Begin a fit of three setups with workers and a database of its own, or continue one."""
    listed = {"hyperscan_config": {"parameters": [{"epochs": 30 + n} for n in range(3)]}}
    card = write_card(folder.parent / "toy.yml", {**small_card(), **listed})
    request = FitRequest(
        runcard=folder / "filter.yml" if restart else card,
        output=folder,
        replicas=replicas,
        at_most=40,
        restart=restart,
    )
    return perform_parallel_fit(
        request,
        ParallelRequest(workers=workers, lease=5.0),
        Silent(),
        prepare=toy_prepared,
        worker_command=FLEET,
    )


@pytest.fixture(autouse=True)
def _tests_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":")
    assert sys.executable in FLEET


def test_a_fit_with_workers_is_a_serial_one(tmp_path: Path) -> None:
    """Rounds, replicas, files; it goes on as a serial fit, and that one in parallel again."""
    folder = tmp_path / "parallel" / "fit"
    folder.parent.mkdir()
    outcome = in_parallel(folder, 8, workers=2)
    assert outcome.complete
    serial = tmp_path / "serial" / "fit"
    serial.parent.mkdir()
    toy_run(serial, 8, setups=3)
    one, other = contents(folder), contents(serial)
    jobs = [[record["misc"]["vals"] for record in each.pop("jobs")] for each in (one, other)]
    assert jobs[0] == jobs[1]
    made = {name: one[name] for name in other}
    assert made == other
    assert {name.split("/")[0] for name in one.keys() - other.keys()} == {"hyperopt-db"}
    toy_run(folder, 10, setups=3)
    assert in_parallel(folder, 12, workers=1, restart=True).complete
    toy_run(serial, 10, setups=3)
    toy_run(serial, 12, setups=3)
    after = contents(serial)
    assert {name: contents(folder)[name] for name in after if name != "jobs"} == {
        name: content for name, content in after.items() if name != "jobs"
    }
