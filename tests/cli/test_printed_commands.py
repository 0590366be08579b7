"""Tests that printed commands work when pasted into a shell, and contain all they need."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from n3hyper.cli import cli
from n3hyper.cli.databases.mongod import greeting
from n3hyper.cli.options import parallel_request
from n3hyper.cli.summary import restart_command
from n3hyper.hyper_optimization.commands import command_line
from n3hyper.hyper_optimization.mongo.server import MongodRunner
from n3hyper.hyper_optimization.paths import PICKLE, REPLICA_FOLDER
from n3hyper.scanning.request import ScanRequest
from n3hyper.scanning.restart import restart_request
from n3hyper.theory.folders import SHIPPED
from tests.support.commands import run
from tests.support.small_card import small_card, write_card

ODD = [
    "a b",
    "it's",
    'quo"te',
    "$HOME",
    "semi;colon",
    "-dash",
    "ta\tb",
    "new\nline",
    "ümlaut",
    "#x",
]


def parsed(line: str) -> dict[str, Any]:
    """Return the options that a printed command gives, as click reads them."""
    program, name, *arguments = shlex.split(line)
    assert program == "n3hyper"
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    return command.make_context(name, arguments).params


@pytest.mark.parametrize("folder", ODD)
def test_a_restart_is_read_back_as_it_was_meant(folder: str) -> None:
    request = ScanRequest(
        Path("x.yml"),
        Path(folder),
        max_evals=9,
        timeout=5400.5,
        theory_path=Path(folder),
        max_failures=3,
        memory=2**31,
    )
    uri = f"{folder}/uri"
    parallel = parallel_request(True, uri, 0, 7.5, 3600.0)
    given = parsed(restart_command(request, 9, parallel))
    assert given["pkl"] == request.pickle
    assert given["theory_path"] == Path(folder).absolute()
    assert given["mongo_uri"] == uri
    for name in ("max_evals", "timeout", "max_failures", "memory"):
        assert given[name] == getattr(request, name), name
    assert (given["parallel"], given["workers"], given["lease"]) == (True, 0, 7.5)
    assert given["database_timeout"] == 3600.0


@pytest.mark.parametrize("folder", ODD)
def test_a_shell_takes_each_word_as_it_was_meant(folder: str) -> None:
    line = command_line("restart", Path(folder), pkl=Path(folder), n=3)
    program = f'n3hyper() {{ "{sys.executable}" -c "import sys; print(sys.argv[1:])" "$@"; }}'
    done = subprocess.run(["sh", "-c", f"{program}; {line}"], capture_output=True, text=True)
    word = f"./{folder}" if folder.startswith("-") else folder
    assert done.stdout == f"{['restart', word, '--pkl', word, '-n', '3']}\n", done.stderr


def test_no_password_is_printed() -> None:
    for uri, printed in (
        ("mongodb://me:secret@node7/db", None),
        ("mongodb://me:sec/ret@node7/db", None),
        ("me:secret@node7/db", None),
        ("mongodb://me@node7/db", None),
        ("mongodb://node7/db?replicaSet=r", "mongodb://node7/db?replicaSet=r"),
        ("db/uri", "db/uri"),
    ):
        parallel = parallel_request(True, uri, None, None, None)
        line = restart_command(ScanRequest(Path("x.yml"), Path("out"), 9), 9, parallel)
        assert parsed(line)["mongo_uri"] == printed


def test_the_greeting_of_a_database_can_be_pasted(tmp_path: Path) -> None:
    runner = MongodRunner(db_port=27018, dbpath=tmp_path / "a b")
    lines = greeting(runner).splitlines()
    workers, scan = (line.partition("n3hyper ")[2] for line in lines[2:4])
    for printed in (workers, scan):
        assert parsed(f"n3hyper {printed}")["mongo_uri"] == str(
            (tmp_path / "a b" / "uri").resolve()
        )


def pasted(line: str) -> int:
    """Run a printed command and return its exit status."""
    return run(*shlex.split(line)[1:])


@pytest.fixture(scope="module")
def theories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of theories that is not found by default."""
    folder = tmp_path_factory.mktemp("my theories")
    shutil.copytree(SHIPPED / "theory_1650", folder / "theory_77")
    return folder


def begun(theories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a scan of one trial in a folder with a blank, begun with relative paths."""
    monkeypatch.chdir(tmp_path)
    write_card(tmp_path / "small card.yml", {**small_card(), "theory": {"theoryid": 77}})
    where = Path(os.path.relpath(theories))
    assert run("scan", "small card.yml", "-o", "a b/o", "-n", 1, "--theory-path", where) == 0
    return tmp_path / "a b" / "o"


def last_command(text: str) -> str:
    return "n3hyper restart" + text.strip().rpartition("n3hyper restart")[2].partition("\n")[0]


def test_commands_that_a_scan_prints_work_when_pasted(
    theories: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scan = begun(theories, tmp_path, monkeypatch)
    summary = capsys.readouterr().out
    line = last_command(summary)
    assert parsed(line)["theory_path"] == theories
    report, fit = summary.strip().splitlines()[-2:]
    assert pasted(report.removeprefix("report").strip()) == 0
    given = parsed(fit.removeprefix("fit").strip())
    assert given["runcard"] == given["scan"] / "filter.yml"
    assert given["runcard"].is_file()
    assert (given["scan"], given["output"]) == (Path("a b/o"), Path("a b/o_fit"))
    assert given["theory_path"] == theories
    # without a word of the theory, and from elsewhere, the scan remembers where it was
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    assert run("restart", "--pkl", scan, "-n", 2, "--timeout", "1h") == 0
    os.chdir(tmp_path)
    # a second scan there is refused, and what is advised works
    assert run("scan", "small card.yml", "-o", "a b/o", "-n", 1, "--theory-path", theories) == 2
    said = capsys.readouterr().err
    refusal = next(line for line in said.splitlines() if "holds a scan already" in line)
    assert pasted(last_command(refusal).partition(", or choose")[0]) == 0
    assert pasted(line.replace("-n 11", "-n 2")) == 0


def test_a_theory_that_has_moved_is_looked_for_anew(
    theories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickle = begun(theories, tmp_path, monkeypatch) / REPLICA_FOLDER / PICKLE
    assert restart_request(pickle, None).theory_path == theories
    assert restart_request(pickle, None, theory_path=Path("x")).theory_path == Path("x")
    theories.rename(theories.with_name("moved"))
    try:
        assert restart_request(pickle, None).theory_path is None
    finally:
        theories.with_name("moved").rename(theories)
