"""Tests of ``n3hyper restart`` and ``replay`` on real fits, and of what ends a scan early."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from n3hyper.hyper_optimization.stores.scan_lock import locked_scan
from tests.support.commands import run
from tests.support.small_card import small_card, write_card
from tests.support.waiting import HANGS

PICKLE = "nnfit/replica_1/tries.pkl"
JSON = "nnfit/replica_1/tries.json"


def records(scan: Path) -> list[dict[str, Any]]:
    """Return the records of the trials without times and durations."""
    trials: list[dict[str, Any]] = json.loads((scan / JSON).read_text())
    for trial in trials:
        for name in ("book_time", "refresh_time"):
            trial.pop(name)
        trial["result"].pop("seconds")
    return trials


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a scan of three trials."""
    folder = tmp_path_factory.mktemp("three")
    card = write_card(folder / "small.yml", small_card())
    assert run("scan", card, "-o", folder / "out", "-n", 3, "-q") == 0
    return folder / "out"


@pytest.fixture
def scan(three: Path, tmp_path: Path) -> Path:
    """Return a copy of that folder, elsewhere."""
    return Path(shutil.copytree(three, tmp_path / "moved"))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Return the folder of the same scan after two trials."""
    card = write_card(tmp_path / "small.yml", small_card())
    assert run("scan", card, "-o", tmp_path / "two", "-n", 2, "-q") == 0
    return tmp_path / "two"


def test_two_trials_and_one_more_give_the_records_of_three(three: Path, two: Path) -> None:
    assert run("restart", "--pkl", two, "-n", 3, "-q") == 0
    assert records(two) == records(three)


def test_the_best_so_far_is_that_of_the_whole_scan(
    scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("restart", "--pkl", scan, "-n", 6) == 0
    losses = [record["result"]["loss"] for record in records(scan)]
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("trial ")]
    better = [losses[number] < min(losses[:number]) for number in range(3, 6)]
    assert ["best so far" in line for line in lines] == better


def test_a_restart_without_n_has_nothing_to_do(
    scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (scan / PICKLE).stat().st_size
    assert run("restart", "--pkl", scan / PICKLE) == 0
    assert "the scan has 3 trials already" in capsys.readouterr().err
    assert (scan / PICKLE).stat().st_size == before


@pytest.mark.parametrize("lost", [[JSON], [PICKLE], ["filter.yml"], ["filter.yml", JSON]])
def test_lost_files_are_made_again(scan: Path, three: Path, lost: list[str]) -> None:
    for name in lost:
        (scan / name).unlink()
    assert run("restart", "--pkl", scan / PICKLE, "-n", 3) == 0
    for name in ("filter.yml", JSON):
        assert (scan / name).read_bytes() == (three / name).read_bytes()
    assert (scan / PICKLE).exists()


def test_a_pickle_alone_becomes_a_folder(three: Path, tmp_path: Path) -> None:
    shutil.copy(three / PICKLE, tmp_path / "kept.pkl")
    assert run("restart", "--pkl", tmp_path / "kept.pkl", "-n", 3) == 2
    assert run("restart", "--pkl", tmp_path / "kept.pkl", "-o", tmp_path / "new", "-n", 3) == 0
    for name in ("filter.yml", JSON):
        assert (tmp_path / "new" / name).read_bytes() == (three / name).read_bytes()


CHANGES: dict[str, tuple[str, Any, str]] = {
    "seeds": ("trvlseed", 7, "seeds differs"),
    "space": (
        "hyperscan_config",
        {"stopping": {"min_epochs": 20, "max_epochs": 41, "min_patience": 0.5, "max_patience": 1}},
        "space (epochs) differs",
    ),
    "parameters": (
        "parameters",
        {**small_card()["parameters"], "initializer": "glorot_uniform"},
        "space (initializer) differs",
    ),
    "folds": (
        "kfold",
        {**small_card()["kfold"], "partitions": small_card()["kfold"]["partitions"][::-1]},
        "folds, scoring differ",
    ),
    "scoring": ("kfold", {**small_card()["kfold"], "threshold": 5.0}, "scoring differs"),
    "sum rules": ("fitting", {**small_card()["fitting"], "sum_rules": "MSR"}, "sum rules"),
    "cuts": ("datacuts", {"use_t0": False, "q2min": 5.0}, "cuts and t0, data"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_differs_is_named(scan: Path, change: str, capsys: pytest.CaptureFixture[str]) -> None:
    key, value, said = CHANGES[change]
    write_card(scan / "filter.yml", {**small_card(), key: value})
    before = (scan / PICKLE).read_bytes()
    assert run("restart", "--pkl", scan / PICKLE, "-n", 4) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("n3hyper: not the scan that the trials belong to: ")
    assert said in line
    assert (scan / PICKLE).read_bytes() == before


class Malice:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def crafted(kind: str, content: bytes, marker: Path) -> bytes:
    return {
        "os.system": pickle.dumps(Malice(marker)),
        "another package": pickle.dumps(Path("x")),
        "truncated": content[: len(content) // 2],
        "empty": b"",
        "another object": pickle.dumps([1, 2, 3]),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("os.system", "system, which no store of trials holds"),
        ("another package", "pathlib"),
        ("truncated", "torn"),
        ("empty", "torn"),
        ("another object", "not the pickle of a store of trials"),
    ],
)
def test_crafted_pickles_are_refused(
    scan: Path, kind: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = tmp_path / "it_ran"
    path = scan / PICKLE
    path.write_bytes(crafted(kind, path.read_bytes(), marker))
    for command in (["restart", "-n", 4], ["replay", 0]):
        assert run(*command, "--pkl", path) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert lines[0].startswith(f"n3hyper: {path}: ")
        assert said in lines[0]
        assert "--debug" not in lines[0]
    assert not marker.exists()


def test_a_missing_pickle_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "no.pkl", tmp_path):
        assert run("restart", "--pkl", path) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert "there is no such pickle; a scan writes tries.pkl" in lines[0]


def test_a_lock_that_is_a_link_destroys_nothing(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    lock = scan / "nnfit/replica_1/.n3hyper.lock"
    lock.unlink()
    lock.symlink_to(precious)
    assert run("restart", "--pkl", scan / PICKLE, "-n", 4) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"n3hyper: {lock}: is not the file of a lock")
    assert precious.read_text() == "precious"


def test_a_second_scan_is_refused(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked_scan(scan / "nnfit/replica_1"):
        assert run("restart", "--pkl", scan / PICKLE, "-n", 4) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert f"another scan is writing here (process {os.getpid()} on " in lines[0]


def test_no_trial_starts_that_the_time_does_not_allow(
    scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Durations of the trials before the restart tell how long one takes."""
    assert run("restart", "--pkl", scan / PICKLE, "-n", 9, "--timeout", "0.001s") == 0
    said = capsys.readouterr().err
    assert "ended early: the next trial is expected to take" in said
    assert f"n3hyper restart --pkl {scan / PICKLE} -n 9" in said
    assert len(records(scan)) == 3


def test_too_many_failures_end_a_scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = small_card()
    card["kfold"]["threshold"] = 1e-30
    path = write_card(tmp_path / "small.yml", card)
    assert run("scan", path, "-o", tmp_path / "out", "-n", 9, "--max-failures", 2) == 1
    said = capsys.readouterr().err
    assert "ended early: 2 trials in a row failed, the last by threshold: fold 1: " in said
    assert "above kfold.threshold 1e-30" in said
    assert [record["result"]["loss"] for record in records(tmp_path / "out")] == [None, None]


def test_a_replay_gives_the_same_bits(
    scan: Path, three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scan / "filter.yml").unlink()
    assert run("replay", 1, "--pkl", scan / PICKLE, "-q") == 0
    lines = capsys.readouterr().out.splitlines()
    loss = f"{records(three)[1]['result']['loss']:.7g}"
    assert ["loss", loss, loss] in [line.split() for line in lines]
    assert lines[-1] == "all numbers are the same"
    assert not (scan / "filter.yml").exists()
    assert run("replay", 7, "--pkl", scan / PICKLE) == 2
    assert "no trial 7: the scan has trials 0 to 2" in capsys.readouterr().err


def test_a_replay_names_what_differs(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_card(scan / "filter.yml", {**small_card(), "nnseed": 77})
    assert run("replay", 0, "--pkl", scan, "-q") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "not as it was: seeds"
    assert lines[-1].startswith("largest relative difference of two numbers: ")


def started(card: Path, output: Path, until: str) -> subprocess.Popen[str]:
    """Start a scan in a separate process, and return once it has printed `until`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "n3hyper.cli", "scan", card, "-o", output, "-n", "99"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if until in line:
            return process
    raise AssertionError(process.wait())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize(
    ("until", "finished"),
    [("reading data and theory", 0), ("points of", 0), ("trial 2/99", 2)],
    ids=["building", "compiling", "scanning"],
)
def test_signals_end_a_scan_within_seconds(
    tmp_path: Path, until: str, finished: int, number: signal.Signals
) -> None:
    card = write_card(tmp_path / "small.yml", small_card())
    process = started(card, tmp_path / "out", until)
    process.send_signal(number)
    _, said = process.communicate(timeout=HANGS)
    assert process.returncode == 130
    last = said.strip().splitlines()[-1]
    if finished:
        assert f"n3hyper restart --pkl {tmp_path / 'out' / PICKLE} -n 99" in last
        assert len(records(tmp_path / "out")) >= finished
    else:
        assert last == "interrupted; no trial had finished, nothing is saved"


@pytest.mark.slow
def test_a_scan_killed_with_kill_9_can_be_restarted(three: Path, tmp_path: Path) -> None:
    card = write_card(tmp_path / "small.yml", small_card())
    process = started(card, tmp_path / "out", "trial 1/99")
    process.kill()
    process.communicate(timeout=HANGS)
    assert run("restart", "--pkl", tmp_path / "out", "-n", 3, "-q") == 0
    assert records(tmp_path / "out")[:3] == records(three)
