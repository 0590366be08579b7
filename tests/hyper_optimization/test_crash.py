"""Kills and faults at any instant: what is on the disk is whole, and the scan goes on as if nothing
had happened."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.record import read_tries
from n3hyper.system import atomic_write
from tests.support.toy_scans import in_child, outcome, toy_scan

STEPS = ("mkstemp", "write", "fchmod", "fsync", "replace", "open")
"""What writing a file takes; the last opens its folder, which is flushed as well."""


class Faulty:
    """Stands for the modules `os` and `tempfile`: at one call of one of `STEPS` a fault happens.

    Parameters
    ----------
    when
        Number of the call at which it happens.
    fault
        What happens; before the call, or after half of a write.
    """

    def __init__(self, when: int, fault: Any) -> None:
        self.when, self.fault, self.calls = when, fault, 0

    def _reached(self) -> bool:
        self.calls += 1
        return self.calls - 1 == self.when

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name) if hasattr(os, name) else getattr(tempfile, name)
        if name not in STEPS:
            return real

        def step(*arguments: Any, **options: Any) -> Any:
            if self._reached():
                self.fault()
            return real(*arguments, **options)

        return step

    def fdopen(self, descriptor: int, mode: str) -> Any:
        file = os.fdopen(descriptor, mode)
        real = file.writelines

        def writelines(chunks: Any) -> None:
            whole = b"".join(chunks)
            if self._reached():
                file.write(whole[: len(whole) // 2])
                file.flush()
                self.fault()
            real([whole])

        return _WithWritelines(file, writelines)


class _WithWritelines:
    def __init__(self, file: Any, writelines: Any) -> None:
        self._file, self.writelines = file, writelines

    def __enter__(self) -> _WithWritelines:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 trials in one go."""
    folder = tmp_path_factory.mktemp("twelve")
    toy_scan(folder, 12)
    return folder


def check_whole(folder: Path) -> int:
    """The files are complete states, alike up to the last trial; the number of trials."""
    if not (folder / "tries.pkl").exists():
        assert not (folder / "tries.json").exists()
        return 0
    number = len(FileTrials.from_pkl(folder / "tries.pkl"))
    json = folder / "tries.json"
    assert len(read_tries(json) if json.exists() else []) in (number, number - 1)
    return number


def test_twelve_are_four_and_one_and_seven(tmp_path: Path, twelve: Path) -> None:
    for number in (4, 5, 12):
        toy_scan(tmp_path, number)
    assert outcome(tmp_path) == outcome(twelve)
    assert {each["result"]["status"] for each in outcome(twelve)} == {"ok", "fail"}


def test_kill_9_at_twenty_random_instants(tmp_path: Path, twelve: Path) -> None:
    begin = time.perf_counter()
    toy_scan(tmp_path / "timed", 12)
    window = (time.perf_counter() - begin) / 6
    instants, killed, seen = random.Random(5), 0, [0]
    folder = tmp_path / "killed"
    while killed < 20 or max(seen) < 6:
        delay = instants.uniform(0.0, window)
        # more trials than wanted, so that each of the processes is killed
        if in_child(lambda: toy_scan(folder, 1000), delay) == -signal.SIGKILL:
            killed += 1
        seen.append(check_whole(folder) if folder.exists() else 0)
        # on a busy machine all takes longer
        window *= 1.2 if seen[-1] == seen[-2] else 1.0
    assert seen == sorted(seen)
    number = max(12, *seen)
    toy_scan(folder, number)
    toy_scan(tmp_path / "timed", number)
    assert outcome(folder) == outcome(tmp_path / "timed")
    assert outcome(folder)[:12] == outcome(twelve)
    assert not list(folder.glob(".*.part"))


def test_kill_9_at_each_step_of_writing(tmp_path: Path, twelve: Path) -> None:
    """The second trial's files: twelve steps, each of them the last."""
    begun = tmp_path / "begun"
    toy_scan(begun, 1)
    steps = 2 * len(STEPS)
    for when in range(steps):
        folder = tmp_path / str(when)
        folder.mkdir()
        for name in ("tries.pkl", "tries.json"):
            (folder / name).write_bytes((begun / name).read_bytes())

        def run(folder: Path = folder, when: int = when) -> None:
            faulty = Faulty(when, lambda: os.kill(os.getpid(), signal.SIGKILL))
            atomic_write.os = atomic_write.tempfile = faulty  # type: ignore[assignment]
            toy_scan(folder, 2)

        assert in_child(run) == -signal.SIGKILL, when
        # the rename of the pickle is what makes a trial count
        assert check_whole(folder) == (1 if when < STEPS.index("open") else 2), when
        toy_scan(folder, 2)
        assert outcome(folder) == outcome(twelve)[:2]
        assert not list(folder.glob(".*.part"))


ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES)


@settings(max_examples=25, deadline=None)
@given(
    faults=st.lists(
        st.tuples(st.integers(0, 3 * 2 * len(STEPS)), st.sampled_from(ERRORS)), max_size=4
    )
)
def test_any_faults_in_turn_lose_nothing(twelve: Path, faults: list[tuple[int, int]]) -> None:
    """Each write, fsync, rename, ... may fail: one line, the last good state, and on it goes."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        for when, number in faults:

            def fail(number: int = number) -> None:
                raise OSError(number, os.strerror(number))

            before = check_whole(folder)
            faulty = Faulty(when, fail)
            patch.setattr(atomic_write, "os", faulty)
            patch.setattr(atomic_write, "tempfile", faulty)
            said = ""
            try:
                toy_scan(folder, 3)
            except StoreError as error:
                said = str(error)
            patch.undo()
            if said:
                assert said.startswith(str(folder))
                assert said.endswith(os.strerror(number))
                assert "\n" not in said
            assert check_whole(folder) >= before
            assert not list(folder.glob(".*.part"))
        toy_scan(folder, 3)
        assert outcome(folder) == outcome(twelve)[:3]


def test_a_file_that_the_system_will_not_let_grow(
    tmp_path: Path, twelve: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A limit of the kernel, as a full disk is: 24 kB a file."""

    def run() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (24_000, 24_000))
        toy_scan(tmp_path, 12)

    assert in_child(run) == 1
    said = capfd.readouterr().err.strip()
    assert said.startswith("StoreError: ")
    assert "the last good state is kept: File too large" in said
    assert 2 < check_whole(tmp_path) < 12
    toy_scan(tmp_path, 12)
    assert outcome(tmp_path) == outcome(twelve)


def test_a_folder_that_may_no_longer_be_written_to(
    tmp_path: Path, twelve: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def lose_permission(record: dict[str, Any]) -> None:
        if record["tid"] == 2:
            tmp_path.chmod(0o500)
            if os.geteuid() == 0:
                os.seteuid(65534)

    assert in_child(lambda: toy_scan(tmp_path, 12, on_trial=lose_permission) and None) == 1
    tmp_path.chmod(0o700)
    assert "cannot be written, the last good state is kept: Permission denied" in (
        capfd.readouterr().err
    )
    assert check_whole(tmp_path) == 3
    toy_scan(tmp_path, 12)
    assert outcome(tmp_path) == outcome(twelve)
