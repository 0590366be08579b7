"""``n3hyper report``: of a scan, or of a fit."""

from __future__ import annotations

import dataclasses
import gc
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from n3hyper.cli.help import GroupedCommand
from n3hyper.physics.objectives import LOSS_TYPES, STATISTICS

if TYPE_CHECKING:
    from n3hyper.report.analysis.prepare import Request
    from n3hyper.report.analysis.view import View

_STATISTIC = click.Choice(tuple(STATISTICS))
OF_A_FIT = (
    "paths", "compare", "html", "figures", "figure_format", "width", "format_", "title", "author",
    "keywords",
)  # fmt: skip
"""What a report of a fit knows."""


def _number_of_trials(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if value != "best" and not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a number nor 'best'")
    return value


@click.command(
    "report",
    cls=GroupedCommand,
    groups={
        "Trials": (
            *("filters", "autofilter", "include_failures", "threshold", "combine"),
            "thermalization",
        ),
        "Score again, without fitting": (
            *("loss", "fold_statistic", "replica_statistic", "penalties", "val_multiplier"),
        ),
        "Tables": ("format_", "top", "sort", "chi2_threshold", "chi2exp_threshold"),
        "Figures and page": (
            *("html", "serve", "figures", "figure_format", "width", "title", "author", "keywords"),
        ),
        "Runcards": ("export_runcard", "trial", "select", "chi2_window", "as_"),
        "Optuna": ("export_optuna",),
        "Fits": ("compare",),
    },
)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "--top", type=click.IntRange(min=0), default=10, show_default=True, help="Trials in the table."
)
@click.option(
    "--sort",
    default="loss",
    show_default=True,
    metavar="COLUMN",
    help="Sort the table by a column; -COLUMN: largest first.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "csv", "markdown", "latex"]),
    default="table",
    show_default=True,
    help="What to print.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with tables, figures and the runcard.",
)
@click.option(
    "--serve",
    type=click.IntRange(0, 65535),
    is_flag=False,
    flag_value=0,
    metavar="[PORT]",
    help="Serve the page on 127.0.0.1 until Ctrl-C; it follows a scan that runs.",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the figures to this folder.",
)
@click.option(
    "--figure-format",
    type=click.Choice(["png", "pdf", "svg"]),
    multiple=True,
    show_default="png",
    help="Format of the figures; may be repeated.",
)
@click.option(
    "--width",
    metavar="WIDTH",
    help="Width of the figures for print, as 86mm or 3.4in: small letters, no titles.",
)
@click.option(
    "-f",
    "--filter",
    "filters",
    multiple=True,
    metavar="CONDITION",
    help="Keep trials for which it holds: 'optimizer=Nadam', 'lr<0.01', 'nl!=2'.",
)
@click.option(
    "--autofilter",
    multiple=True,
    metavar="KEY",
    help="Leave out the values of KEY that do worst; may be repeated.",
)
@click.option("--include-failures", is_flag=True, help="List failed trials as well.")
@click.option("-t", "--threshold", type=float, help="A trial with a larger loss has failed.")
@click.option(
    "--chi2-threshold",
    type=float,
    default=5.0,
    show_default=True,
    help="Largest chi2 in the running means of -logp and chi2.",
)
@click.option(
    "--chi2exp-threshold",
    type=float,
    default=1.35,
    show_default=True,
    help="Largest chi2 of fitted data in the running mean of the loss.",
)
@click.option("-c", "--combine", is_flag=True, help="Take all replica folders of a folder.")
@click.option(
    "--thermalization",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Leave out the first N trials.",
)
@click.option(
    "--loss",
    type=click.Choice(tuple(LOSS_TYPES)),
    help="Score again by this loss, without fitting.",
)
@click.option("-l", "--fold-statistic", type=_STATISTIC, help="Score again: over the folds.")
@click.option("--replica-statistic", type=_STATISTIC, help="Score again: over the replicas.")
@click.option("--penalties/--no-penalties", default=None, help="Score again: in the loss or not.")
@click.option(
    "-v",
    "--val-multiplier",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="X",
    help="Loss: (1-X) loss + X validation loss.",
)
@click.option(
    "--export-runcard",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a runcard that fits --trial, or the trials of --select.",
)
@click.option(
    "--trial",
    default="best",
    show_default=True,
    callback=_number_of_trials,
    metavar="TID",
    help="Trial to export: its number, or best.",
)
@click.option(
    "--select",
    type=click.IntRange(min=1),
    metavar="N",
    help="Select the best N trials, for a runcard.",
)
@click.option(
    "--chi2-window",
    type=click.FloatRange(min=0),
    metavar="X",
    help="Select by phi2, among trials whose chi2 is at most X above the lowest.",
)
@click.option(
    "--as",
    "as_",
    type=click.Choice(["parameters", "trial_specs", "ranges"]),
    default="parameters",
    show_default=True,
    help="Selection as a list of setups, n3fit's trial_specs, or narrowed ranges.",
)
@click.option(
    "--export-optuna",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a journal storage of Optuna: optuna-dashboard FILE.",
)
@click.option(
    "--compare",
    metavar="FIT|SET",
    help="Of a fit: show another fit beside it, or an LHAPDF set, by its folder or name.",
)
@click.option("--title", default="", help="Title of the report.")
@click.option("--author", default="", help="Author, for the page.")
@click.option("--keywords", default="", help="Keywords, for the page; separated by commas.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    keywords: str,
    compare: str | None,
    **options: Any,
) -> int:
    """Show what a scan found, or a fit.

    PATH is a tries.json, the output folder of a scan (n3hyper's or n3fit's), mongodb://...,
    or a file that holds such an address; several are shown together. Without PATH: the newest scan
    or fit below the current folder.

    PATH may be the folder of a fit, n3hyper's or n3fit's, as well: its PDFs, chi2 by data set,
    training, and the setups of its ensemble are shown, in the terminal as a short table. Of the
    options a fit has --compare, --html, --figures, --figure-format, --format, --title, --author,
    --keywords.

    \b
    Examples:
      n3hyper report my_scan --html my_scan.html
      n3hyper report my_fit --compare NNPDF40_nnlo_as_01180 --figures figures --figure-format pdf
    """
    from n3hyper.report.trials.sources import is_fit, newest_fit

    words = tuple(word.strip() for word in keywords.split(",") if word.strip())
    addresses = [path for path in paths if _is_address(path)]
    fit = Path(paths[0]) if len(paths) == 1 and not addresses else None
    if not paths:
        fit = newest_fit(Path())
    if fit is not None and is_fit(fit):
        return _fit(ctx, fit, compare, words)
    if compare is not None:
        raise click.UsageError("--compare goes with the folder of a fit")
    from n3hyper.report.analysis.prepare import Request, prepare
    from n3hyper.report.trials.reading import no_collection

    outputs = {
        name: options.pop(name)
        for name in (
            "format_",
            "html",
            "figures",
            "figure_format",
            "width",
            "export_runcard",
            "export_optuna",
            "trial",
            "select",
            "chi2_window",
            "as_",
        )
    }
    if outputs["width"] is not None and outputs["figures"] is None:
        raise click.UsageError("--width goes with --figures")
    if outputs["chi2_window"] is not None and outputs["select"] is None:
        raise click.UsageError("--chi2-window goes with --select")
    port = options.pop("serve")
    request = Request(
        paths=tuple(Path(path) for path in paths if path not in addresses),
        autofilter=tuple(key for text in options.pop("autofilter") for key in text.split(",")),
        keywords=words,
        command=_command(addresses),
        **options,
    )

    def read() -> View:
        found = tuple(scan for address in addresses for scan in _databases(address))
        return prepare(dataclasses.replace(request, databases=found))

    if port is not None:
        return _serve(read, None if addresses else request, port)
    with no_collection():
        view = read()
        gc.freeze()  # it lives as long as the process: no search for garbage has to walk it
    return _write(view, **outputs)


def _serve(read: Callable[[], View], files: Request | None, port: int) -> int:
    """Serve the page until Ctrl-C; `files` are looked at for what is new, databases are read."""
    from n3hyper.report.output.web.serve import HOST, Follower, server
    from n3hyper.report.trials.sources import stamp_of

    def stamp() -> object:
        return None if files is None else stamp_of(files.paths, files.combine)

    with server(Follower(read, stamp), port) as found:
        click.echo(f"page      http://{HOST}:{found.server_port}/   (Ctrl-C ends it)", err=True)
        try:
            found.serve_forever()
        except KeyboardInterrupt:
            click.echo("ended", err=True)
    return 0


def _command(addresses: Sequence[str] = ()) -> str:
    """The command itself, for the page, with addresses of databases that tell no password."""
    from n3hyper.hyper_optimization.mongo.address import without_password

    said = [without_password(word) if word in addresses else word for word in sys.argv[2:]]
    return shlex.join(["n3hyper", "report", *said]) if said else ""


def _fit(ctx: click.Context, folder: Path, compare: str | None, keywords: tuple[str, ...]) -> int:
    """The report of a fit."""
    given = ctx.params
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        if param.name not in OF_A_FIT and source == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{param.opts[-1]} belongs to scans; {folder} is a fit")
    from n3hyper.report.pdfs.deliver import deliver
    from n3hyper.report.pdfs.view import view_fit

    view = view_fit(
        folder,
        compare,
        title=given["title"],
        author=given["author"],
        keywords=keywords,
        command=_command(),
    )
    _replace_characters()
    outputs = ("format_", "html", "figures", "figure_format", "width")
    deliver(view, **{name: given[name] for name in outputs})
    return 0


def _is_address(path: str) -> bool:
    """Return whether a source is a database's URI (also without scheme) or a file that has one."""
    from n3hyper.hyper_optimization.mongo.address import without_password

    if "://" in path:
        return True
    try:
        if not Path(path).is_file():
            return not Path(path).exists() and without_password(path) != path
        with Path(path).open("rb") as content:
            return content.read(7) == b"mongodb"
    except (OSError, ValueError):  # it cannot be the name of a file
        return without_password(path) != path


def _databases(uri: str) -> Any:
    """Return name, records and runcard of the scans in a database; see `find_uri`."""
    from n3hyper.cli.reports.report_database import read_database

    return read_database(uri)


def _write(view: View, **outputs: Any) -> int:
    """Write all outputs that were asked for; by default the table on the terminal."""
    from n3hyper.report.output.deliver import deliver

    _replace_characters()
    deliver(view, **outputs)
    return 0


def _replace_characters() -> None:
    """Let no character that the terminal lacks end a report."""
    encoding = getattr(sys.stdout, "reconfigure", None)
    if encoding is not None:
        encoding(errors="replace")
