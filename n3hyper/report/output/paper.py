"""Figures made fit to be printed: one size of letters, names in LaTeX, the width of a column, and
no label that is cut or lies on another.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
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
        rows = max(len(axes.get_yticks()) for axes in drawn.axes)
        lines = 1.4 * paper.size / 72 * rows + 0.8
        drawn.set_size_inches(paper.width, max(0.7 * paper.width, lines))
        drawn.suptitle("")  # journals have captions
    for text in drawn.findobj(Text):
        assert isinstance(text, Text)
        if text.get_text():
            text.set_text(tex(text.get_text()))
    _narrow_legends(drawn)
    drawn.draw_without_rendering()
    for axes in drawn.axes:
        _wrap_labels(axes)
        _part_ticks(axes)
    drawn.draw_without_rendering()


def _narrow_legends(drawn: Figure) -> None:
    """Give the legend above the axes as few columns as fit into the width of the figure."""
    for legend in list(drawn.legends):
        handles, labels = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
        columns = legend._ncols  # type: ignore[attr-defined]
        while columns > 1 and legend.get_window_extent().width > 0.98 * drawn.bbox.width:
            columns -= 1
            legend.remove()
            legend = above(drawn, handles, labels, columns)


def above(drawn: Figure, handles: Sequence[Any], labels: Sequence[str], columns: int) -> Legend:
    """Put a legend above the axes of a figure, where it hides no point."""
    return drawn.legend(
        handles, labels, loc="outside upper left", ncols=columns, borderaxespad=0.2,
        handletextpad=0.4, columnspacing=1.2,
    )  # fmt: skip


def _wrap_labels(axes: Axes) -> None:
    """Break labels that are longer than their axis into lines, and titles alike."""
    drawn = axes.get_figure()
    assert isinstance(drawn, Figure)
    _wrap(axes.xaxis.label, axes.bbox.width)
    _wrap(axes.yaxis.label, axes.bbox.height, upright=True)
    _wrap(axes._left_title, axes.bbox.width)  # type: ignore[attr-defined]
    for label in drawn.texts:
        _wrap(label, 0.96 * drawn.bbox.width)


def _wrap(label: Text, room: float, upright: bool = False) -> None:
    extent = label.get_window_extent()
    length = extent.height if upright else extent.width
    lines = label.get_text().splitlines()
    if length > room and lines:
        count = max(12, int(max(map(len, lines)) * room / length))
        parts = [textwrap.wrap(line, count, break_long_words=False) for line in lines]
        label.set_text("\n".join(itertools.chain(*parts)))


def _part_ticks(axes: Axes) -> None:
    """Shorten the labels of the x axis if some lie on one another; turn them if they still do."""
    labels = [each for each in axes.get_xticklabels() if each.get_text() and each.get_visible()]
    if _crowded(labels) and any(label.get_text().count("\n") > 1 for label in labels):
        names = [label.get_text().partition("\n")[0] for label in labels]
        axes.set_xticks(axes.get_xticks(), names)
        labels = axes.get_xticklabels()
    if _crowded(labels):
        for label in labels:
            label.set(rotation=35, ha="right", rotation_mode="anchor")


def _crowded(labels: Sequence[Text]) -> bool:
    boxes = [label.get_window_extent() for label in labels]
    return any(_touch(one, other) for one, other in itertools.pairwise(boxes))


def _touch(one: Bbox, other: Bbox) -> bool:
    return bool(one.x0 < other.x1 and other.x0 < one.x1)
