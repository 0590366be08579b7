"""Choice and writing of the figures of a report."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from n3hyper.errors import StoreError
from n3hyper.report.analysis.ranges import groups_of, is_continuous
from n3hyper.report.analysis.view import View
from n3hyper.report.errors import ReportError
from n3hyper.report.output import part_plots, plots
from n3hyper.report.output.paper import SCREEN, Paper, finish
from n3hyper.report.output.style import styled
from n3hyper.report.trials.columns import column
from n3hyper.system.own_files import write_output

DPI = 160
_MOST_FACTORS = 40


@dataclass(frozen=True)
class Plan:
    """Figure that has not been drawn yet."""

    name: str
    """Of its file, without the ending."""
    title: str
    caption: str
    draw: Callable[[View], Figure | None]
    """None where the scan has nothing for it."""


def plan_figures(view: View) -> Iterator[Plan]:
    """Return the figures of a scan, in the order of a page."""
    yield Plan(
        "convergence", "Convergence", "Each trial's loss and the best so far.", plots.convergence
    )
    yield Plan(
        "loss_parts",
        "What the losses are made of",
        "The chi2 (or what else the loss is), each penalty, and what replicas add that do not "
        "count.",
        part_plots.loss_parts,
    )
    yield Plan(
        "running_means",
        "Running means",
        "Means over all trials so far, of those below the thresholds: whether TPE still learns.",
        plots.running,
    )
    yield Plan(
        "chi2_phi2",
        "χ² against φ²",
        "On the data left out. On the front no other trial has a lower χ² and a larger φ²: "
        "it describes data it has not seen, and leaves PDFs free where it has seen none.",
        plots.chi2_phi2,
    )
    yield Plan(
        "importance",
        "Importance",
        "How much of the variation of the loss each hyperparameter explains by itself.",
        plots.importance,
    )
    yield Plan("folds", "Folds", "The losses of the folds in all trials.", plots.folds)
    yield Plan(
        "fold_correlations",
        "Correlations of folds",
        "Rank correlation of their losses over the trials: folds that agree test the same.",
        plots.fold_correlations,
    )
    for name in view.scan.factors[:_MOST_FACTORS]:
        yield from _plans_of(view, name)


def _plans_of(view: View, name: str) -> Iterator[Plan]:
    label = column(name).label
    label = label[:1].upper() + label[1:]
    if not is_continuous([trial.values.get(name) for trial in view.scan.trials]):
        caption = "All trials with a loss, and how they are distributed."
        yield Plan(f"parameter_{name}", label, caption, lambda v: plots.violins(v, name))
        return
    for group in groups_of(view.scan, name):
        title = f"{label}, {group}" if group else label
        place = f"parameter_{name}_{group}" if group else f"parameter_{name}"

        def draw(v: View, group: str = group) -> Figure | None:
            return plots.scatter(v, name, group)

        yield Plan(place, title, "All trials with a loss, coloured by their order.", draw)


def write_figures(
    view: View, folder: Path, formats: Sequence[str], paper: Paper = SCREEN
) -> list[Path]:
    """Draw all figures into a folder.

    Raises
    ------
    ReportError
        The folder cannot be written.
    """
    written: list[Path] = []
    try:
        with styled(paper.size):
            for plan in plan_figures(view):
                drawn = plan.draw(view)
                if drawn is None:
                    continue
                finish(drawn, paper)
                for ending in formats:
                    path = folder / f"{_file_name(plan.name)}.{ending}"
                    metadata = {} if ending == "png" else {"Date": None}
                    if ending == "pdf":
                        metadata = {"CreationDate": None}
                    image = io.BytesIO()
                    drawn.savefig(image, format=ending, dpi=DPI, metadata=metadata)
                    write_output(path, image.getvalue())
                    written.append(path)
    except StoreError as err:
        raise ReportError(str(err)) from err
    return written


def _file_name(name: str) -> str:
    """Return a name that is no path: hyperparameters may be called anything.

    Examples
    --------
    >>> _file_name("parameter_../../x y")
    'parameter_.._.._x_y'
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:80]
