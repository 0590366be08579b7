"""Tests of fits that end by an error of the program: reported at once, and counted apart."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.small_card import small_card, write_card

BROKEN = """
from n3hyper.fitting.training.batches import Training

def train(self, trial, clock):
    if trial.settings.epochs % 2:
        return real(self, trial, clock)
    raise StopIteration

real, Training.train = Training.train, train
"""
"""What every process of the scan does first: trials of an even number of epochs fail."""


def n3hyper(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with a fault in the fits."""
    path = os.pathsep.join([str(folder / "broken"), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-m", "n3hyper.cli", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    (folder / "broken").mkdir()
    (folder / "broken" / "sitecustomize.py").write_text(BROKEN)
    write_card(folder / "small.yml", small_card())
    return folder


@pytest.fixture(scope="module")
def scan(folder: Path) -> subprocess.CompletedProcess[str]:
    return n3hyper(folder, "scan", "small.yml", "-o", "a scan", "-n", 5)


def failures(folder: Path) -> dict[int, dict[str, str]]:
    records = json.loads((folder / "a scan/nnfit/replica_1/tries.json").read_text())
    return {
        record["tid"]: record["result"]["failure"]
        for record in records
        if "failure" in record["result"]
    }


def test_faults_are_reported_at_once_and_counted_apart(
    folder: Path, scan: subprocess.CompletedProcess[str]
) -> None:
    failed = failures(folder)
    assert 0 < len(failed) < 5
    for tid, failure in failed.items():
        assert (failure["reason"], failure["text"]) == ("exception", "StopIteration")
        line = f"trial {tid}: an error of n3hyper, not of its hyperparameters: StopIteration"
        assert scan.stderr.count(line) == 1
    assert scan.stderr.count("please report it") == 1
    assert "Traceback" not in scan.stderr
    assert f"{len(failed)} failed: exception" in scan.stdout


def test_the_printed_command_shows_where_the_fault_is(
    folder: Path, scan: subprocess.CompletedProcess[str]
) -> None:
    command = scan.stderr.split("please report it with what this prints: ")[1].splitlines()[0]
    first, *arguments = shlex.split(command)
    assert first == "n3hyper"
    again = n3hyper(folder, *arguments)
    assert "n3hyper.fitting.model_trainer, line " in again.stderr
    assert again.stderr.rstrip().splitlines()[-2] == "StopIteration"


def test_debug_shows_the_traceback_at_once(
    folder: Path, scan: subprocess.CompletedProcess[str]
) -> None:
    more = n3hyper(folder, "restart", "--pkl", "a scan", "-n", 8, "--debug")
    number = len(failures(folder)) - scan.stderr.count("an error of n3hyper")
    assert number > 0
    assert more.stderr.count("Traceback (most recent call last)") == number
