"""What a data set asks of theory: tables, the operation on them, and the points that are kept."""

from __future__ import annotations

from dataclasses import dataclass

from n3hyper.physics.arrays import Index


@dataclass(frozen=True)
class TheoryRecipe:
    """How the commondata's metadata makes predictions from FK tables."""

    operation: str
    """``NULL``, ``ADD``, ``ASY``, ``RATIO``, ..."""
    fk_tables: tuple[tuple[str, ...], ...]
    """One tuple an operand: tables whose rows follow one another; names without extension."""
    conversion_factor: float = 1.0
    shifts: tuple[tuple[str, int], ...] = ()
    """(table, rows that are left out before it), to line tables up with the data."""
    normalization: tuple[tuple[str, float], ...] = ()
    """(table, factor on its rows)."""


@dataclass(frozen=True)
class ObservableSource:
    """What a data set (or positivity or integrability set) asks of theory."""

    name: str
    recipe: TheoryRecipe
    points: Index
    """(ndata,): the points that are kept, counted in the whole data set."""
    cfac: tuple[str, ...] = ()
    """K-factors on each of its tables."""
    group: str = ""
    """The experiment that it belongs to; a constraint is a group of its own, by default."""
