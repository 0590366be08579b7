"""The tutorials from beginning to end: their commands run, and print what the pages say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from n3hyper.hyper_optimization.mongo.server import free_port
from n3hyper.hyper_optimization.record import read_tries
from tests.documents.consoles import ROOT, difference, run, steps

TUTORIALS = ROOT / "docs" / "tutorials"
NEEDS = {"from_scan_to_pdf_set": "eko", "cluster": "secantus"}
"""Modules of the extras that a tutorial asks for."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a user who goes through the tutorials one after the other."""
    place = tmp_path_factory.mktemp("user")
    (place / "runcards").symlink_to(ROOT / "runcards")
    (place / "docs").symlink_to(ROOT / "docs")
    return place


def rounds_as_in_the_pages(folder: Path) -> bool:
    """Return whether the first trial has the loss of the page; training amplifies roundings.

    Another processor rounds otherwise; then other trials are the best, and what pages print of
    them are other words and numbers.
    """
    said = re.search(r"trial 1/10  loss ([\d.]+)", (TUTORIALS / "first_scan.md").read_text())
    tries = folder / "quickstart" / "nnfit" / "replica_1" / "tries.json"
    assert said is not None
    return tries.is_file() and f"{read_tries(tries)[0]['result']['loss']:.4f}" == said[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["first_scan", "reading_a_report", "from_scan_to_pdf_set", "cluster"]
)
def test_a_tutorial(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = NEEDS.get(name)
    if module and importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module}, of an extra that is not installed")
    monkeypatch.setenv("PORT", str(free_port()))
    said = list(steps(TUTORIALS / f"{name}.md"))
    assert said
    differ = []
    for step in said:
        printed = run(step.command, folder)
        wrong = difference(step.printed, printed) if step.printed else ""
        assert not wrong or not rounds_as_in_the_pages(folder), f"{step.command}: {wrong}"
        differ += [wrong] if wrong else []
    if differ:
        pytest.skip(f"all commands ran, but fits of this processor round otherwise: {differ[0]}")
