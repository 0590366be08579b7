"""PDF set in LHAPDF's format, for programs that need a t0 set.

The parton distributions are the toy of the evolution benchmarks of Les Houches 2001
(hep-ph/0204316, eq. 1.31), the same at every scale: t0 predictions need one scale only, and what a
benchmark compares is that both programs take the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array

PIDS: Final = (-5, -4, -3, -2, -1, 21, 1, 2, 3, 4, 5)
THRESHOLD: Final = 4.92
"""GeV: where one grid ends and the next begins, as readers of LHAPDF sets expect."""
SCALES: Final = (
    np.geomspace(1.65, THRESHOLD, 8),
    np.geomspace(THRESHOLD, 1e4, 12),
)
XGRID: Final = np.concatenate([np.geomspace(1e-7, 0.1, 60, endpoint=False), np.linspace(0.1, 1)])


def toy_partons(x: Array) -> Array:
    """Return x f(x) of each of `PIDS`, shape (nx, 11)."""
    gluon = 1.7 * x**-0.1 * (1 - x) ** 5
    antidown = 0.1939875 * x**-0.1 * (1 - x) ** 6
    antiup = (1 - x) * antidown
    strange = 0.2 * (antiup + antidown)
    up = 5.1072 * x**0.8 * (1 - x) ** 3 + antiup
    down = 3.06432 * x**0.8 * (1 - x) ** 4 + antidown
    none = np.zeros_like(x)
    columns = [none, none, strange, antiup, antidown, gluon, down, up, strange, none, none]
    return np.stack(columns, axis=1)


def write_toy_set(folder: Path, name: str, spread: tuple[float, ...] = (0.0,)) -> None:
    """Make the set `name`, of a central member and some replicas, in `folder`.

    Parameters
    ----------
    spread
        Of each replica, how much it differs from the central member.
    """
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.info").write_text(_info(name, 1 + len(spread)))
    for member, size in enumerate((0.0, *spread)):
        blocks = [_block(scales, size) for scales in SCALES]
        kind = "replica" if member else "central"
        head = f"PdfType: {kind}\nFormat: lhagrid1\n"
        text = "---\n".join([head, *blocks]) + "---\n"
        (place / f"{name}_{member:04d}.dat").write_text(text)


def _line(numbers: Array) -> str:
    return " ".join(f"{number:.7E}" for number in numbers)


def _block(scales: Array, size: float) -> str:
    """Return one grid: the nodes in x and Q, the partons, and a line for each pair of nodes."""
    factors = 1 + size * np.cos(np.outer(10 * XGRID + 1, np.arange(1, len(PIDS) + 1)))
    rows = np.repeat(toy_partons(XGRID) * factors, len(scales), axis=0)
    lines = [_line(XGRID), _line(scales), " ".join(map(str, PIDS)), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _info(name: str, members: int) -> str:
    scales = np.concatenate(SCALES).tolist()
    return f"""SetDesc: the toy partons of Les Houches 2001, without evolution ({name})
SetIndex: 999998
Authors: none
Reference: none
Format: lhagrid1
DataVersion: 1
NumMembers: {members}
Particle: 2212
Flavors: {list(PIDS)}
OrderQCD: 1
FlavorScheme: variable
NumFlavors: 5
ErrorType: replicas
XMin: {XGRID[0]}
XMax: 1.0
QMin: {scales[0]}
QMax: {scales[-1]}
MZ: 91.1876
MUp: 0
MDown: 0
MStrange: 0
MCharm: 1.51
MBottom: {THRESHOLD}
MTop: 172.5
AlphaS_MZ: 0.118
AlphaS_OrderQCD: 1
AlphaS_Type: ipol
AlphaS_Qs: {scales}
AlphaS_Vals: {[0.118] * len(scales)}
"""
