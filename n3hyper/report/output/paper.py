"""Figures made fit to be printed: one size of letters, names in LaTeX, the width of a column, and
no label that is cut or lies on another.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from n3hyper.report.errors import ReportError

_UNITS: Final = {"mm": 1 / 25.4, "cm": 1 / 2.54, "in": 1.0, "pt": 1 / 72.27}
"""Inches; a point is TeX's."""
_RANGE: Final = (1.0, 30.0)
"""Inches that a figure may be wide."""
SCREEN_SIZE: Final = 10.0
"""Points of the letters where no width is given."""
PAPER_SIZE: Final = 8.0
"""Points of the letters of a figure of a given width, as journals ask for."""
_TEX: Final = (
    ("1/φ²", r"$1/\varphi^2$"),
    ("χ²", r"$\chi^2$"),
    ("φ²", r"$\varphi^2$"),
    ("-log p", r"$-\log p$"),
    ("R²", r"$R^2$"),
)


@dataclass(frozen=True)
class Paper:
    """Form of the figures.

    Parameters
    ----------
    width
        Inches of all figures; None leaves each as wide as it is.
    """

    width: float | None = None

    @property
    def size(self) -> float:
        """Points of the letters."""
        return SCREEN_SIZE if self.width is None else PAPER_SIZE


SCREEN: Final = Paper()


def parse_width(text: str) -> float:
    """Return inches of a width with its unit.

    Examples
    --------
    >>> round(parse_width("86mm"), 3), parse_width("3.4in")
    (3.386, 3.4)

    Raises
    ------
    ReportError
        It is no such width.
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(mm|cm|in|pt)\s*", text)
    if match is None:
        raise ReportError(f"--width {text!r}: a number with mm, cm, in or pt is wanted, as in 86mm")
    inches = float(match[1]) * _UNITS[match[2]]
    if not _RANGE[0] <= inches <= _RANGE[1]:
        raise ReportError(f"--width {text!r}: figures are 25 mm to 760 mm wide")
    return inches


def paper_of(width: str | None) -> Paper:
    """Return the form of figures of a width such as ``86mm``; None leaves them as they are."""
    return SCREEN if width is None else Paper(parse_width(width))


def tex(words: str) -> str:
    r"""Return words with the quantities in them as mathematics.

    Examples
    --------
    >>> print(tex("mean of χ² and -log p"))
    mean of $\chi^2$ and $-\log p$
    """
    for quantity, formula in _TEX:
        words = words.replace(quantity, formula)
    return words


def finish(drawn: Figure, paper: Paper) -> None:
    """Give a figure its size, its letters and names, and see to it that all of them can be read."""
    if paper.width is not None:
        width, height = drawn.get_size_inches()
        # rows of letters shrink with the letters, pictures with the width
        letters = height * paper.size / SCREEN_SIZE if height > width else 0.0
        drawn.set_size_inches(paper.width, max(0.7 * paper.width, letters))
        drawn.suptitle("")  # journals have captions
    for text in drawn.findobj(Text):
        assert isinstance(text, Text)
        text.set_fontsize(paper.size)
        if text.get_text():
            text.set_text(tex(text.get_text()))
    drawn.draw_without_rendering()
    for axes in drawn.axes:
        _narrow_legend(axes, drawn)
        _wrap_labels(axes)
        _part_ticks(axes)
    drawn.draw_without_rendering()


def _narrow_legend(axes: Axes, drawn: Figure) -> None:
    """Give the legend as few columns as fit."""
    legend = axes.get_legend()
    room = drawn.bbox.width - axes.bbox.x0
    while legend is not None and legend._ncols > 1 and legend.get_window_extent().width > room:
        legend.set_ncols(legend._ncols - 1)
        drawn.draw_without_rendering()


def _wrap_labels(axes: Axes) -> None:
    """Break labels that are longer than their axis into lines, and titles alike."""
    box = axes.bbox
    for label, room in (
        (axes.xaxis.label, box.width),
        (axes.yaxis.label, box.height),
        (axes._left_title, box.width),  # type: ignore[attr-defined]
    ):
        extent = label.get_window_extent()
        length = extent.height if label is axes.yaxis.label else extent.width
        words = label.get_text()
        if length > room and "\n" not in words:
            count = max(12, int(len(words) * room / length))
            label.set_text("\n".join(textwrap.wrap(words, count, break_long_words=False)))


def _part_ticks(axes: Axes) -> None:
    """Turn the labels of the x axis if some lie on one another."""
    labels = [label for label in axes.get_xticklabels() if label.get_text()]
    boxes = [label.get_window_extent() for label in labels if label.get_visible()]
    if any(_touch(one, other) for one, other in zip(boxes, boxes[1:], strict=False)):
        for label in labels:
            label.set(rotation=35, ha="right", rotation_mode="anchor")


def _touch(one: Bbox, other: Bbox) -> bool:
    return bool(one.x0 < other.x1 and other.x0 < one.x1)
