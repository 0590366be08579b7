"""PDFs at a scale, of a fit or of an LHAPDF set, with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.interpolate import CubicSpline

from n3hyper.errors import DataError
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.yaml_text import LARGEST, load_plain_yaml
from n3hyper.physics.arrays import Array
from n3hyper.replicas.files.exportgrid import ExportGrid
from n3hyper.report.errors import ReportError
from n3hyper.report.pdfs.partons import of_export_grid, of_grid
from n3hyper.report.text import number
from n3hyper.theory.lhapdf import SubGrid, find_set, read_member

X: Final[Array] = np.concatenate([np.geomspace(1e-5, 0.1, 81), np.linspace(0.1, 0.995, 91)[1:]])
"""Where PDFs are drawn."""
_BAND: Final = (15.865, 84.135)
"""Percentiles of replicas: 68.27 % lie between."""
_SIGMA_90: Final = 1.6448536
"""Standard deviations that 90 % lie within."""


@dataclass(frozen=True, eq=False)
class PDFs:
    """x f of a set at one scale, at the nodes `X`."""

    name: str
    q: float
    """GeV."""
    members: Array
    """(members, combinations, len(X)): replicas, or eigenvectors of a Hessian set."""
    errors: str = "replicas"
    """Or ``hessian``, ``symmhessian``."""
    level: float = 1.0
    """Standard deviations of the eigenvectors."""
    best: Array | None = None
    """(combinations, len(X)): the central member of a Hessian set."""

    @property
    def are_replicas(self) -> bool:
        """Return whether its members are replicas."""
        return self.errors == "replicas"

    @cached_property
    def central(self) -> Array:
        """Mean of the replicas, or the best fit, (combinations, len(X))."""
        return np.asarray(self.members.mean(axis=0) if self.best is None else self.best)

    @cached_property
    def sigma(self) -> Array:
        """One standard deviation, (combinations, len(X))."""
        if self.are_replicas:
            return np.asarray(self.members.std(axis=0, ddof=1 if len(self.members) > 1 else 0))
        if self.errors == "hessian":
            pairs = self.members[0::2] - self.members[1::2]
            return np.asarray(0.5 * np.sqrt((pairs**2).sum(axis=0)) / self.level)
        return np.asarray(np.sqrt(((self.members - self.central) ** 2).sum(axis=0)) / self.level)

    @cached_property
    def band(self) -> tuple[Array, Array]:
        """Lower and upper end of the 68 % band, (combinations, len(X)) each."""
        if self.are_replicas:
            low, high = np.percentile(self.members, _BAND, axis=0)
            return low, high
        return self.central - self.sigma, self.central + self.sigma


def of_replicas(name: str, grids: Sequence[ExportGrid]) -> PDFs:
    """Return the PDFs of export grids at Q0."""
    curves = []
    for grid in grids:
        spline = CubicSpline(np.log(grid.xgrid), of_export_grid(grid.values), axis=-1)
        curves.append(spline(np.log(X)))
    return PDFs(name, grids[0].q0, np.stack(curves))


@dataclass(frozen=True, eq=False)
class LHAPDFSet:
    """LHAPDF set on disk."""

    name: str
    folder: Path
    members: tuple[tuple[SubGrid, ...], ...]
    """All, with the central one as the first."""
    errors: str
    level: float

    @property
    def lowest(self) -> float:
        """Lowest Q in GeV."""
        return float(self.members[0][0].q[0])

    def covers(self, q: float) -> bool:
        """Return whether it has PDFs at Q in GeV."""
        return self.lowest * (1 - 1e-6) <= q <= float(self.members[0][-1].q[-1]) * (1 + 1e-6)

    def at(self, q: float, name: str = "") -> PDFs:
        """Return the PDFs at Q in GeV."""
        curves = np.stack([of_grid(_sub_grid(member, q), X, q) for member in self.members])
        best = None if self.errors == "replicas" else curves[0]
        # a set of a single member has no uncertainty
        members = curves[1:] if len(curves) > 1 else curves
        return PDFs(name or self.name, q, members, self.errors, self.level, best)


def _sub_grid(member: Sequence[SubGrid], q: float) -> SubGrid:
    """Return the sub-grid of Q; at a threshold the one that begins there, as LHAPDF does."""
    below = [grid for grid in member if grid.q[0] <= q * (1 + 1e-9)]
    return below[-1] if below else member[0]


def read_set(folder: Path) -> LHAPDFSet:
    """Return an LHAPDF set, all its members.

    Raises
    ------
    ReportError
        If it is not whole, or cannot be read.
    """
    name = folder.name
    info = _info(folder / f"{name}.info")
    files = sorted(folder.glob(f"{name}_[0-9][0-9][0-9][0-9].dat"))
    count = number(info.get("NumMembers"))
    if not files or (math.isfinite(count) and len(files) < count):
        raise ReportError(f"{folder}: {len(files)} members of {info.get('NumMembers')} are there")
    errors = str(info.get("ErrorType", "replicas")).split("+")[0].strip()
    if errors not in ("replicas", "hessian", "symmhessian"):
        raise ReportError(f"{folder}: ErrorType {errors!r} is not known")
    level = number(info.get("ErrorConfLevel"))
    try:
        members = tuple(read_member(file) for file in files)
    except DataError as error:
        raise ReportError(str(error)) from None
    sigmas = _SIGMA_90 if math.isfinite(level) and abs(level - 90) < 1 else 1.0
    return LHAPDFSet(name, folder, members, errors, sigmas)


def named_set(name: str) -> LHAPDFSet:
    """Return a set by its name, from LHAPDF's folders.

    Raises
    ------
    ReportError
        If it is nowhere.
    """
    try:
        return read_set(find_set(name, "comparison").parent)
    except DataError as error:
        raise ReportError(str(error)) from None


def _info(path: Path) -> dict[str, Any]:
    from ruamel.yaml.error import YAMLError

    try:
        content = load_plain_yaml(read_regular(path, LARGEST).decode())
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from None
    except (YAMLError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ReportError(f"{path}: cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ReportError(f"{path}: not the .info of a set")
    return content
