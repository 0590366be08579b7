"""The way of a fit through its rounds, its store and its folder, with replicas that are toys."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from n3hyper.errors import StoreError
from n3hyper.replicas.files.exportgrid import read_exportgrid
from n3hyper.replicas.jobs import rounds_of
from n3hyper.replicas.request import restart_request
from n3hyper.system import atomic_write
from tests.support.toy_replicas import ToyReplicas, contents, toy_run
from tests.support.toy_scans import in_child


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit of ten replicas in one go."""
    folder = tmp_path_factory.mktemp("ten") / "fit"
    toy_run(folder, 10)
    return folder


def test_the_next_seeds_make_up_for_those_that_fail(ten: Path) -> None:
    trainer = ToyReplicas(1)
    outcome = toy_run(ten.parent / "again" / "fit", 10, trainer=trainer)
    assert trainer.jobs == [tuple(range(1, 11)), (11, 12, 13), (14, 15, 16), (17, 18)]
    assert outcome.complete
    # the whole job of 11 failed, and with it 12 and 13
    assert [fit.number for fit in outcome.chosen] == [1, 2, 3, 4, 6, 8, 9, 16, 17, 18]
    failures = outcome.results.failures(outcome.vetoes)
    assert failures[5] == "positivity"
    assert failures[7] == "nan"
    assert failures[12].startswith("exception: ValueError: replica 11")
    assert sorted(failures) == [5, 7, 10, 11, 12, 13, 14, 15]


def test_each_setup_has_jobs_of_its_own(tmp_path: Path) -> None:
    trainer = ToyReplicas(3)
    outcome = toy_run(tmp_path / "fit", 4, setups=3, trainer=trainer)
    assert trainer.jobs == [(1, 4), (2,), (3,)]
    assert {fit.number: fit.setup for fit in outcome.chosen} == {1: 1, 2: 2, 3: 0, 4: 1}
    setup = json.loads((tmp_path / "fit/nnfit/replica_4/fit.json").read_text())["hyperparameters"]
    assert setup["epochs"] == 31


def test_not_more_than_at_most(tmp_path: Path) -> None:
    outcome = toy_run(tmp_path / "fit", 10, at_most=12)
    assert not outcome.complete
    assert outcome.results.last == 12
    assert [fit.number for fit in outcome.chosen] == [1, 2, 3, 4, 6, 8, 9]


def test_the_folder_is_that_of_postfit(ten: Path) -> None:
    links = {path.name: str(path.readlink()) for path in (ten / "postfit").glob("replica_[1-9]*")}
    assert links["replica_5"] == "../nnfit/replica_6"
    assert links["replica_10"] == "../nnfit/replica_18"
    assert len(links) == 10
    mean = read_exportgrid(ten / "postfit" / "replica_0" / "fit.exportgrid")
    grids = [read_exportgrid(ten / "postfit" / name / "fit.exportgrid") for name in links]
    assert mean.replica == 0
    assert mean.values == pytest.approx(sum(grid.values for grid in grids) / 10)
    count = json.loads((ten / "postfit" / "veto_count.json").read_text())
    # of all replicas that have files
    numbers = [1, 2, 3, 4, 5, 6, 8, 9, 10, 15, 16, 17, 18]
    assert len(count["Total"]) == len(numbers)
    assert not (ten / "nnfit" / "replica_7").exists()


def test_chi2_by_data_set(ten: Path) -> None:
    summary = json.loads((ten / "fit.json").read_text())
    rows = {row["name"]: row for row in summary["chi2"]}
    assert list(rows)[-1] == "total"
    assert sum(row["ndata"] for name, row in rows.items() if name != "total") == 14
    # all predictions are the data times a number near one
    for row in rows.values():
        assert 0 <= row["chi2"] <= row["mean"]
        assert row["phi2"] == pytest.approx(row["mean"] - row["chi2"])


def test_ten_are_four_and_six(tmp_path: Path, ten: Path) -> None:
    """More replicas can be asked for; all that is there stays, and the set is the same."""
    folder = tmp_path / "fit"
    toy_run(folder, 4)
    before = contents(folder)
    toy_run(folder, 10)
    after, whole = contents(folder), contents(ten)
    kept = [name for name in before if name.startswith("nnfit")]
    assert len(kept) > 10
    assert all(after[name] == before[name] for name in kept)
    # rounds differ, and with them the jobs that replica 11 takes with it; not the replicas
    common = [name for name in after if name in whole and name.startswith("nnfit")]
    assert all(after[name] == whole[name] for name in common)


class Stepping:
    """Stands for the module `os`: the process is killed at one call of `replace` or `fsync`."""

    def __init__(self, when: int) -> None:
        self.when, self.calls = when, 0

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        if name not in ("replace", "fsync"):
            return real

        def step(*arguments: object) -> object:
            self.calls += 1
            if self.calls == self.when:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        return step


def steps_of(folder: Path) -> int:
    """Return how many steps the writing of ten replicas takes."""
    counter = Stepping(-1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic_write, "os", counter)
        toy_run(folder, 10)
    return counter.calls


def killed(folder: Path, when: int) -> None:
    """Begin a fit, which is killed, and continue it."""

    def run() -> None:
        atomic_write.os = Stepping(when)  # type: ignore[assignment]
        toy_run(folder, 10)

    assert in_child(run) == -signal.SIGKILL, when
    toy_run(folder, 10)


def test_kills_leave_the_same_files(tmp_path: Path, ten: Path) -> None:
    steps = steps_of(tmp_path / "counted" / "fit")
    for number in range(8):
        when = 1 + number * (steps - 1) // 7
        folder = tmp_path / str(when) / "fit"
        killed(folder, when)
        assert contents(folder) == contents(ten), when
        assert not list(folder.rglob("*.part"))


@pytest.mark.slow
def test_a_kill_at_each_step_leaves_the_same_files(tmp_path: Path, ten: Path) -> None:
    for when in range(1, steps_of(tmp_path / "counted" / "fit") + 1):
        folder = tmp_path / str(when) / "fit"
        killed(folder, when)
        assert contents(folder) == contents(ten), when
        shutil.rmtree(folder)


@pytest.mark.parametrize("store", ["tries.pkl", "tries.json"])
def test_files_that_are_lost_are_made_again(tmp_path: Path, ten: Path, store: str) -> None:
    """All but one of the two files of the store."""
    folder = tmp_path / "fit"
    shutil.copytree(ten, folder, symlinks=True)
    shutil.rmtree(folder / "nnfit" / "replica_3")
    shutil.rmtree(folder / "postfit")
    (folder / "fit.json").unlink()
    (folder / "jobs" / store).unlink()
    trainer = ToyReplicas(1)
    toy_run(folder, 10, trainer=trainer)
    assert trainer.jobs == []
    assert contents(folder) == contents(ten)


@pytest.mark.parametrize("change", [{"first": [5.0]}, {"until": []}, {"count": [99.0]}, None])
def test_a_job_that_others_have_changed(ten: Path, change: dict[str, list[float]] | None) -> None:
    records = json.loads((ten / "jobs" / "tries.json").read_text())
    assert rounds_of(records, setups=1) == [10, 13, 16, 18]
    misc = records[0]["misc"]
    misc["vals"] = {} if change is None else {**misc["vals"], **change}
    with pytest.raises(StoreError, match="job 0 is none of this fit"):
        rounds_of(records, setups=1)


def test_a_restart_knows_what_was_asked_for(ten: Path) -> None:
    request = restart_request(ten, None, None)
    assert (request.replicas, request.at_most, request.restart) == (10, 40, True)
    assert restart_request(ten, 100, None).at_most == 150
    with pytest.raises(StoreError, match="no fit of n3hyper"):
        restart_request(ten.parent, None, None)
