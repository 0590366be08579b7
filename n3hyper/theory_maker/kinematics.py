"""Kinematics of a dataset of nnpdf_data: the tables it needs, and what each of their rows is.

The content of a table follows from its name and the dataset's process: nnpdf_data names its tables
EXPERIMENT_PROCESS_ENERGY_PROJECTILE_TARGET_OBSERVABLE.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from n3hyper.errors import TheoryError, nearest
from n3hyper.physics.arrays import Array, Index

PROTON_MASS = 0.938
"""Mass in GeV; only used to distinguish beam energies."""
NUCLEI: dict[str, tuple[float, float]] = {
    "P": (1.0, 1.0),
    "D": (1.0, 2.0),
    "FE": (23.403, 49.618),
    "PB": (82.0, 208.0),
}
"""Protons Z and nucleons A of each target; iron is NuTeV's steel (D. A. Mason, thesis, p. 323)."""
PROJECTILES = {"EM": "electron", "EP": "positron", "EAVG": "electron", "NU": "neutrino",
               "NB": "antineutrino"}  # fmt: skip
REDUCED = {"HERA": "XSHERACC", "CHORUS": "XSCHORUSCC", "NUTEV": "XSNUTEVCC"}
"""yadism's name of each experiment's charged-current cross section."""
PARTONS = {"UQ": 2, "UB": -2, "DQ": 1, "DB": -1, "SQ": 3, "SB": -3, "CQ": 4, "CB": -4, "GL": 21}
HADRONIC = ("DY", "DYP", "JET", "DIJET", "HERAJET", "HERADIJET", "HQP", "INC", "PHT", "SHP",
            "SINGLETOP", "POS_DY")  # fmt: skip
"""Processes of nnpdf_data (the first word, or all of it) that are not structure functions."""
_ONE_HADRON = re.compile(r"""process_type:\s*["']?(DIS|POS|INTEG)""")
COMBINATIONS = {"T3": 103, "T8": 108, "V": 200, "V3": 203, "V8": 208}


@dataclass(frozen=True)
class StructureFunctions:
    """Rows that are a structure function or a cross section."""

    kind: str
    """F2, FL, or yadism's name of a cross section."""
    process: str
    """Exchanged bosons: EM (photon), NC (photon and Z) or CC (W)."""
    projectile: str = "electron"
    flavour: str = "total"
    """Quarks that couple to the boson: total, light, charm or bottom."""
    nucleus: tuple[float, float] = NUCLEI["P"]
    """Protons and nucleons of the target, (Z, A)."""
    charge: str | None = None
    """The only quark that couples, or all."""
    target_mass: bool = True
    """Whether the theory's target-mass corrections apply (not to positivity)."""


@dataclass(frozen=True)
class Parton:
    """Rows that are a PDF itself, times x."""

    pid: int
    """PDG identifier, or that of a combination of the evolution basis (100 and above)."""


@dataclass(frozen=True)
class TableRequest:
    """FK table to be made."""

    name: str
    content: StructureFunctions | Parton
    x: Array
    """Bjorken x, shape (n,)."""
    q2: Array
    """Q2 in GeV^2, shape (n,)."""
    y: Array
    """Inelasticity, shape (n,); 0 where the commondata have none and none is needed."""


def requests(dataset: str) -> list[TableRequest]:
    """Return all tables of a dataset, with one row for each of its points, in their order.

    Raises
    ------
    TheoryError
        If there is no such dataset, or it cannot be made here.
    """
    metadata = _metadata(dataset)
    _refuse(dataset, metadata)
    names = [list(group) for group in (metadata.get("theory") or {}).get("FK_tables", [])]
    x, q2, y = _points(dataset, metadata)
    tables = []
    for group in names:
        for name, rows in zip(group, _split(dataset, group, x, q2, y), strict=True):
            content = _content(dataset, name, metadata)
            tables.append(TableRequest(name, content, x[rows], q2[rows], y[rows]))
    return tables


def _refuse(dataset: str, metadata: Mapping[str, Any]) -> None:
    """Refuse a dataset that cannot be made, judging from its process and observable."""
    process, observable = str(metadata["process_type"]), str(metadata["observable_name"])
    reason = ""
    if process.endswith("_POL") or observable.endswith(("-POLARIZED", "-543")):
        reason = "a polarised observable, of polarised PDFs"
    elif process in HADRONIC or process.split("_")[0] in HADRONIC:
        reason = "a cross section of jets or of two hadrons, which needs grids of other programs"
    elif process == "DIS":
        reason = "input of the photon PDF, not a measurement"
    elif not (metadata.get("theory") or {}).get("FK_tables"):
        reason = "nnpdf_data names no FK tables for it"
    if reason:
        raise TheoryError(f"{dataset}: process {process} cannot be made here: {reason}")


def observables() -> list[str]:
    """Return the names, SETNAME_OBSERVABLE, of all DIS, positivity and integrability sets."""
    names = []
    for file in sorted(commondata_folder().glob("*/metadata.yaml")):
        if not _ONE_HADRON.search(file.read_text(encoding="utf-8")):
            continue  # parsing all of these files would take half a minute
        content = _yaml(file)["implemented_observables"]
        names += [f"{file.parent.name}_{observable['observable_name']}" for observable in content]
    return names


def commondata_folder() -> Path:
    """Return the folder in which the package nnpdf_data keeps its datasets."""
    import nnpdf_data

    return Path(nnpdf_data.__file__).parent / "commondata"


@cache
def _yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=False).load(path)


def _metadata(dataset: str) -> Mapping[str, Any]:
    """Return the metadata of one dataset, SETNAME_OBSERVABLE, with the key ``folder`` added."""
    setname, _, observable = dataset.rpartition("_")
    folder = commondata_folder() / setname
    if not (folder / "metadata.yaml").is_file():
        known = [path.name for path in commondata_folder().iterdir()]
        raise TheoryError(
            f"{dataset}: nnpdf_data has no set {setname!r}; {nearest(setname, known)}"
        )
    content = _yaml(folder / "metadata.yaml")["implemented_observables"]
    for candidate in content:
        if candidate["observable_name"] == observable:
            return {**candidate, "folder": folder}
    known = [candidate["observable_name"] for candidate in content]
    raise TheoryError(f"{dataset}: {setname} has no {observable!r}; {nearest(observable, known)}")


def _points(dataset: str, metadata: Mapping[str, Any]) -> tuple[Array, Array, Array]:
    """Return x, Q2 (GeV^2) and y of all points, shape (n,) each."""
    bins = _yaml(metadata["folder"] / metadata["kinematics"]["file"])["bins"]

    def column(*variables: str) -> Array:
        """Return the first of `variables` that the kinematics have."""
        for variable in variables:
            if all(variable in point for point in bins):
                return np.array([float(point[variable]["mid"]) for point in bins])
        raise TheoryError(f"{dataset}: no {variables[-1]} in its kinematics: it is not a DIS set")

    x = column("xraw", "x")  # NMC: x of the measurement beside x of the bin, for plots
    y = column("y") if all("y" in point for point in bins) else np.zeros_like(x)
    return x, column("Q2"), y


def _split(dataset: str, names: list[str], x: Array, q2: Array, y: Array) -> list[Index]:
    """Return the indices of the points that belong to each of the stacked tables.

    Several tables stand for several beam energies, E = Q2 / (2 M x y), which their names contain.
    """
    if len(names) == 1:
        return [np.arange(len(x))]
    energy_in_name = [re.search(r"_(\d+)GEV_", name) for name in names]
    if any(match is None for match in energy_in_name) or not np.all(y > 0):
        raise TheoryError(f"{dataset}: cannot tell which points belong to which of {names}")
    energies = np.array([float(match[1]) for match in energy_in_name if match])
    beam = q2 / (2 * PROTON_MASS * x * y)
    nearest_table = np.abs(beam[:, None] / energies - 1).argmin(axis=1)
    if np.any(np.diff(nearest_table) < 0):
        raise TheoryError(f"{dataset}: its points are not ordered by the beam energies of {names}")
    return [np.flatnonzero(nearest_table == table) for table in range(len(names))]


def _content(dataset: str, table: str, metadata: Mapping[str, Any]) -> StructureFunctions | Parton:
    process, observable = str(metadata["process_type"]), str(metadata["observable_name"])
    if process.startswith("DIS_NC") or process == "DIS_CC":
        return _measurement(dataset, table, process.split("_")[1])
    if process == "POS_DIS":
        return _positivity(dataset, observable)
    if process in ("POS_XPDF", "INTEG"):
        pids = PARTONS if process == "POS_XPDF" else COMBINATIONS
        if observable[1:] in pids:
            return Parton(pids[observable[1:]])
    raise TheoryError(f"{dataset}: process {process}, observable {observable} cannot be made here")


def _measurement(dataset: str, table: str, process: str) -> StructureFunctions:
    """Return the measured structure function, judging from the name of its table."""
    experiment, *tokens = table.split("_")
    projectile = next((token for token in tokens if token in PROJECTILES), None)
    observable = next((token for token in tokens if re.fullmatch("F2C?|FL|SIGMARED", token)), None)
    if projectile is None or observable is None:
        raise TheoryError(f"{dataset}: the name of table {table} does not say what it contains")
    nucleus = next((token for token in tokens if token in NUCLEI), "P")
    flavour = next((token.lower() for token in tokens if token in ("CHARM", "BOTTOM")), "total")
    if experiment == "NUTEV" or observable == "F2C":
        flavour = "charm"
    if experiment == "EMC":
        nucleus = "FE"
    kind = observable.removesuffix("C")
    if kind == "SIGMARED":
        kind = _cross_section(dataset, experiment, process, averaged=projectile == "EAVG")
    return StructureFunctions(kind, process, PROJECTILES[projectile], flavour, NUCLEI[nucleus])


def _cross_section(dataset: str, experiment: str, process: str, averaged: bool) -> str:
    """Return yadism's name of a reduced cross section."""
    if process == "NC":
        return "XSHERANCAVG" if averaged else "XSHERANC"
    if experiment not in REDUCED:
        raise TheoryError(
            f"{dataset}: the charged-current cross section of {experiment} is not known; "
            f"those of {', '.join(REDUCED)} are"
        )
    return REDUCED[experiment]


def _positivity(dataset: str, observable: str) -> StructureFunctions:
    """Return a structure function that NNPDF requires to be positive.

    Most are those of one quark's photon couplings.

    Charged-current charm has the projectile in its name (CCP: positron, CCE: electron).
    """
    name, *variant = observable.split("-")
    charges = {"F2U": "up", "F2D": "down", "F2S": "strange"}
    if name in charges:
        return StructureFunctions(
            "F2", "EM", flavour="light", charge=charges[name], target_mass=False
        )
    if name == "F2C" and variant[:1] in (["CCP"], ["CCE"]):
        projectile = "positron" if variant[0] == "CCP" else "electron"
        return StructureFunctions("F2", "CC", projectile, "charm", target_mass=False)
    if name in ("F2C", "FLL"):
        flavour = "charm" if name == "F2C" else "light"
        return StructureFunctions(name[:2], "EM", flavour=flavour, charge="all", target_mass=False)
    raise TheoryError(f"{dataset}: positivity of {observable} cannot be made here")
