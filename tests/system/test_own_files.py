"""Tests that nothing is written through links, nor into files of others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from n3hyper.errors import StoreError
from n3hyper.system.atomic_write import written_aside
from n3hyper.system.folder_lock import LOCK_FILE, locked_folder
from n3hyper.system.own_files import ForeignFileError, open_log, write_output

PRECIOUS = "precious\n"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text(PRECIOUS)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "prepared"
    path.mkdir()
    return path


def lock(path: Path) -> None:
    with locked_folder(path.parent):
        pass


def log(path: Path) -> None:
    with open_log(path) as file:
        file.write(b"ours\n")


def output(path: Path) -> None:
    write_output(path, b"ours\n")


WRITERS = {"lock": lock, "log": log, "output": output}


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return WRITERS[request.param]


def test_a_link_is_not_followed(
    folder: Path, precious: Path, write: Callable[[Path], None]
) -> None:
    path = folder / LOCK_FILE
    path.symlink_to(precious)
    with pytest.raises(ForeignFileError, match=f"{path}: is .*move it away") as caught:
        write(path)
    assert caught.value.exit_code == 2
    assert precious.read_text() == PRECIOUS
    assert path.is_symlink()


def test_a_link_to_nothing_makes_nothing(
    folder: Path, tmp_path: Path, write: Callable[[Path], None]
) -> None:
    path = folder / LOCK_FILE
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ForeignFileError):
        write(path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_with_a_second_name_is_refused(
    folder: Path, precious: Path, write: Callable[[Path], None]
) -> None:
    path = folder / LOCK_FILE
    path.hardlink_to(precious)
    if write is log:
        with pytest.raises(ForeignFileError):
            write(path)
    else:
        write(path)
    assert precious.read_text() == PRECIOUS


def test_a_pipe_is_refused_without_waiting(folder: Path) -> None:
    os.mkfifo(folder / LOCK_FILE)
    for write in (lock, log):
        with pytest.raises(ForeignFileError):
            write(folder / LOCK_FILE)


def test_a_folder_in_place_of_a_file_is_refused(
    folder: Path, write: Callable[[Path], None]
) -> None:
    (folder / LOCK_FILE).mkdir()
    with pytest.raises(StoreError, match=str(folder)):
        write(folder / LOCK_FILE)


def test_a_file_that_is_no_lock_stays_as_it_is(folder: Path) -> None:
    path = folder / LOCK_FILE
    for text in (PRECIOUS, f"process 5 on host\n{PRECIOUS}", f"process 5 on {'h' * 400}"):
        path.write_text(text)
        with pytest.raises(ForeignFileError, match="not the file of a lock"):
            lock(path)
        assert path.read_text() == text


def test_the_lock_says_who_holds_it(folder: Path) -> None:
    path = folder / LOCK_FILE
    path.write_text(f"process 4194304999 on {'far' * 20}\n")
    with locked_folder(folder):
        assert path.read_text().startswith(f"process {os.getpid()} on ")
        with (
            pytest.raises(StoreError, match=rf"taken \(process {os.getpid()} on"),
            locked_folder(folder, "taken"),
        ):
            pass
    with locked_folder(folder):
        pass


def test_logs_are_added_to(folder: Path) -> None:
    for _ in range(2):
        log(folder / "log")
    assert (folder / "log").read_text() == "ours\nours\n"


def test_outputs_are_whole_and_may_be_devices(folder: Path) -> None:
    path = folder / "new" / "page"
    for content in (b"a" * 100, b"b"):
        write_output(path, content)
        assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["page"]
    write_output(Path(os.devnull), b"x")
    with pytest.raises(StoreError, match="cannot be written"):
        write_output(path / "below a file", b"x")


def test_a_library_writes_aside(folder: Path, precious: Path) -> None:
    path = folder / "table.dat"
    path.symlink_to(precious)
    with written_aside(path) as part:
        part.write_text("ours\n")
    assert (path.read_text(), path.is_symlink()) == ("ours\n", False)
    assert precious.read_text() == PRECIOUS
    with pytest.raises(StoreError, match=f"{path}: cannot be written"), written_aside(path) as part:
        pass
    assert path.read_text() == "ours\n"
