"""Help of a command: its options in groups, and nothing that one copies cut in two.

Click's own formatter is used, since rich-click would load Rich for each ``--help`` and would still
have to be told the groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

_COMMAND: Final = re.compile(r"n3hyper(?: [\w-]+)+(?: -[\w-]+)*")
"""A command in a help text."""
_HELD: Final = "\N{NO-BREAK SPACE}"
"""A space at which no line is broken."""
_HYPHEN: Final = "\N{NON-BREAKING HYPHEN}"
Groups = Mapping[str, Sequence[str]]

PARALLEL: Final = {
    "Parallel": ("parallel", "mongo_uri", "workers", "lease", "database_timeout"),
}
"""Of commands whose work workers may do."""


class GroupedCommand(click.Command):
    """Command whose help lists its options in groups.

    Parameters
    ----------
    groups
        Title of each group, and the names of its options, in the order of the help; what is in no
        group comes last, under "Other".
    """

    def __init__(self, *arguments: Any, groups: Groups | None = None, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.groups = groups or {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        left = {param.name: param for param in options}
        sections = [
            (title, [left.pop(name) for name in names if name in left])
            for title, names in self.groups.items()
        ]
        for title, params in (*sections, ("Other" if self.groups else "Options", left.values())):
            rows = [param.get_help_record(ctx) for param in params]
            shown = [(held(name), held(_plain(text))) for name, text in filter(None, rows)]
            if shown:
                with formatter.section(title):
                    formatter.write_dl(shown)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does."""
        text, self.help = self.help, held(self.help or "")
        try:
            super().format_help_text(ctx, formatter)
        finally:
            self.help = text

    def get_help(self, ctx: click.Context) -> str:
        """Return the whole help."""
        return released(super().get_help(ctx))


def _plain(text: str) -> str:
    """Return the help of an option with the default in words as others are.

    >>> _plain("Folder.  [default: (the runcard's stem)]"), _plain("Seed.  [default: (42); x>=0]")
    ("Folder.  [default: the runcard's stem]", 'Seed.  [default: 42; x>=0]')
    """
    return re.sub(r"\[default: \((.*)\)([;\]])", r"[default: \1\2", text)


def held(text: str) -> str:
    """Return a text in which commands and names of options stay on one line.

    >>> released(held("as n3hyper mongo-worker does, with --theory-path"))
    'as n3hyper mongo-worker does, with --theory-path'
    """
    text = _COMMAND.sub(lambda found: found[0].replace(" ", _HELD), text)
    return re.sub(r"(?<=\S)-(?=\w)|(?<=-)-(?=\w)|(?<!\S)-(?=[\w-])", _HYPHEN, text)


def released(text: str) -> str:
    """Return a text that `held` made, as it was."""
    return text.replace(_HELD, " ").replace(_HYPHEN, "-")
