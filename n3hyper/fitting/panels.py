"""The factors P and N of the chi2 (see `n3hyper.fitting.forms`), cut into panels of rows.

P is upper triangular: the first rows of a panel have zeros in front, and the panel has none of the
columns before its first row. With four panels that is 60 % of the square.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

PANEL: Final = 70
"""Rows of a panel: fewer save reading, more save calls."""


class Panel(NamedTuple):
    """Rows of P, or all of N, from a column on."""

    rows: slice
    """Among those of P and then N."""
    first: int
    """Of their columns among features and then w."""


def panels(features: int, attachments: int) -> tuple[Panel, ...]:
    """How P and N are cut, with so many features and columns of L.

    >>> panels(140, 9)
    (Panel(rows=slice(0, 70, None), first=0), Panel(rows=slice(70, 140, None), first=70), \
Panel(rows=slice(140, 149, None), first=140))
    """
    number = max(round(features / PANEL), 1)
    ends = [features * each // number for each in range(number + 1)]
    made = [Panel(slice(*each), each[0]) for each in pairwise(ends)]
    if attachments:
        made.append(Panel(slice(features, features + attachments), features))
    return tuple(made)


def panel_numbers(features: int, attachments: int) -> int:
    """How many numbers the panels of a mask have."""
    size = features + attachments
    return sum(
        (each.rows.stop - each.rows.start) * (size - each.first)
        for each in panels(features, attachments)
    )
