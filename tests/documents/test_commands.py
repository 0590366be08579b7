"""Commands that documents show exist, with their options, and name runcards that are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from docs.site.commands import commands
from docs.site.generated import FOLDER, PAGES

ROOT = Path(__file__).resolve().parents[2]
GENERATED = [ROOT / "docs" / FOLDER / name for name in PAGES]
PAGES_WITH_COMMANDS = [
    path
    for pattern in ("*.md", "docs/**/*.md", "docs/slurm/*.sh")
    for path in sorted(ROOT.glob(pattern))
    if path not in GENERATED and "_build" not in path.parts
]
SHOWN = re.compile(r"(?:^|[`$&(] ?|    )(n3hyper [a-z][^`\n]*)", re.MULTILINE)


def shown(text: str) -> Iterator[list[str]]:
    """Yield the commands of a document as words, without comments and what follows."""
    for found in SHOWN.findall(text.replace("\\\n", " ")):
        line = re.split(r"\s[#|;&>]|\s&&|\)$", found)[0]
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        if len(words) > 1 and words[1] in commands():
            yield words


def unknown_options(words: list[str]) -> list[str]:
    """Return the options of a command that it does not have."""
    command = commands()[words[1]]
    known = {
        form
        for param in (*command.params, *commands()["n3hyper"].params)
        if isinstance(param, click.Option)
        for form in (*param.opts, *param.secondary_opts)
    } | {"-h", "--help"}
    given = [word.split("=")[0].strip("[],.") for word in words[2:] if word.startswith(("-", "[-"))]
    return [word for word in given if word.strip("-") and word not in known]


@pytest.mark.parametrize("path", PAGES_WITH_COMMANDS, ids=lambda path: path.name)
def test_commands_that_are_shown_exist(path: Path) -> None:
    for words in shown(path.read_text(encoding="utf-8")):
        assert unknown_options(words) == [], shlex.join(words)


def test_readme_has_an_example_of_each_command_and_is_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = {words[1] for words in shown(text)}
    assert sorted(commands().keys() - examples - {"n3hyper"}) == []
    assert len(text.splitlines()) < 150


def test_unknown_options_are_found() -> None:
    assert list(shown("    n3hyper scan a.yml --trials 3  # ten\n")) == [
        ["n3hyper", "scan", "a.yml", "--trials", "3"]
    ]
    assert unknown_options(["n3hyper", "scan", "a.yml", "--trials", "3"]) == ["--trials"]
    assert unknown_options(["n3hyper", "scan", "a.yml", "-n", "3", "--debug"]) == []
