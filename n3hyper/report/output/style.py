"""Style of the figures: one size of letters, colours that colour-blind people tell apart."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final, cast

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from n3hyper.report.output.paper import SCREEN_SIZE, above

SIZE: Final = (6.4, 4.2)
"""Inches."""
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#777777"
"""Okabe and Ito's palette."""
CYCLE: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW)

SETTINGS: Final[dict[str, Any]] = {
    "font.family": "DejaVu Sans",
    "axes.titlesize": "medium",
    "axes.labelsize": "medium",
    "xtick.labelsize": "medium",
    "ytick.labelsize": "medium",
    "figure.titlesize": "medium",
    "figure.labelsize": "medium",
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "axes.edgecolor": "#555555",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "legend.frameon": False,
    "legend.fontsize": "medium",
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "n3hyper",
    "mathtext.fontset": "dejavusans",
    "text.usetex": False,
}

RASTER: Final = 400
"""Points from which a cloud is drawn as pixels inside of a vector figure."""


def figure(width: float = 1.0, height: float = 1.0) -> tuple[Figure, Axes]:
    """Return a figure with one axes, its size in units of `SIZE`."""
    made = Figure(figsize=(SIZE[0] * width, SIZE[1] * height), layout="constrained")
    FigureCanvasAgg(made)
    return made, made.add_subplot()


def plain(text: str) -> str:
    """Return text from a file such that no part of it is taken for mathematics.

    Examples
    --------
    >>> print(plain("cost in $"))
    cost in \\$
    """
    return text.replace("$", r"\$")


def legend_above(axes: Axes, columns: int = 4) -> None:
    """Put the legend above the axes, where it hides no point; there may be nothing to put there."""
    handles, labels = axes.get_legend_handles_labels()
    drawn = axes.get_figure()
    assert isinstance(drawn, Figure)
    if labels:
        above(drawn, handles, labels, columns)


def styled(size: float = SCREEN_SIZE) -> AbstractContextManager[None]:
    """Return the context in which figures are made and saved, with letters of `size` points."""
    return rc_context(cast(Any, {**SETTINGS, "font.size": size}))


def log_x(axes: Axes) -> None:
    """Make the x axis logarithmic: powers of ten, and 1, 2, 5 where there are few of them."""
    axes.set_xscale("log")
    low, high = axes.dataLim.intervalx
    if 0 < low < high < 50 * low:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_minor_formatter(NullFormatter())


def mark_best(axes: Axes, x: float, y: float, label: str = "best trial") -> None:
    """Draw the star of the best trial, above everything else."""
    axes.plot(
        [x], [y], marker="*", markersize=17, color=RED, markeredgecolor="white",
        markeredgewidth=1.2, linestyle="none", label=label, zorder=10, clip_on=False,
    )  # fmt: skip
