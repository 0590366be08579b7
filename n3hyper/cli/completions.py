"""``n3hyper completions``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from n3hyper.cli.help import GroupedCommand

SHELLS = ("bash", "zsh", "fish")


@click.command("completions", cls=GroupedCommand)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what lets SHELL complete commands, options and files of n3hyper.

    \b
    For good:
      bash: n3hyper completions bash > ~/.local/share/bash-completion/completions/n3hyper
      zsh:  n3hyper completions zsh > ~/.zfunc/_n3hyper
      fish: n3hyper completions fish > ~/.config/fish/completions/n3hyper.fish

    The folder for zsh has to be in fpath before compinit runs (fpath+=~/.zfunc in ~/.zshrc). In a
    running bash or zsh: eval "$(n3hyper completions bash)".
    """
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "n3hyper", "_N3HYPER_COMPLETE").source())
