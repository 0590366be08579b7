"""Export grids: the PDFs of a replica at the scale of the fit, in the format of n3fit.

They are what evolution starts from (`n3hyper evolve`, evolven3fit), YAML with x f of all partons on
a common x-grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from n3hyper.errors import StoreInputError
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.yaml_text import LARGEST, load_plain_yaml
from n3hyper.physics.arrays import Array
from n3hyper.theory.fktable import evolution_matrix

LABELS: Final = (
    "TBAR", "BBAR", "CBAR", "SBAR", "UBAR", "DBAR", "GLUON", "D", "U", "S", "C", "B", "T", "PHT",
)  # fmt: skip
"""Partons of an export grid, in NNPDF's order."""
PIDS: Final = (-6, -5, -4, -3, -2, -1, 21, 1, 2, 3, 4, 5, 6, 22)
"""Their PDG numbers."""


@cache
def partons_of_evolution() -> Array:
    """Return the matrix (14, 14) with partons = matrix @ evolution flavours, in `LABELS`' order."""
    pids, matrix = evolution_matrix()
    inverse = np.linalg.inv(matrix)
    # its entries are multiples of 1/120
    exact = np.round(120.0 * inverse) / 120.0
    rows = [int(np.flatnonzero(pids == pid)[0]) for pid in PIDS]
    return np.asarray(exact[rows], dtype=np.float64)


def partons(evolution: Array, active: int) -> Array:
    """Return x f of all partons from x f in the evolution basis, (..., 14) each.

    Parameters
    ----------
    active
        Number of quark flavours at the scale of the fit; heavier ones are exactly zero.
    """
    values: Array = evolution @ partons_of_evolution().T
    heavy = [place for place, pid in enumerate(PIDS) if active < abs(pid) <= len(PIDS) // 2]
    values[..., heavy] = 0.0
    return values


@dataclass(frozen=True, eq=False)
class ExportGrid:
    """The content of an export grid.

    Examples
    --------
    >>> grid = ExportGrid(3, 1.65, np.array([0.1, 1.0]), np.zeros((2, 14)))
    >>> grid.text().splitlines()[-2:]
    ['replica: 3', 'xgrid: [0.1, 1.0]']
    """

    replica: int
    """Number of the replica, 0 for their mean."""
    q0: float
    """GeV."""
    xgrid: Array
    """(nx,)"""
    values: Array
    """(nx, 14): x f in the order of `LABELS`."""

    def text(self) -> str:
        """Return the file's content."""
        rows = "\n".join(f"- {_list(row)}" for row in self.values.tolist())
        return (
            f"labels: [{', '.join(LABELS)}]\npdfgrid:\n{rows}\n"
            f"q20: {_number(self.q0**2)}\nreplica: {self.replica}\n"
            f"xgrid: {_list(self.xgrid.tolist())}\n"
        )


def read_exportgrid(path: Path) -> ExportGrid:
    """Return the grid of a file, which n3fit may have written.

    Raises
    ------
    StoreError
        It cannot be read, or is no export grid.
    """
    from ruamel.yaml.error import YAMLError

    try:
        content = load_plain_yaml(read_regular(path, LARGEST).decode())
        values = np.array(content["pdfgrid"], dtype=np.float64)
        xgrid = np.array(content["xgrid"], dtype=np.float64)
        order = [list(content["labels"]).index(label) for label in LABELS]
        if values.shape != (len(xgrid), len(LABELS)):
            raise ValueError(f"{values.shape} values on {len(xgrid)} nodes")
        q0 = float(np.sqrt(float(content["q20"])))
        return ExportGrid(int(content.get("replica") or 0), q0, xgrid, values[:, order])
    except OSError as error:
        raise StoreInputError(f"{path}: cannot be read: {error.strerror}") from error
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise StoreInputError(f"{path}: not an export grid: {error}") from error


def mean_grid(grids: Sequence[ExportGrid]) -> ExportGrid:
    """Return replica 0: the mean of the others, which lie on one x-grid."""
    first = grids[0]
    return ExportGrid(0, first.q0, first.xgrid, np.mean([grid.values for grid in grids], axis=0))


def _list(numbers: list[float]) -> str:
    return f"[{', '.join(map(_number, numbers))}]"


def _number(value: float) -> str:
    """Write a number so that YAML 1.1 reads it as one, too.

    >>> _number(1e-9), _number(-1.5e-8), _number(0.25), _number(float("nan"))
    ('1.0e-09', '-1.5e-08', '0.25', '.nan')
    """
    if not np.isfinite(value):
        return ".nan" if np.isnan(value) else ("-.inf" if value < 0 else ".inf")
    text = repr(float(value))
    mantissa, exponent, rest = text.partition("e")
    return f"{mantissa}{'' if '.' in mantissa or not exponent else '.0'}{exponent}{rest}"
