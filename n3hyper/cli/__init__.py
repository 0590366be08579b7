"""Command line: one thin module per command, imported only when that command runs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from n3hyper import __version__
from n3hyper.cli import cite
from n3hyper.errors import N3HyperError, nearest

# command: (its module, its line in the list of commands). The line stands here, not in the
# module, so that --help imports none of them.
COMMANDS = {
    "check": ("n3hyper.cli.inquiries.check", "Say what a runcard would do, before it is run."),
    "scan": ("n3hyper.cli.scan", "Scan hyperparameters as a runcard says."),
    "restart": ("n3hyper.cli.restart", "Continue a scan."),
    "replay": ("n3hyper.cli.replay", "Run one trial of a scan again."),
    "fit": ("n3hyper.cli.fits.fit", "Fit the replicas of a PDF set."),
    "evolve": ("n3hyper.cli.fits.evolve", "Evolve the PDFs of a fit, and write them for LHAPDF."),
    "report": ("n3hyper.cli.reports.report", "Show what a scan found, or a fit."),
    "status": ("n3hyper.cli.inquiries.status", "Show how a scan or a fit stands while it runs."),
    "datasets": ("n3hyper.cli.inquiries.datasets", "List data sets, and theories that have them."),
    "theories": ("n3hyper.cli.inquiries.theories", "List the theories that are found, and where."),
    "mongod": ("n3hyper.cli.databases.mongod", "Run the database of parallel scans."),
    "mongo-worker": ("n3hyper.cli.databases.mongo_worker", "Evaluate trials of parallel scans."),
    "make-theory": ("n3hyper.cli.make_theory", "Compute FK tables for DIS data sets."),
    "completions": ("n3hyper.cli.completions", "Print what lets a shell complete commands."),
}


class LazyGroup(click.Group):
    """Group whose commands are imported only when they are run or asked for help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(
                f"No such command {args[0]!r}; {nearest(args[0], COMMANDS)}", ctx
            ) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="n3hyper")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--cite",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=cite.show,
    help="Show how n3hyper is cited, and exit.",
)
def cli(debug: bool) -> None:
    """Find the hyperparameters of neural-network fits of parton distributions.

    Ctrl-C, SIGTERM and SIGUSR1 end a command; what has finished is saved. A command that a script
    starts in the background ignores Ctrl-C, as is usual in shells; kill PID ends it.
    """


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; any error is one line on stderr.

    Exit status: 0 done, 1 failed at run time, 2 wrong input, 130 interrupted.
    """
    given = list(sys.argv[1:] if args is None else args)
    # --debug is accepted anywhere on the line: people append it to the command that just failed.
    arguments = [argument for argument in given if argument != "--debug"]
    debug = len(arguments) < len(given)
    # Set before NumPy is loaded: OpenBLAS threads that wait for a busy core turn a start of one
    # second into ten, and the fit uses TensorFlow's own threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        status = cli.main(args=arguments, prog_name="n3hyper", standalone_mode=False, obj=debug)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except (click.Abort, KeyboardInterrupt):
        click.echo("n3hyper: interrupted", err=True)
        raise SystemExit(130) from None
    except Exception as error:  # the border: one line for a user, everything with --debug
        if debug:
            raise
        click.echo(f"n3hyper: {one_line(error)}", err=True)
        raise SystemExit(getattr(error, "exit_code", 1)) from None
    raise SystemExit(status if isinstance(status, int) else 0)


def one_line(error: Exception) -> str:
    """Return the line that reports an error: ours as worded, others with their type."""
    if isinstance(error, N3HyperError):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} (--debug shows where)"
