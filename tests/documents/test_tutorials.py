"""The tutorials from beginning to end: their commands run, and print what the pages say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from n3hyper.hyper_optimization.mongo.server import free_port
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
    for step in said:
        printed = run(step.command, folder)
        wrong = difference(step.printed, printed) if step.printed else ""
        assert not wrong, f"{step.command}: {wrong}"
