"""Choice and writing of the figures of the report of a fit."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from n3hyper.errors import StoreError
from n3hyper.report.errors import ReportError
from n3hyper.report.output.paper import SCREEN, Paper, finish
from n3hyper.report.output.style import styled
from n3hyper.report.pdfs import plots
from n3hyper.report.pdfs.view import FitView
from n3hyper.system.own_files import write_output

DPI = 200


@dataclass(frozen=True)
class Plan:
    """Figure that has not been drawn yet."""

    section: str
    """``PDFs``, ``Comparison``, ``Data``, ``Training`` or ``Setups``."""
    name: str
    """Of its file, without the ending."""
    title: str
    caption: str
    draw: Callable[[FitView], Figure | None]
    """None where the fit has nothing for it."""


def plan_figures(view: FitView) -> Iterator[Plan]:
    """Return the figures of a fit, in the order of a page."""
    for q in view.scales:
        for axis in ("log", "linear"):
            yield Plan(
                "PDFs", f"pdfs_{q:g}_{axis}", f"PDFs at {q:g} GeV",
                "Mean, 68 % band and replicas.", partial(plots.pdfs, q=q, axis=axis),
            )  # fmt: skip
    if view.other is not None:
        yield from _comparison(view)
    yield Plan(
        "Data", "chi2", "χ² by data set",
        "Bars: of the mean prediction; points: mean and standard deviation of the replicas. In "
        "brackets the number of points.", plots.chi2,
    )  # fmt: skip
    yield Plan(
        "Training", "training", "Training and validation",
        "Along the fit, every 100 epochs; points: the epoch that was taken.", plots.training,
    )  # fmt: skip
    yield Plan(
        "Training", "replicas", "Replicas", "Of the replicas of the set.", plots.replicas
    )  # fmt: skip
    yield Plan(
        "Setups", "setups", "Setups of the ensemble",
        "Mean of the replicas of each setup less the mean of all, in standard deviations of a "
        "replica, at Q0. Grey: what chance makes of it.", plots.setups,
    )  # fmt: skip
    yield Plan(
        "Setups", "setup_share", "Does the methodology matter?",
        "Share of the variance of x f that lies between the setups; by chance alone it is at the "
        "dashed line.", plots.setup_share,
    )  # fmt: skip


def _comparison(view: FitView) -> Iterator[Plan]:
    for q in view.scales:
        if view.compared(q) is None:
            continue
        for axis in ("log", "linear"):
            yield Plan(
                "Comparison", f"ratio_{q:g}_{axis}", f"Ratio at {q:g} GeV",
                "Central values and 68 % bands.", partial(plots.ratio, q=q, axis=axis),
            )  # fmt: skip
        yield Plan(
            "Comparison", f"distances_{q:g}", f"Distances at {q:g} GeV",
            "Differences over their own uncertainty, which shrinks with the number of replicas: "
            "about 1 for two sets of the same population.", partial(plots.distances, q=q),
        )  # fmt: skip


def draw_svg(plan: Plan, view: FitView) -> bytes | None:
    """Return a figure as SVG; None where there is nothing to show."""
    with styled():
        drawn = plan.draw(view)
        if drawn is None:
            return None
        finish(drawn, SCREEN)
        image = io.BytesIO()
        drawn.savefig(image, format="svg", dpi=DPI, metadata={"Date": None})
        return image.getvalue()


def write_figures(
    view: FitView, folder: Path, formats: Sequence[str], paper: Paper = SCREEN
) -> list[Path]:
    """Draw all figures into a folder.

    Raises
    ------
    ReportError
        The folder cannot be written.
    """
    metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    written: list[Path] = []
    try:
        with styled(paper.size):
            for plan in plan_figures(view):
                drawn = plan.draw(view)
                if drawn is None:
                    continue
                finish(drawn, paper)
                for ending in formats:
                    path = folder / f"{plan.name}.{ending}"
                    image = io.BytesIO()
                    drawn.savefig(image, format=ending, dpi=DPI, metadata=metadata[ending])
                    write_output(path, image.getvalue())
                    written.append(path)
    except StoreError as err:
        raise ReportError(str(err)) from err
    return written
