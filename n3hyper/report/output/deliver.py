"""Delivery of a report to the terminal and to files."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from n3hyper.report.analysis.view import View
from n3hyper.report.output.writing import forget_output, print_text


def deliver(
    view: View,
    format_: str = "table",
    html: Path | None = None,
    figures: Path | None = None,
    figure_format: tuple[str, ...] = (),
    width: str | None = None,
    export_runcard: Path | None = None,
    trial: str = "best",
    select: int | None = None,
    chi2_window: float | None = None,
    as_: str = "parameters",
    export_optuna: Path | None = None,
) -> None:
    """Write what the options of ``n3hyper report`` ask for.

    Files are named on standard error; what is printed goes to standard output.
    """
    said = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    if export_optuna is not None:
        from n3hyper.report.output.optuna_study import write_study

        study = write_study(view, export_optuna)
        said.print(f"optuna    study {study} in {export_optuna}")
    if export_runcard is not None or select is not None:
        from n3hyper.report.output.export import export

        text = export(view, export_runcard, trial, select, chi2_window, as_)
        if export_runcard is None:
            print_text(text)
            return
        said.print(f"runcard   {export_runcard}")
        if html is None and figures is None:
            return
    if figures is not None:
        from n3hyper.report.output.figures import write_figures
        from n3hyper.report.output.paper import paper_of

        files = write_figures(view, figures, figure_format or ("png",), paper_of(width))
        said.print(f"figures   {len(files)} in {figures}")
    if html is not None:
        from n3hyper.report.output.web.page import write_page

        write_page(view, html)
        said.print(f"page      {html}")
    if format_ == "table":
        _table(view)
    else:
        from n3hyper.report.output import formats
        from n3hyper.report.output.latex import to_latex

        write = {
            "json": formats.to_json,
            "csv": formats.to_csv,
            "markdown": formats.to_markdown,
            "latex": to_latex,
        }
        print_text(write[format_](view))


def _table(view: View) -> None:
    from n3hyper.report.output.terminal import Terminal

    try:
        Terminal(view, Console(highlight=False, markup=False, emoji=False)).show()
    except BrokenPipeError:
        forget_output()
