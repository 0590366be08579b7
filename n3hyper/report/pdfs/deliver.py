"""Delivery of the report of a fit to the terminal and to files."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from n3hyper.report.output.writing import forget_output, print_text
from n3hyper.report.pdfs import tables
from n3hyper.report.pdfs.view import FitView


def deliver(
    view: FitView,
    format_: str = "table",
    html: Path | None = None,
    figures: Path | None = None,
    figure_format: tuple[str, ...] = (),
    width: str | None = None,
) -> None:
    """Write what the options of ``n3hyper report`` ask for.

    Files are named on standard error; what is printed goes to standard output.
    """
    said = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    if figures is not None:
        from n3hyper.report.output.paper import paper_of
        from n3hyper.report.pdfs.figures import write_figures

        files = write_figures(view, figures, figure_format or ("png",), paper_of(width))
        said.print(f"figures   {len(files)} in {figures}")
    if html is not None:
        from n3hyper.report.pdfs.page import write_page

        write_page(view, html)
        said.print(f"page      {html}")
    if format_ == "table":
        try:
            tables.print_fit(view, Console(highlight=False, markup=False, emoji=False))
        except BrokenPipeError:
            forget_output()
    else:
        write = {
            "json": tables.to_json,
            "csv": tables.to_csv,
            "markdown": tables.to_markdown,
            "latex": tables.to_latex,
        }
        print_text(write[format_](view))
