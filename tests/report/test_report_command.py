"""`n3hyper report` as people run it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len

from n3hyper.cli import main
from n3hyper.report.trials.columns import PARAMETERS, SCORES
from tests.support.make_trials import make_records, write_scan
from tests.support.waiting import HANGS

COMMAND = [sys.executable, "-m", "n3hyper.cli", "report"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scan(tmp_path_factory.mktemp("scan") / "dis", 120, folds=3, replicas=4)


def report(*arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        timeout=HANGS,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


def printed(capsys: pytest.CaptureFixture[str], *arguments: Any, status: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["report", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert (ended.value.code or 0) == status, err
    return out if status == 0 else err


@pytest.mark.parametrize("width", [20, 40, 80, 120, 160, 300])
def test_no_line_is_too_long(
    folder: Path, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = printed(capsys, folder)
    assert max(map(cell_len, out.splitlines())) <= width
    assert "best" in out
    if width >= 80:
        for words in ("120 trials", "Best setup", "Folds", "decides", "fANOVA", "What was drawn"):
            assert words in out
        assert re.search(r"learning_rate +\d+%", out)


def test_a_terminal_without_utf8_and_colour(folder: Path) -> None:
    done = report(folder, PYTHONIOENCODING="ascii", COLUMNS="80", NO_COLOR="1")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert "chi2" in done.stdout


def test_a_pipe_that_closes(folder: Path) -> None:
    for options in ("", "--format csv", "--format json"):
        line = f"{sys.executable} -m n3hyper.cli report {folder} {options} | head -1"
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert done.stdout


def test_colour_on_request(folder: Path) -> None:
    assert "\x1b[" in report(folder, FORCE_COLOR="1", COLUMNS="80", TERM="xterm-256color").stdout


def test_csv_has_all_columns_and_digits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(printed(capsys, folder, "--format", "csv"))))
    good = [r for r in make_records(120, folds=3, replicas=4) if r["result"]["loss"] is not None]
    assert [row["tid"] for row in rows] == [str(record["tid"]) for record in good]
    assert [float(row["loss"]) for row in rows] == [r["result"]["loss"] for r in good]
    head = list(rows[0])
    assert head[: len(SCORES) + len(PARAMETERS)] == [*SCORES, *PARAMETERS]
    parts = ["chi2", "saturation", "patience", "integrability", "dropped"]
    replicas = [f"replicas_{word}_fold_{k}" for k in (1, 2, 3) for word in ("used", "asked")]
    end = ["logp_fold_3", *(f"loss_{part}" for part in parts), *replicas]
    assert head[-len(end) :] == end
    chi2 = [float(rows[0][f"chi2_fold_{fold}"]) for fold in (1, 2, 3)]
    assert chi2 == good[0]["result"]["kfold_meta"]["hyper_losses_chi2"]
    assert float(rows[0]["hyper_loss_chi2"]) == pytest.approx(np.mean(chi2), rel=1e-15)
    everything = printed(capsys, folder, "--format", "csv", "--include-failures")
    assert len(everything.splitlines()) == 121


def test_json_has_the_whole_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, folder, "--format", "json"))
    assert found["trials_total"] == 120
    assert found["trials_ok"] + sum(found["failures"].values()) == 120
    assert found["best_loss"] == min(trial["loss"] for trial in found["trials"])
    assert found["best_parameters"]["activation_per_layer"][-1] == "linear"
    assert set(found["trials"][0]) >= {*SCORES, *PARAMETERS, "chi2_folds"}
    assert len(found["folds"]) == 3


def test_markdown_is_a_table_of_pipes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, folder, "--format", "markdown", "--top", "3", "--title", "a|b <c>")
    assert out.startswith("# a\\|b \\<c\\>\n")
    table = out.split("## The best 3 trials")[1].strip().splitlines()
    assert len(table) == 5
    assert len({re.sub(r"\\\|", "", line).count("|") for line in table}) == 1


def test_selections_leave_the_right_trials(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def tids(*options: str) -> list[dict[str, Any]]:
        found: dict[str, Any] = json.loads(printed(capsys, folder, "--format", "json", *options))
        trials: list[dict[str, Any]] = found["trials"]
        return trials

    everything = tids()
    assert all(t["learning_rate"] <= 1e-3 for t in tids("-f", "lr<=1e-3"))
    both = tids("-f", "optimizer!=Adam", "-f", "nl>=3")
    assert both
    assert all(t["optimizer"] != "Adam" and t["number_of_layers"] >= 3 for t in both)
    assert [t["tid"] for t in tids("--thermalization", "20")] == [
        t["tid"] for t in everything if t["tid"] >= 20
    ]
    limit = sorted(t["loss"] for t in everything)[10]
    assert len(tids("-t", str(limit))) == 11
    nodes = everything[5]["nodes_per_layer"]
    same = tids("-f", f"nodes={'-'.join(map(str, nodes))}", "--include-failures")
    assert everything[5]["tid"] in [t["tid"] for t in same]
    assert all(t["nodes_per_layer"] == nodes for t in same)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-f", "lr"], "not a condition"),
        (["-f", "lr<x"], "learning_rate is a number, 'x' is none"),
        (["-f", "lrr<1"], "unknown column 'lrr'; did you mean 'lr'?"),
        (["-f", "lr>1e9"], "no trial is left"),
        (["-f", "__import__('os')=1"], "unknown column"),
        (["--sort", "los"], "did you mean 'loss'"),
        (["--thermalization", "999"], "there are only 120 trials"),
        (["--trial", "777", "--export-runcard", "x.yml"], "no such trial"),
        (["--chi2-window", "1"], "goes with --select"),
        (["--figures", "/proc/none"], "cannot be written"),
        (["--html", "/proc/none/x.html"], "cannot be written"),
        (["x" * 5000], "cannot be read: File name too long"),
    ],
)
def test_mistakes_are_one_line(
    folder: Path,
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    err = printed(capsys, folder, *options, status=2)
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_a_link_in_the_place_of_a_figure_or_a_page(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for option, path, given in (
        ("--figures", tmp_path / "convergence.png", tmp_path),
        ("--html", tmp_path / "page.html", tmp_path / "page.html"),
    ):
        path.symlink_to(precious)
        assert f"{path}: is a link to {precious}" in printed(
            capsys, folder, option, given, status=2
        )
    assert precious.read_text() == "precious"


def test_without_a_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    assert printed(capsys).startswith("Scan dis\n")


def test_nothing_heavy_is_imported(folder: Path) -> None:
    """The terminal report has two seconds for everything."""
    code = (
        "import sys\n"
        "from n3hyper.cli import main\n"
        f"try:\n    main(['report', {str(folder)!r}])\nexcept SystemExit:\n    pass\n"
        "heavy = {'tensorflow', 'keras', 'hyperopt', 'matplotlib', 'scipy', 'pandas', 'pymongo'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
