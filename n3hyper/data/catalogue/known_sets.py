"""The data sets of nnpdf_data, by their metadata and their kinematics, without their uncertainties.

Reading all of them takes some seconds, hence what was read is kept in the cache folder.
"""

from __future__ import annotations

import fnmatch
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from n3hyper.data import cache
from n3hyper.data.commondata import nnpdf_data_version
from n3hyper.data.quick_yaml import read_plain_yaml
from n3hyper.errors import DataError, nearest
from n3hyper.runcard.dataset_names import commondata_folder, legacy_names

_KIND: Final = "catalogue"
_FORMAT: Final = 1
"""Of the entry of the cache."""


@dataclass(frozen=True)
class Kinematic:
    """Range of a kinematic variable."""

    name: str
    low: float
    """NaN where no point has a number."""
    high: float
    units: str = ""


@dataclass(frozen=True)
class KnownSet:
    """A data set that a runcard may name."""

    name: str
    process: str
    """Process type, e.g. ``DIS_NC``."""
    experiment: str
    label: str
    points: int
    """Before cuts."""
    kinematics: tuple[Kinematic, ...]
    variants: tuple[str, ...]
    tables: tuple[str, ...]
    """FK tables that its predictions need; none where nnpdf_data has no theory for it."""

    @property
    def old_names(self) -> tuple[str, ...]:
        """Earlier names of the set in runcards."""
        return _old_names().get(self.name, ())

    def is_like(self, pattern: str) -> bool:
        """Return whether a name, old or new, the process or the experiment is like a pattern.

        >>> HERA = KnownSet("HERA_CC_318GEV_EP-SIGMARED", "DIS_CC", "HERACOMB", "", 39, (), (), ())
        >>> HERA.is_like("hera_cc"), HERA.is_like("DIS_*"), HERA.is_like("LHCB*")
        (True, True, False)
        """
        wanted = pattern.lower()
        glob = wanted if any(sign in wanted for sign in "*?[") else f"*{wanted}*"
        texts = (self.name, *self.old_names, self.process, self.experiment)
        return any(fnmatch.fnmatchcase(text.lower(), glob) for text in texts)


def _old_names() -> dict[str, tuple[str, ...]]:
    """Return the old names of each set by its present name."""
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for old, (present, _) in legacy_names().items():
        found[present] += (old,)
    return found


def known_sets(pattern: str = "") -> list[KnownSet]:
    """Return the data, positivity and integrability sets of nnpdf_data, sorted by name.

    Parameters
    ----------
    pattern
        Part of a name, or a name with the wildcards of a shell; see `KnownSet.is_like`.

    Raises
    ------
    DataError
        nnpdf_data is not installed, or no set is like the pattern.
    """
    everything = _all_sets()
    found = [each for each in everything if each.is_like(pattern)]
    if not found:
        names = [each.name for each in everything]
        raise DataError(f"no data set is like {pattern!r}; {nearest(pattern, names)}")
    return found


def _all_sets() -> list[KnownSet]:
    root = commondata_folder()
    key = f"{_FORMAT} {nnpdf_data_version()}"
    entry = cache.read_entry(_KIND, key, root)
    if entry is not None:
        return [_decoded(each) for each in entry[1]["sets"]]
    files: list[Path] = []
    sets = [each for file in sorted(root.glob("*/metadata.yaml")) for each in _sets_of(file, files)]
    sets.sort(key=lambda each: each.name)
    cache.write_entry(_KIND, key, root, files, {}, {"sets": [asdict(each) for each in sets]})
    return sets


def _decoded(data: Mapping[str, Any]) -> KnownSet:
    kinematics = tuple(Kinematic(**each) for each in data["kinematics"])
    lists = {name: tuple(data[name]) for name in ("variants", "tables")}
    return KnownSet(**{**data, **lists, "kinematics": kinematics})


def _sets_of(file: Path, files: list[Path]) -> Iterator[KnownSet]:
    """Yield the sets of a file of metadata; `files` is told what has been read."""
    files.append(file)
    metadata = _read(file)
    about = metadata.get("nnpdf_metadata") or {}
    for observable in metadata.get("implemented_observables") or ():
        variants = observable.get("variants") or {}
        kinematics = observable.get("kinematics") or {}
        source = file.parent / str(kinematics.get("file"))
        if source.is_file():
            files.append(source)
        yield KnownSet(
            name=f"{file.parent.name}_{observable['observable_name']}",
            process=_text(observable.get("process_type")),
            experiment=_text(about.get("experiment")),
            label=_text((observable.get("plotting") or {}).get("dataset_label")),
            points=int(observable.get("ndata") or 0),
            kinematics=tuple(_ranges(source, kinematics.get("variables") or {})),
            variants=tuple(variants),
            tables=_tables(observable, variants),
        )


def _read(file: Path) -> Any:
    try:
        return read_plain_yaml(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _tables(observable: Mapping[str, Any], variants: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the FK tables of a set, of the first variant that has some where it has none."""
    for place in (observable, *variants.values()):
        theory = (place or {}).get("theory") or {}
        tables = [str(table) for operand in theory.get("FK_tables") or () for table in operand]
        if tables:
            return tuple(dict.fromkeys(tables))
    return ()


def _ranges(source: Path, variables: Mapping[str, Any]) -> Iterator[Kinematic]:
    """Yield the range of each variable over the bins of a file of kinematics."""
    bins = (_read(source) or {}).get("bins") or () if source.is_file() else ()
    for name, about in variables.items():
        numbers = [
            float(value)
            for each in bins
            for value in ((each or {}).get(name) or {}).values()
            if isinstance(value, (int, float)) and math.isfinite(value)
        ]
        low, high = (min(numbers), max(numbers)) if numbers else (math.nan, math.nan)
        yield Kinematic(str(name), low, high, _text((about or {}).get("units")))
