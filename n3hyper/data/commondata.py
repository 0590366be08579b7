"""Measurements of the package `nnpdf_data` as arrays.

`load_commondata(name, variant)` gives a `CommonData`: central values, uncertainties, kinematics
and metadata of one data set, all points. `cut(commondata, points)` keeps some of its points (see
`n3hyper.data.cuts.kept_points`). nnpdf_data parses YAML for up to seconds a set, hence the arrays
are kept in the cache folder under the hashes of the files (`n3hyper.data.cache`); neither
nnpdf_data nor pandas is imported when the cache holds the set.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.metadata
import json
import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from n3hyper.data import cache
from n3hyper.data.quick_yaml import quick_nnpdf_data
from n3hyper.errors import DataError, nearest
from n3hyper.physics.arrays import Array, Index, Mask, frozen
from n3hyper.runcard.dataset_names import commondata_folder, legacy_names
from n3hyper.theory.recipe import TheoryRecipe

_log = logging.getLogger(__name__)

_FORMAT: Final = 1  # raised whenever the arrays of a cache entry change their meaning
_ARRAYS: Final = ("kinematics", "central", "stat", "sys", "multiplicative")


@dataclass(frozen=True, eq=False)
class CommonData:
    """Data set: its measured points and all that is known of their uncertainties."""

    name: str
    """NNPDF's present name, e.g. ``HERA_NC_318GEV_EP-SIGMARED``."""
    variant: str | None
    requested: str
    """The name by which it was asked for; differs from `name` for a legacy name."""
    experiment: str
    """The group that validphys calls experiment, e.g. ``HERACOMB``."""
    process: str
    """Process type, e.g. ``DIS_NC``."""
    nnpdf31_process: str
    """Name of the process in reports, e.g. ``DIS NC``."""
    label: str
    """Name for human readers (may contain LaTeX)."""
    legacy_names: tuple[str, ...]
    """Earlier names of the same set and variant (NNPDF derives seeds of replicas from them)."""
    kinematic_names: tuple[str, ...]
    theory: TheoryRecipe | None
    points: Index
    """(ndata,): indices of these points in the complete set, from 0."""
    kinematics: Array
    """(ndata, 3), in the units of the metadata (GeV)."""
    central: Array
    """(ndata,): measured values."""
    stat: Array
    """(ndata,): statistical uncertainties, uncorrelated."""
    sys: Array
    """(ndata, nsys): systematic uncertainties in units of the data, with sign."""
    multiplicative: Mask
    """(nsys,): True for uncertainties that scale with the cross section (MULT), else ADD."""
    sys_names: tuple[str, ...]
    """(nsys): UNCORR, CORR, THEORYUNCORR, THEORYCORR, or a name shared across data sets."""

    @property
    def ndata(self) -> int:
        """Number of points."""
        return int(self.central.shape[0])

    @property
    def is_lagrange(self) -> bool:
        """Return whether this is a positivity or integrability set, not a measurement."""
        return self.name.startswith("NNPDF_")

    def kinematic(self, name: str) -> Array:
        """Return the column `name` of the kinematics, shape (ndata,)."""
        return self.kinematics[:, self.kinematic_names.index(name)]


def cut(commondata: CommonData, points: ArrayLike) -> CommonData:
    """Return the data set with only the given points.

    Parameters
    ----------
    points
        Positions among the present points (integers) or a boolean mask of them.
    """
    keep = np.asarray(points)
    columns: dict[str, Any] = {
        field: frozen(getattr(commondata, field)[keep])
        for field in ("points", "kinematics", "central", "stat", "sys")
    }
    return dataclasses.replace(commondata, **columns)


def load_commondata(
    name: str,
    variant: str | tuple[str, ...] | None = None,
    *,
    use_cache: bool = True,
    say_new_name: bool = True,
) -> CommonData:
    """Return all points of a data set.

    A legacy name (``NMCPD_dw_ite``) is translated, and the log says so; the variant that it
    implies is taken unless `variant` is given.

    Parameters
    ----------
    name
        ``<set>_<observable>`` as nnpdf_data names it.
    variant
        Name of a variant of the set, e.g. ``legacy``; several are applied one after the other.
    use_cache
        Whether to read from the cache folder and write to it.
    say_new_name
        Whether to log what a legacy name stands for.

    Raises
    ------
    DataError
        for an unknown data set or variant, or one that cannot be read.
    """
    present, present_variant = current_name(name, variant)
    if present != name and say_new_name:
        _log.warning("dataset %s is now %s (variant: %s)", name, present, present_variant)
    root = commondata_folder()
    key = json.dumps([_FORMAT, nnpdf_data_version(), present, present_variant])
    entry = cache.read_entry("commondata", key, root) if use_cache else None
    if entry is None:
        arrays, meta, files = _parse(present, present_variant)
        if use_cache:
            cache.write_entry("commondata", key, root, files, arrays, meta)
    else:
        arrays, meta = entry
    return _assemble(name, arrays, meta)


def _assemble(requested: str, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> CommonData:
    theory = meta["theory"]
    recipe = theory and TheoryRecipe(
        operation=theory["operation"],
        fk_tables=tuple(tuple(operand) for operand in theory["fk_tables"]),
        conversion_factor=theory["conversion_factor"],
        shifts=tuple((table, shift) for table, shift in theory["shifts"]),
        normalization=tuple((table, factor) for table, factor in theory["normalization"]),
    )
    return CommonData(
        name=meta["name"],
        variant=meta["variant"],
        requested=requested,
        experiment=meta["experiment"],
        process=meta["process"],
        nnpdf31_process=meta["nnpdf31_process"],
        label=meta["label"],
        legacy_names=tuple(meta["legacy_names"]),
        kinematic_names=tuple(meta["kinematic_names"]),
        theory=recipe or None,
        points=frozen(np.arange(len(arrays["central"]))),
        sys_names=tuple(meta["sys_names"]),
        **{name: frozen(arrays[name]) for name in _ARRAYS},
    )


# ---------------------------------------------------------------- reading with nnpdf_data


def _parse(
    name: str, variant: str | tuple[str, ...] | None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any], list[Path]]:
    """Return arrays, metadata and source files of a data set, read by nnpdf_data's own parser."""
    from nnpdf_data import commondataparser

    metadata_file = _metadata_file(name)
    try:
        metadata = _select(name, variant, metadata_file)
        files = [metadata_file, metadata.path_kinematics]
        if not metadata.is_nnpdf_special:
            files += [metadata.path_data_central, *metadata.paths_uncertainties]
        with quick_nnpdf_data():
            loaded = commondataparser.load_commondata(metadata)
    except (commondataparser.ValidationError, OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"dataset {name} cannot be read: {reason}") from error
    arrays, sys_names = _uncertainties(loaded)
    return arrays, {**_describe(metadata, loaded), "sys_names": sys_names}, files


def _select(name: str, variant: str | tuple[str, ...] | None, metadata_file: Path) -> Any:
    """Return nnpdf_data's metadata of one observable in one variant."""
    from nnpdf_data import commondataparser

    observable = name.rsplit("_", 1)[1]
    set_metadata = commondataparser.parse_set_metadata(metadata_file)
    if observable.upper() not in set_metadata.allowed_observables:
        raise DataError(f"unknown dataset: {name!r}; {_did_you_mean(name)}")
    known = set_metadata.select_observable(observable).variants
    for single in (variant,) if isinstance(variant, str) else variant or ():
        if single not in known:
            hint = nearest(single, known) if known else "it has no variants"
            raise DataError(f"unknown variant of dataset {name}: {single!r}; {hint}")
    metadata = commondataparser.parse_new_metadata(metadata_file, observable, variant=variant)
    if not metadata.is_nnpdf_special and not metadata.data_uncertainties:
        raise DataError(f"dataset {name} needs a variant; one of: {', '.join(known)}")
    return metadata


def _uncertainties(loaded: Any) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Return the arrays of nnpdf_data's CommonData, with systematics in units of the data."""
    central = loaded.central_values.to_numpy(dtype=float)
    additive, multiplicative = loaded.additive_errors, loaded.multiplicative_errors
    # nnpdf_data gives multiplicative uncertainties in per cent of the central value
    absolute = multiplicative.to_numpy(dtype=float) * central[:, np.newaxis] / 100
    if not np.isfinite(absolute).all():
        raise DataError(f"dataset {loaded.setname}: a multiplicative uncertainty of a zero value")
    arrays = {
        "kinematics": loaded.kinematics.to_numpy(dtype=float),
        "central": central,
        "stat": loaded.stat_errors.to_numpy(dtype=float),
        "sys": np.concatenate([additive.to_numpy(dtype=float), absolute], axis=1),
        "multiplicative": np.repeat([False, True], [additive.shape[1], multiplicative.shape[1]]),
    }
    return arrays, [str(column) for table in (additive, multiplicative) for column in table.columns]


def _describe(metadata: Any, loaded: Any) -> dict[str, Any]:
    """Return the metadata as a dictionary that can be written as JSON."""
    theory = metadata.theory
    return {
        "name": metadata.name,
        "variant": metadata.applied_variant,
        "experiment": metadata.plotting.experiment or metadata.nnpdf_metadata["experiment"],
        "nnpdf31_process": metadata.plotting.nnpdf31_process
        or metadata.nnpdf_metadata["nnpdf31_process"],
        "process": str(loaded.commondataproc),
        "label": metadata.plotting.dataset_label or metadata.name,
        "legacy_names": list(loaded.legacy_names or ()),
        "kinematic_names": list(loaded.kin_variables),
        "theory": theory
        and {
            # nnpdf_data writes NONE where the operation is left empty
            "operation": "NULL" if theory.operation == "NONE" else str(theory.operation),
            "fk_tables": [list(operand) for operand in theory.FK_tables],
            "conversion_factor": float(theory.conversion_factor),
            "shifts": [[table, int(rows)] for table, rows in (theory.shifts or {}).items()],
            "normalization": [[t, float(f)] for t, f in (theory.normalization or {}).items()],
        },
    }


# ---------------------------------------------------------------- names


def current_name(
    name: str, variant: str | tuple[str, ...] | None = None
) -> tuple[str, str | tuple[str, ...] | None]:
    """Return the present name and variant of a data set that may be given by a legacy name.

    As in validphys, an explicit variant takes precedence over the one that the legacy name
    implies, except for ``legacy_dw``.

    >>> current_name("NMCPD_dw_ite")
    ('NMC_NC_NOTFIXED_EM-F2', 'legacy_dw')
    >>> current_name("SLAC_NC_NOTFIXED_P_EM-F2", "legacy")
    ('SLAC_NC_NOTFIXED_P_EM-F2', 'legacy')
    """
    present, implied = legacy_names().get(name, (name, variant))
    return present, implied if variant is None or implied == "legacy_dw" else variant


def known_names() -> tuple[str, ...]:
    """Return all names that `load_commondata` accepts, legacy names last.

    >>> "HERA_CC_318GEV_EP-SIGMARED" in known_names()
    True
    """
    names = []
    for metadata in sorted(commondata_folder().glob("*/metadata.yaml")):
        text = metadata.read_text(encoding="utf-8")
        # a search for the key: parsing all of these files would take half a minute
        observables = re.findall(
            r"""^[ -]*observable_name:\s*["']?([^\s"'#]+)""", text, re.MULTILINE
        )
        names += [f"{metadata.parent.name}_{observable}" for observable in observables]
    return (*names, *legacy_names())


@lru_cache(maxsize=1)
def nnpdf_data_version() -> str:
    """Return the version of nnpdf_data, or of the package nnpdf that it is part of."""
    try:
        return importlib.metadata.version("nnpdf-data")
    except importlib.metadata.PackageNotFoundError:  # it is part of the package nnpdf
        return importlib.metadata.version("nnpdf")


def _metadata_file(name: str) -> Path:
    folder = commondata_folder() / name.rpartition("_")[0]
    file = folder / "metadata.yaml"
    # the name must be that of a direct sub-folder: no separators, not empty, not ".."
    if folder.parent != commondata_folder() or not file.is_file():
        raise DataError(f"unknown dataset: {name!r}; {_did_you_mean(name)}")
    return file


def _did_you_mean(name: str) -> str:
    known = known_names()
    # a legacy name without the suffix for the treatment of its nuclear uncertainties
    longer = [known_name for known_name in known if known_name.startswith(f"{name}_")]
    if name and longer:
        return nearest(name, longer) if len(longer) == 1 else f"one of: {', '.join(longer)}"
    close = difflib.get_close_matches(name, known, n=1)
    return (
        nearest(name, close) if close else f"nnpdf_data {nnpdf_data_version()} has no name like it"
    )
