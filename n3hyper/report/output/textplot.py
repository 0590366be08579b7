"""Small plots made of characters, for terminals with and without UTF-8."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.physics.arrays import Array

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_ASCII_BLOCKS: Final = " .:-=+*#@"
_EIGHTHS: Final = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Braille: the bits of the dots of the left and the right column, from the top."""


def histogram(counts: Sequence[float], ascii_only: bool = False) -> str:
    """Return counts as bars of one character each.

    Examples
    --------
    >>> histogram([0, 1, 2, 4], ascii_only=True)
    ' :=@'
    """
    levels = _ASCII_BLOCKS if ascii_only else _BLOCKS
    most = max(counts, default=0)
    if not most:
        return levels[0] * len(counts)
    return "".join(levels[math.ceil(8 * count / most)] for count in counts)


def bar(share: float, width: int, ascii_only: bool = False) -> str:
    """Return a horizontal bar for a share of one.

    Examples
    --------
    >>> bar(0.5, 4, ascii_only=True)
    '##'
    """
    share = min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
    if ascii_only:
        return "#" * round(share * width)
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8]


class Canvas:
    """Field of characters with points; (0, 0) is the lower left corner, (1, 1) the upper right."""

    def __init__(self, width: int, height: int, ascii_only: bool = False) -> None:
        self.width, self.height, self.ascii_only = width, height, ascii_only
        across, up = (1, 1) if ascii_only else (2, 4)
        self._cells = np.zeros((height * up, width * across), dtype=bool)
        self._line = np.zeros_like(self._cells)

    def points(self, x: Array, y: Array, line: bool = False) -> None:
        """Set points; those of a line are kept apart, those outside are not shown."""
        up, across = self._cells.shape
        shown = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        column = np.minimum((x[shown] * across).astype(int), across - 1)
        row = up - 1 - np.minimum((y[shown] * up).astype(int), up - 1)
        (self._line if line else self._cells)[row, column] = True

    def rows(self) -> list[list[tuple[str, bool]]]:
        """Return the lines from the top, each as pairs of character and whether the line runs
        through it.
        """
        if self.ascii_only:
            return [
                [
                    ("*" if on_line else "." if point else " ", bool(on_line))
                    for point, on_line in zip(points, line, strict=True)
                ]
                for points, line in zip(self._cells, self._line, strict=True)
            ]
        both = self._cells | self._line
        return [
            [
                (_braille(both, row, column), self._crossed(row, column))
                for column in range(self.width)
            ]
            for row in range(self.height)
        ]

    def _crossed(self, row: int, column: int) -> bool:
        return bool(self._line[4 * row : 4 * row + 4, 2 * column : 2 * column + 2].any())


def _braille(dots: NDArray[np.bool_], row: int, column: int) -> str:
    block = dots[4 * row : 4 * row + 4, 2 * column : 2 * column + 2]
    bits = sum(_DOTS[j][i] for i in range(4) for j in range(2) if block[i, j])
    return chr(0x2800 + bits) if bits else " "
