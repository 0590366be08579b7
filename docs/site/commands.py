"""The reference of commands and options, made from click."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click

from n3hyper.cli import COMMANDS, cli

_INTRODUCTION = """\
# Commands

`n3hyper --help` and `n3hyper COMMAND --help` print what stands here. Exit status: 0 done, 1
failed at run time, 2 wrong input, 130 interrupted.
"""


def commands() -> dict[str, click.Command]:
    """Return all commands by name, the program itself first under the name ``n3hyper``."""
    context = click.Context(cli, info_name="n3hyper")
    found: dict[str, click.Command] = {"n3hyper": cli}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is None:
            raise ValueError(f"no command {name}")
        found[name] = command
    return found


def options(command: click.Command) -> list[click.Option]:
    """Return the options of a command that its help shows."""
    return [
        param for param in command.params if isinstance(param, click.Option) and not param.hidden
    ]


def anchor(command: str, option: click.Option) -> str:
    """Return the target of an option: ``scan--max-evals``."""
    return f"{command}{max(option.opts, key=len)}"


def commands_page() -> Iterator[str]:
    """Yield the lines of the page, in Markdown."""
    yield from _INTRODUCTION.splitlines()
    for name, command in commands().items():
        yield from _command_lines(name, command)


def _command_lines(name: str, command: click.Command) -> Iterator[str]:
    title = name if name == "n3hyper" else f"n3hyper {name}"
    context = click.Context(command, info_name=title)
    yield from ("", f"(command-{name})=", f"## `{title}`", "", "```text")
    yield " ".join([title, *command.collect_usage_pieces(context)])
    yield from ("```", "")
    yield from _help_lines(command.help or "")
    if isinstance(command, click.Group):
        yield from ("", "| command | |", "|---|---|")
        yield from (
            f"| [`{key}`](#command-{key}) | {line} |" for key, (_, line) in COMMANDS.items()
        )
    for option in options(command):
        yield from ("", f"({anchor(name, option)})=", f"`{_spelling(option, context)}`")
        yield f": {_description(option)}"


def _help_lines(text: str) -> Iterator[str]:
    r"""Yield paragraphs as text, and those after click's ``\b`` as they are written."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.lstrip().startswith("\b"):
            head, *lines = paragraph.lstrip().removeprefix("\b").strip().splitlines()
            yield from (head.strip(), "", "```text")
            yield from (line.strip() for line in lines)
            yield from ("```", "")
        else:
            yield from (_escaped(" ".join(paragraph.split())), "")


def _spelling(option: click.Option, context: click.Context) -> str:
    """Return an option as it is typed: ``-n, --max-evals INTEGER``."""
    forms = [", ".join(option.opts)]
    if option.secondary_opts:
        forms.append(", ".join(option.secondary_opts))
    text = " / ".join(forms)
    if option.is_flag:
        return text
    return f"{text} {option.make_metavar(context).removesuffix(' RANGE')}"


def _description(option: click.Option) -> str:
    parts = [_escaped(option.help or "")]
    if option.multiple:
        parts.append("May be repeated.")
    if isinstance(option.type, click.IntRange | click.FloatRange):
        parts.append(_range(option.type))
    if option.required:
        parts.append("Required.")
    elif option.show_default and not callable(option.default) and option.default is not None:
        parts.append(f"Default: `{option.default}`.")
    if option.envvar:
        names: Any = option.envvar
        parts.append(f"Environment: `{names}`.")
    return " ".join(part for part in parts if part)


def _range(kind: click.IntRange | click.FloatRange) -> str:
    """Return bounds in words: ``At least 1.``"""
    low, high = kind.min, kind.max
    if low is None or high is None:
        return f"At least {low:g}." if high is None else f"At most {high:g}."
    return f"From {low:g} to {high:g}."


def _escaped(text: str) -> str:
    """Return a text in which Markdown marks nothing."""
    return re.sub(r"([*_<>$\[\]|`])", r"\\\1", text)
