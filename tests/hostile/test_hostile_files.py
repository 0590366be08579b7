"""Whatever a file holds, it is read, or refused in one line, in little time and memory.

`N3HYPER_FUZZ=100` tries a hundred times as many files.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from n3hyper.cli import main
from tests.hostile import crafted, mutations, readers

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT.parent / "shared" / "cases" / "hostile"
TIMES = int(os.environ.get("N3HYPER_FUZZ", "1"))
MUTATIONS = 80
ROOM = 200 * 2**20
"""Bytes that a command may take beyond what it takes without a file."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")


def limited(*arguments: str) -> None:
    """Read files in a process with limits; see `tests.hostile.limited`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.limited", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("kind", crafted.KINDS)
def test_crafted_files_are_read_or_refused(kind: str) -> None:
    limited(kind, "crafted")


@pytest.mark.parametrize("kind", readers.READERS)
def test_changed_files_are_read_or_refused(kind: str) -> None:
    if kind == "table":
        pytest.importorskip("lz4")
    for batch in range(TIMES):
        limited(kind, str(batch * MUTATIONS), str(MUTATIONS))


def test_the_fuzzer_reads_and_refuses(tmp_path: Path) -> None:
    """Files as they should be are read: what is refused is refused for what is wrong with it."""
    for kind in crafted.KINDS:
        path = tmp_path / readers.NAMES[kind]
        path.write_bytes(mutations.whole(kind)[0])
        assert readers.read(kind, path) == readers.READ, kind
    path = tmp_path / readers.NAMES["grid"]
    path.write_bytes(b"x")
    assert readers.read("grid", path) == readers.REFUSED


# ------------------------------------------------------------ through the commands
@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    said: str
    memory: int
    """Bytes at its highest."""


LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
_, status, used = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as file:
    print(os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024, file=file)
"""
"""A process inherits the highest memory of the one that starts it, which is a small one here."""


def run(folder: Path, *arguments: str) -> Ended:
    python = (sys.executable,)
    with tempfile.NamedTemporaryFile("r") as outcome:
        done = subprocess.run(
            [*python, "-c", LAUNCHER, outcome.name, *python, "-m", "n3hyper.cli", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            check=True,
        )
        status, memory = map(int, outcome.read().split())
    return Ended(status, done.stdout, memory)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Bytes that the program takes to say its version."""
    return run(tmp_path_factory.mktemp("version"), "--version").memory


PICKLES = ("long binput", "exp_key is a doubling list", "max_evals is text", "space that doubles")
COMMANDS = {
    "scan": lambda file: ["scan", file],
    "restart": lambda file: ["restart", "--pkl", file, "-o", "new"],
    "replay": lambda file: ["replay", "0", "--pkl", "scan"],
    "report": lambda file: ["report", file],
    "restore": lambda file: ["mongod", "--restore", file, "--dbpath", "db"],
}
CASES = [
    *(("scan", "runcard", name) for name in ("merge keys", "hexadecimal digits", "many layers")),
    *((command, "pickle", name) for name in PICKLES for command in ("restart", "replay")),
    ("report", "pickle", "long binput"),
    *(("report", "tries", name) for name in ("pairs of brackets", "empty lists")),
    *(
        ("restore", "archive", name)
        for name in ("pax headers", "broken xz", "zeros, compressed", "BSON: nested")
    ),
]


@pytest.mark.parametrize(("command", "kind", "name"), CASES)
def test_commands_refuse(command: str, kind: str, name: str, tmp_path: Path, baseline: int) -> None:
    file = tmp_path / readers.NAMES[kind]
    file.write_bytes(crafted.KINDS[kind]()[name])
    if command == "replay":
        folder = tmp_path / "scan" / "nnfit" / "replica_1"
        folder.mkdir(parents=True)
        shutil.copy(file, folder)
    ended = run(tmp_path, *COMMANDS[command](file.name))
    refused(ended, baseline)
    # nothing but the file itself
    assert {path.name for path in tmp_path.iterdir()} <= {file.name, "scan"}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("[cp]_*")), ids=lambda path: path.name)
def test_samples_are_refused(path: Path, tmp_path: Path, baseline: int) -> None:
    command = "scan" if path.suffix == ".yml" else "restart"
    refused(run(tmp_path, *COMMANDS[command](str(path))), baseline)
    assert list(tmp_path.iterdir()) == []


def refused(ended: Ended, baseline: int) -> None:
    assert ended.status == 2, ended.said[-1000:]
    assert len(ended.said.splitlines()) == 1, ended.said[-1000:]
    assert ended.said.startswith("n3hyper: ")
    assert ended.memory < baseline + ROOM


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("card.yml", "tries.pkl", "db.tar"):
        os.mkfifo(tmp_path / name)
    for arguments in (
        ["scan", "card.yml"],
        ["restart", "--pkl", "tries.pkl", "-o", "new"],
        ["mongod", "--restore", "db.tar"],
    ):
        ended = run(tmp_path, *arguments)
        assert ended.status == 2
        assert "a pipe or a device" in ended.said


@pytest.mark.parametrize("format_", readers.FORMATS)
@pytest.mark.parametrize(
    "name", ["empty keys", "keys of all kinds", "formulas", "the same trial twice"]
)
def test_reports_of_odd_names(
    name: str, format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Empty names, formulas and numbers that come twice are shown, and told."""
    path = tmp_path / "tries.json"
    path.write_bytes(crafted.tries()[name])
    with pytest.raises(SystemExit) as ended:
        main(["report", str(path), "--format", format_])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    if format_ == "csv":
        cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]
    elif name == "the same trial twice":
        assert "more than one trial is numbered 0" in " ".join(text.split())


def test_figures_of_empty_names(tmp_path: Path) -> None:
    path = tmp_path / "tries.json"
    path.write_bytes(crafted.tries()["empty keys"])
    with pytest.raises(SystemExit) as ended:
        main(["report", str(path), "--html", str(tmp_path / "page.html")])
    assert ended.value.code == 0
    assert "(no name)" in (tmp_path / "page.html").read_text()
