"""The x-grid on which PDFs are exported."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array

_POINTS: Final = 196
_LOWEST: Final = 1e-9
_LINEAR: Final = 30.0


@cache
def export_xgrid() -> Array:
    """Return the 196 nodes of NNPDF's export grids, from 1e-9 to 1, equidistant in log x + 30 x.

    >>> x = export_xgrid()
    >>> x.size, float(x[0]), float(x[100]), float(x[-1])
    (196, 1e-09, 0.225880487124054, 1.0)
    """
    from scipy.special import lambertw  # its import takes longer than what most commands do

    low, high = np.log(_LOWEST) + _LINEAR * _LOWEST, _LINEAR
    even = np.linspace(low, high, _POINTS)
    exact = lambertw(_LINEAR * np.exp(even)).real / _LINEAR
    # as NNPDF's files have them, in 15 digits
    nodes = np.array([float(f"{x:.14e}") for x in exact])
    nodes[[0, -1]] = _LOWEST, 1.0
    nodes.setflags(write=False)
    return nodes
