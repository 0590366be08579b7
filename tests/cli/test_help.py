"""Help, completions and citation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from n3hyper.cli import COMMANDS, cli, main
from n3hyper.cli.cite import citation
from n3hyper.cli.completions import SHELLS
from n3hyper.cli.help import GroupedCommand

ROOT = Path(__file__).parents[2]


def command(name: str) -> GroupedCommand:
    found = cli.get_command(click.Context(cli), name)
    assert isinstance(found, GroupedCommand)
    return found


def help_of(name: str, width: int = 80) -> str:
    ctx = click.Context(command(name), info_name=f"n3hyper {name}", terminal_width=width)
    return ctx.command.get_help(ctx)


@pytest.mark.parametrize("name", COMMANDS)
def test_groups_hold_options_that_exist_and_none_twice(name: str) -> None:
    found = command(name)
    options = {param.name for param in found.params if isinstance(param, click.Option)}
    grouped = [each for names in found.groups.values() for each in names]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= options
    # --quiet and --help come last, by themselves
    assert not found.groups or options - set(grouped) <= {"quiet"}


@pytest.mark.parametrize("name", COMMANDS)
def test_defaults_have_one_style(name: str) -> None:
    text = " ".join(help_of(name).split())
    assert "Default:" not in text
    assert "default: (" not in text
    for option in command(name).params:
        if isinstance(option, click.Option) and option.show_default not in (None, False):
            assert option.name is not None
            assert "[default: " in text


@pytest.mark.parametrize("width", [50, 80])
@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_that_one_copies_is_cut(name: str, width: int) -> None:
    """Names of options and commands stand on one line, as they are typed."""
    text = help_of(name, width)
    lines = text.splitlines()
    assert text.isascii() or name == "evolve"
    for option in command(name).params:
        if isinstance(option, click.Option):
            assert any(option.opts[-1] in line for line in lines)
    for line in lines:
        assert not line.rstrip().endswith(("--", " -", " n3hyper"))
        assert not line.strip("\b ").startswith("-") or line.strip()[1:2].isalpha() or "--" in line


def test_help_of_no_command_loads_what_fits_and_draws() -> None:
    """All of them answer at once."""
    heavy = ["tensorflow", "hyperopt", "pymongo", "matplotlib", "scipy", "nnpdf_data", "pineappl"]
    code = (
        "import sys\n"
        "from n3hyper.cli import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    try:\n        main([name, '--help'])\n"
        "    except SystemExit as ended:\n        assert ended.code == 0, name\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_option_of_two_scans_at_once_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["restart"], ["restart", "a", "--pkl", "b"], ["replay", "1"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert "name the scan once: its FOLDER, or --pkl" in capsys.readouterr().err


@pytest.mark.parametrize("shell", SHELLS)
def test_completions_are_scripts_of_the_shell(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completions", shell])
    assert ended.value.code == 0
    script = capsys.readouterr().out
    assert "_N3HYPER_COMPLETE" in script
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    done = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def completed(line: str) -> list[str]:
    """What bash would offer at the end of a line."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_N3HYPER_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "n3hyper.cli"],
        env=environment,
        text=True,
        capture_output=True,
        check=True,
    )
    return [found.partition(",")[2] for found in done.stdout.splitlines()]


def test_a_shell_completes_commands_and_options() -> None:
    assert {"restart", "replay", "report"} <= set(completed("n3hyper re"))
    assert set(completed("n3hyper scan --ma")) == {"--max-evals", "--max-failures"}


def test_the_citation_is_that_of_the_repository() -> None:
    card = YAML(typ="safe").load(ROOT / "CITATION.cff")
    said = citation()
    for part in (card["title"], card["authors"][0]["name"], card["version"], card["license"]):
        assert part in said
