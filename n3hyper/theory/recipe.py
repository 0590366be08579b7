"""Theory of a data set: tables, the operation on them, and the points that are kept."""

from __future__ import annotations

from dataclasses import dataclass

from n3hyper.physics.arrays import Index


@dataclass(frozen=True)
class TheoryRecipe:
    """Recipe of the commondata's metadata for making predictions from FK tables."""

    operation: str
    """``NULL``, ``ADD``, ``ASY``, ``RATIO``, ..."""
    fk_tables: tuple[tuple[str, ...], ...]
    """One tuple per operand: names (no extension) of tables whose rows follow one another."""
    conversion_factor: float = 1.0
    shifts: tuple[tuple[str, int], ...] = ()
    """(table, number of rows left out before it), to align tables with the data."""
    normalization: tuple[tuple[str, float], ...] = ()
    """(table, factor that multiplies its rows)."""


@dataclass(frozen=True)
class ObservableSource:
    """Data set (or positivity or integrability set) with its recipe and the points it needs."""

    name: str
    recipe: TheoryRecipe
    points: Index
    """(ndata,): indices in the complete data set of the points that are kept."""
    cfac: tuple[str, ...] = ()
    """K-factors that multiply each of its tables."""
    group: str = ""
    """The experiment that it belongs to; empty for a constraint, which is a group of its own."""
    raised: bool = False
    """Whether unpolarised PDFs have standard deviations added: in positivity of polarised ones."""
