"""Fit as recorded in a folder of n3hyper or n3fit. Files are only read, and may hold anything."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.errors import StoreError
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.json_text import load_json
from n3hyper.hyper_optimization.paths import (
    FIT,
    NNFIT,
    POSTFIT,
    REPLICA,
    RUNCARD_COPY,
    replica_folders,
    replica_number,
)
from n3hyper.physics.arrays import Array
from n3hyper.replicas.files.exportgrid import ExportGrid, read_exportgrid
from n3hyper.report.errors import ReportError
from n3hyper.report.pdfs.pdfset import LHAPDFSet, PDFs, of_replicas, read_set
from n3hyper.report.text import clean, clean_tree, number

_LARGEST: Final = 64 * 2**20
"""Bytes of a file of a fit."""
_MOST_CONTAINERS: Final = 500_000
"""Lists and mappings of a JSON file: ten for each replica and data set."""


@dataclass(frozen=True)
class Replica:
    """Fitted replica."""

    number: int
    setup: int
    """Index in `Fit.setups`, 0 where there is only one."""
    chi2: float
    """Of the data, per point, with the experimental covariance."""
    training: float
    validation: float
    best_epoch: float
    stop_epoch: float
    failure: str = ""
    """The vetoes it did not pass; nothing where it is in the set."""
    curve: tuple[tuple[float, float, float], ...] = field(default=(), repr=False)
    """(epoch, training, validation) along the fit."""


@dataclass(frozen=True)
class DatasetChi2:
    """chi2 per point of a data set."""

    name: str
    experiment: str
    ndata: int
    chi2: float
    """Of the mean prediction."""
    mean: float
    """Of the replicas' chi2."""
    std: float
    phi2: float


@dataclass(frozen=True, eq=False)
class Fit:
    """Contents of a fit's folder."""

    name: str
    folder: Path
    theory: str
    replicas: tuple[Replica, ...]
    """All that were fitted, by number."""
    chosen: tuple[int, ...]
    """Those that make up the set, in its order."""
    vetoed: bool
    """Whether vetoes have been applied."""
    setups: tuple[Mapping[str, Any], ...]
    datasets: tuple[DatasetChi2, ...]
    total: DatasetChi2 | None
    grids: tuple[ExportGrid, ...] = field(repr=False)
    """Of the chosen replicas."""
    runcard: Path | None
    notes: tuple[str, ...] = ()

    @cached_property
    def pdfs(self) -> PDFs:
        """PDFs at Q0."""
        return of_replicas(self.name, self.grids)

    @cached_property
    def evolved(self) -> LHAPDFSet | None:
        """LHAPDF set that ``n3hyper evolve`` or postfit has made of the fit."""
        for place in (POSTFIT, NNFIT):
            folder = self.folder / place / self.name
            if (folder / f"{self.name}.info").is_file():
                return read_set(folder)
        return None

    @property
    def members(self) -> tuple[Replica, ...]:
        """Replicas of the set, in its order; those without a record are left out."""
        known = {replica.number: replica for replica in self.replicas}
        return tuple(known[number] for number in self.chosen if number in known)

    def setups_of_members(self) -> Array:
        """Setup of each chosen replica, (chosen,); -1 if it is not known."""
        known = {replica.number: replica.setup for replica in self.replicas}
        return np.array([known.get(number, -1) for number in self.chosen])


def read_fit(folder: Path) -> Fit:
    """Return a fit.

    Raises
    ------
    ReportError
        If it has no replicas that can be read.
    """
    summary = _json(folder / FIT) if (folder / FIT).is_file() else {}
    name = folder.resolve().name
    places = _places(folder / POSTFIT)
    vetoed = bool(places)
    places = places or _places(folder / NNFIT)
    if not places:
        raise ReportError(f"{folder}: no replica has been fitted yet (nnfit/replica_1)")
    try:
        grids = tuple(read_exportgrid(grid) for _, grid in places)
    except StoreError as error:
        raise ReportError(str(error)) from None
    broken = [grid for grid in grids if not np.isfinite(grid.values).all()]
    notes = [f"replica {grid.replica}: PDFs that are no numbers, left out" for grid in broken]
    kept = [(p, g) for (p, _), g in zip(places, grids, strict=True) if g not in broken]
    if not kept:
        raise ReportError(f"{folder}: no replica has PDFs that are numbers")
    replicas, setups = _replicas(folder, summary)
    rows = [_dataset(row) for row in _list(summary.get("chi2")) if isinstance(row, Mapping)]
    return Fit(
        name=name,
        folder=folder,
        theory=_theory(folder, summary),
        replicas=replicas,
        chosen=tuple(place for place, _ in kept),
        vetoed=vetoed,
        setups=setups,
        datasets=tuple(row for row in rows if row.name != "total"),
        total=next((row for row in rows if row.name == "total"), None),
        grids=tuple(grid for _, grid in kept),
        runcard=folder / RUNCARD_COPY if (folder / RUNCARD_COPY).is_file() else None,
        notes=tuple(notes),
    )


def _places(folder: Path) -> list[tuple[int, Path]]:
    """Return number in the fit and export grid of the replicas in ``nnfit`` or ``postfit``."""
    found = []
    for replica, place in replica_folders(folder).items():
        grids = sorted(place.glob("*.exportgrid"))
        if replica > 0 and grids:
            found.append((replica_number(place.resolve()) or replica, grids[0]))
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        content = clean_tree(load_json(read_regular(path, _LARGEST), _MOST_CONTAINERS))
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ReportError(f"{path}: cannot be read: {error}") from None
    return content if isinstance(content, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _theory(folder: Path, summary: Mapping[str, Any]) -> str:
    if "theory" in summary:
        return clean(str(summary["theory"]))
    found = re.search(r"^\s*theoryid:\s*(\d+)", _text(folder / RUNCARD_COPY), flags=re.MULTILINE)
    return found[1] if found else ""


def _text(path: Path) -> str:
    try:
        return read_regular(path, _LARGEST).decode(errors="replace")
    except OSError:
        return ""


def _replicas(
    folder: Path, summary: Mapping[str, Any]
) -> tuple[tuple[Replica, ...], tuple[Mapping[str, Any], ...]]:
    """Return all replicas, and the setups of the ensemble."""
    setups: list[Mapping[str, Any]] = [
        setup for setup in _list(summary.get("setups")) if isinstance(setup, Mapping)
    ]
    rows: list[Mapping[str, Any]] = [
        row for row in _list(summary.get("replicas")) if isinstance(row, Mapping)
    ]
    if not rows:
        rows = _rows_of_n3fit(folder, setups)
    found = {}
    for row in rows:
        place = number(row.get("number"))
        if math.isfinite(place):
            found[int(place)] = Replica(
                number=int(place),
                setup=_index(row.get("setup")),
                chi2=number(row.get("chi2")),
                training=number(row.get("training_chi2")),
                validation=number(row.get("validation_chi2")),
                best_epoch=number(row.get("best_epoch")),
                stop_epoch=number(row.get("stop_epoch")),
                failure=str(row.get("failure") or ""),
                curve=_curve(folder / NNFIT / f"{REPLICA}{int(place)}" / "chi2exps.log"),
            )
    return tuple(found[place] for place in sorted(found)), tuple(setups)


def _index(value: Any) -> int:
    place = number(value)
    return int(place) if math.isfinite(place) and place >= 0 else 0


def _rows_of_n3fit(folder: Path, setups: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return n3fit's records of its replicas; their setups are collected."""
    rows: list[Mapping[str, Any]] = []
    for replica, place in replica_folders(folder / NNFIT).items():
        named = [file for file in sorted(place.glob("*.json")) if file.name != "version.json"]
        if not named:
            continue
        content = _json(named[0])
        setup = content.get("hyperparameters")
        if isinstance(setup, Mapping) and setup not in setups:
            setups.append(setup)
        rows.append(
            {
                "number": replica,
                "setup": setups.index(setup) if isinstance(setup, Mapping) else 0,
                "chi2": content.get("chi2"),
                "training_chi2": content.get("erf_tr"),
                "validation_chi2": content.get("erf_vl"),
                "best_epoch": content.get("best_epoch"),
                "stop_epoch": content.get("stop_epoch"),
                "failure": "" if content.get("pos_state") == "POS_PASS" else "Convergence check",
            }
        )
    return rows


def _curve(path: Path) -> tuple[tuple[float, float, float], ...]:
    """Return training and validation chi2 along a fit, from ``chi2exps.log``."""
    if not path.is_file():
        return ()
    points = []
    for epoch, entry in _json(path).items():
        if isinstance(entry, Mapping):
            validation = entry.get("validation_loss")
            if isinstance(validation, Sequence) and not isinstance(validation, str):
                validation = validation[0] if len(validation) == 1 else None
            point = (number(epoch), number(entry.get("training_loss")), number(validation))
            if math.isfinite(point[0]):
                points.append(point)
    return tuple(sorted(points))


def _dataset(row: Mapping[str, Any]) -> DatasetChi2:
    return DatasetChi2(
        name=str(row.get("name", "")),
        experiment=str(row.get("experiment") or ""),
        ndata=_index(row.get("ndata")),
        **{key: number(row.get(key)) for key in ("chi2", "mean", "std", "phi2")},
    )


def curves(fit: Fit) -> Sequence[Replica]:
    """Return the replicas whose training is on record."""
    return [replica for replica in fit.replicas if len(replica.curve) > 1]
