"""Combinations of partons that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array
from n3hyper.replicas.files.exportgrid import PIDS
from n3hyper.theory.lhapdf import SubGrid


@dataclass(frozen=True)
class Combination:
    """Sum of partons."""

    name: str
    """For tables and files."""
    latex: str
    """For figures."""
    weights: Mapping[int, float]
    """By PDG number."""

    @property
    def xf(self) -> str:
        """Name of x f, for figures.

        >>> Combination("sea", "a+b", {}).xf
        'x\\\\,(a+b)'
        """
        return rf"x\,({self.latex})" if "+" in self.latex.strip("+^") else rf"x\,{self.latex}"


SHOWN: Final = (
    Combination("g", r"g", {21: 1}),
    Combination("sea", r"\bar{u}+\bar{d}", {-2: 1, -1: 1}),
    Combination("u valence", r"u_V", {2: 1, -2: -1}),
    Combination("d valence", r"d_V", {1: 1, -1: -1}),
    Combination("strange", r"s^+", {3: 1, -3: 1}),
    Combination("charm", r"c^+", {4: 1, -4: 1}),
)
"""Gluon, light sea, valence, strange and charm: s+ is strange and antistrange."""


def of_export_grid(values: Array) -> Array:
    """Return the combinations of x f in an export grid, (n, 14) -> (combinations, n)."""
    weights = np.array(
        [[combination.weights.get(pid, 0.0) for pid in PIDS] for combination in SHOWN]
    )
    return np.asarray(weights @ values.T)


def of_grid(grid: SubGrid, x: Array, q: float) -> Array:
    """Return the combinations of a member of an LHAPDF set at Q in GeV, (combinations, len(x))."""
    values = grid.evaluate(x, q)
    weights = np.array(
        [[combination.weights.get(int(pid), 0.0) for pid in grid.pids] for combination in SHOWN]
    )
    return np.asarray(weights @ values.T)
