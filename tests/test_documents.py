"""What documents and habits say agrees with the code: paths, commands, versions, checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from docs.site.generated import FOLDER, PAGES
from n3hyper import __version__
from tests.__main__ import checks

ROOT = Path(__file__).resolve().parent.parent
GENERATED = {ROOT / "docs" / "_build", *(ROOT / "docs" / FOLDER / name for name in PAGES)}
"""Made by ``python -m docs``, which need not have been run."""
TEXTS = ("*.md", "docs/**/*.md", "runcards/*.yml", "docs/slurm/*.sh")
DOCUMENTS = sorted(
    path
    for pattern in TEXTS
    for path in ROOT.glob(pattern)
    if "_build" not in path.parts and path not in GENERATED
)
PATH = re.compile(r"(?<![\w./-])(?:n3hyper|tests|docs|runcards|\.ci)/[\w./-]*\w")
MODULE = re.compile(r"python -m (tests[\w.]*)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_there(path: Path) -> bool:
    """Whether a file or folder exists, or is generated."""
    return path.exists() or path.resolve() in GENERATED


def is_module(name: str) -> bool:
    """Whether a module, or a package that can be run, has this name."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def is_defined(name: str) -> bool:
    """Whether the name after `n3hyper` is a module, or stands in the module it begins with."""
    place = ROOT / "n3hyper"
    for part in name.strip(".").split("."):
        if (place / part).is_dir():
            place /= part
        elif (place / f"{part}.py").is_file():
            place = place / f"{part}.py"
        else:
            source = place / "__init__.py" if place.is_dir() else place
            return re.search(rf"\b{part}\b", source.read_text()) is not None
    return True


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_paths_and_modules_in_documents_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [found for found in PATH.findall(text) if not is_there(ROOT / found)] == []
    assert [found for found in MODULE.findall(text) if not is_module(found)] == []


def test_links_between_documents_lead_somewhere() -> None:
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert is_there(path.parent / target), f"{name_of(path)}: {target}"


def test_names_in_docstrings_and_comments_exist() -> None:
    """A name in full, ``n3hyper.room.module.name``, is that of something."""
    missing = [
        f"{name_of(path)}: n3hyper{name}"
        for folder in ("n3hyper", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in re.findall(r"(?<!`)`n3hyper((?:\.\w+)+)`", path.read_text(encoding="utf-8"))
        if not is_defined(name)
    ]
    assert missing == []


def test_what_does_not_exist_is_found() -> None:
    assert is_defined(".physics.objectives.STATISTICS")
    assert not is_defined(".hyper_optimization.losses")
    assert not is_module("tests.support.losses")
    assert PATH.findall("see `n3hyper/data/fktable.py`.") == ["n3hyper/data/fktable.py"]


def test_hooks_are_the_checks_of_ci() -> None:
    config = YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert [hook["entry"].split() for hook in hooks] == [
        ["python", "-m", *command] for command in checks([])
    ]
    stages = {stage for hook in hooks for stage in hook["stages"]}
    assert stages == set(config["default_install_hook_types"])


def test_version_is_the_same_everywhere() -> None:
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert citation["version"] == newest[1] == __version__


OPENERS_TO_AVOID = frozenset(
    (
        "also",
        "and",
        "are",
        "as",
        "at",
        "by",
        "can",
        "for",
        "from",
        "has",
        "have",
        "how",
        "if",
        "in",
        "is",
        "may",
        "not",
        "of",
        "on",
        "so",
        "that",
        "there",
        "to",
        "what",
        "whether",
        "where",
        "which",
        "with",
        "without",
    )
)
"""A docstring opens with a verb or a noun that says what the thing is or does."""


def first_words() -> Iterator[tuple[str, str]]:
    """File with name, and first word, of each docstring of the package."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted((ROOT / "n3hyper").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, documented) and (text := ast.get_docstring(node)):
                place = f"{name_of(path)}: {getattr(node, 'name', 'module')}"
                yield place, text.split(maxsplit=1)[0].strip(".,:").lower()


def test_docstrings_open_with_a_verb_or_a_noun() -> None:
    found = list(first_words())
    assert len(found) > 2000
    assert [place for place, word in found if word in OPENERS_TO_AVOID] == []
