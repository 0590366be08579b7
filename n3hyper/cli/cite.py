"""Citation of n3hyper and of the methods that it follows."""

from __future__ import annotations

from typing import Final

import click

from n3hyper import __version__

TITLE: Final = (
    "n3hyper: hyperparameter scans of neural-network fits of parton distribution functions"
)
METHODS: Final = (
    ("the fit", "1907.05075"),
    ("its code, and NNPDF4.0", "2109.02671 and 2109.02653"),
    ("hyperparameters from ensembles of replicas", "2410.16248"),
    ("future tests, where they are used", "2103.08606"),
)
"""What it is, and its number on arXiv."""


def citation() -> str:
    """Return what to cite: the program in BibTeX, and papers."""
    papers = "\n".join(f"  arXiv:{number}: {what}" for what, number in METHODS)
    return f"""\
@software{{n3hyper,
  title   = {{{TITLE}}},
  author  = {{{{The n3hyper authors}}}},
  version = {{{__version__}}},
  license = {{GPL-3.0-or-later}}
}}

Please cite as well the methods that it follows:
{papers}"""


def show(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    """Print it and end the command: the callback of ``--cite``."""
    if asked and not ctx.resilient_parsing:
        click.echo(citation())
        ctx.exit()
