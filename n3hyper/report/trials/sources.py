"""Sources of trials: files, folders, a database, or the newest scan below a folder."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import nearest
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.yaml_text import LARGEST, load_yaml
from n3hyper.hyper_optimization.paths import (
    FIT,
    JOBS,
    JSON,
    NNFIT,
    REPLICA,
    REPLICA_FOLDER,
    RUNCARD_COPY,
    is_replica_folder,
    replica_folders,
)
from n3hyper.report.errors import ReportError

_SKIPPED: Final = {"filter", "tables", "figures", "input", "node_modules", "site-packages"}
_MOST_FOLDERS: Final = 20_000
_LARGEST: Final = 4 * 2**30
"""Bytes of a file of trials."""


@dataclass(frozen=True)
class Source:
    """File of trials."""

    path: Path
    name: str
    """How the report calls it."""
    runcard: Path | None
    """The runcard as it was run, when it lies beside."""
    modified: float
    """POSIX time of the last change."""


def find_sources(paths: Sequence[Path], combine: bool = False) -> tuple[list[Source], list[str]]:
    """Return the files that `paths` mean, and notes on what was left aside.

    Parameters
    ----------
    paths
        Files of trials, folders of replicas or output folders; when empty, the newest scan below
        the current folder.
    combine
        Take all replica folders of an output folder, not the first one alone.

    Raises
    ------
    ReportError
        Something is not there, or holds no trials.
    """
    notes: list[str] = []
    if not paths:
        found = [_newest(Path())]
    else:
        found = [file for path in paths for file in _files(path, combine, notes)]
    unique = list(dict.fromkeys(found))
    return [_source(file) for file in unique], notes


def stamp_of(paths: Sequence[Path], combine: bool = False) -> tuple[tuple[str, int, int], ...]:
    """Return path, time of the last change and size of each file; another one tells of news.

    Raises
    ------
    ReportError
        As `find_sources` does.
    """
    found = []
    for source in find_sources(paths, combine)[0]:
        try:
            state = source.path.stat()
        except OSError as err:
            raise ReportError(f"{source.path}: cannot be read: {err.strerror}") from None
        found.append((str(source.path), state.st_mtime_ns, state.st_size))
    return tuple(found)


def _source(file: Path) -> Source:
    folder = _output_folder(file)
    card = folder / RUNCARD_COPY
    try:
        modified = file.stat().st_mtime
    except OSError as err:
        raise ReportError(f"{file}: cannot be read: {err.strerror}") from None
    return Source(file, _name(file, folder), card if card.is_file() else None, modified)


def _output_folder(file: Path) -> Path:
    """Return OUTPUT of OUTPUT/nnfit/replica_1/tries.json; else the file's own folder."""
    parent = file.absolute().parent
    if is_replica_folder(parent):
        return parent.parent.parent
    return parent


def _name(file: Path, folder: Path) -> str:
    replica = file.absolute().parent.name
    several = replica.startswith(REPLICA) and replica != REPLICA_FOLDER.name
    name = folder.name or str(folder)
    return f"{name}/{replica}" if several else name


def _files(path: Path, combine: bool, notes: list[str]) -> list[Path]:
    try:
        if path.is_file():
            if path.suffix == ".pkl" and (path.parent / JSON).is_file():
                return [path.parent / JSON]
            return [path]
        if path.is_dir():
            return _of_folder(path, combine, notes)
    except OSError as err:
        raise ReportError(f"{path}: cannot be read: {err.strerror}") from None
    raise ReportError(f"{path}: no such file or folder{_hint(path)}")


def _hint(path: Path) -> str:
    try:
        around = [entry.name for entry in path.absolute().parent.iterdir()]
    except OSError:
        return ""
    hint = nearest(path.name, around)
    return f"; {hint}" if hint.startswith("did you mean") else ""


def _of_folder(folder: Path, combine: bool, notes: list[str]) -> list[Path]:
    for place in (folder / JSON, folder / REPLICA_FOLDER.name / JSON):
        if place.is_file() and place.parent.parent.name != NNFIT:
            return [place]
    if (folder / JSON).is_file():
        return [folder / JSON]
    nnfit = folder if folder.name == NNFIT else folder / NNFIT
    stores = [place / JSON for place in replica_folders(nnfit).values()]
    replicas = [store for store in stores if store.exists()]
    if not replicas:
        below = list(_walk(folder))
        if len(below) == 1:
            return below
        what = f"; it has {len(below)} scans below, name one or more" if below else ""
        raise ReportError(f"{folder}: no trials here ({REPLICA_FOLDER.as_posix()}/{JSON}){what}")
    if len(replicas) > 1 and not combine:
        notes.append(f"{folder}: {len(replicas)} replica folders; --combine takes all of them")
        return replicas[:1]
    return replicas


def _walk(folder: Path, names: Sequence[str] = (JSON,)) -> Iterator[Path]:
    """Yield files of trials, or files of given names, below a folder, except hidden and well-known
    others.
    """
    for place, folders, files in itertools.islice(os.walk(folder), _MOST_FOLDERS):
        yield from (Path(place) / name for name in names if name in files)
        hidden = _SKIPPED | ({JOBS} if NNFIT in folders else set())
        folders[:] = sorted(
            folder
            for folder in folders
            if folder not in hidden and not folder.startswith((".", "__"))
        )


def _newest(folder: Path) -> Path:
    found = _last_written(_walk(folder))
    if found is None:
        raise ReportError(
            f"{folder.absolute()}: no {JSON} below this folder; "
            "name one, or the output folder of a scan"
        )
    return found


def is_fit(folder: Path) -> bool:
    """Return whether a folder holds fitted replicas."""
    try:
        return folder.is_dir() and (
            (folder / FIT).is_file()
            or next((folder / NNFIT).glob(f"{REPLICA}*/*.exportgrid"), None) is not None
        )
    except OSError:  # the reader of scans says what is wrong with the path
        return False


def newest_fit(folder: Path) -> Path | None:
    """Return the folder of the newest fit below `folder`, if it is newer than all scans."""
    found = _last_written(_walk(folder, (JSON, FIT)))
    return found.parent if found is not None and found.name == FIT else None


def _last_written(files: Iterable[Path]) -> Path | None:
    dated: list[tuple[float, Path]] = []
    for file in files:
        try:
            dated.append((file.stat().st_mtime, file))
        except OSError:
            continue
    return max(dated, key=lambda pair: pair[0])[1] if dated else None


def read_bytes(source: Source) -> bytes:
    """Return the file's bytes."""
    try:
        return read_regular(source.path, _LARGEST)
    except (OSError, MemoryError) as err:
        reason = getattr(err, "strerror", None) or "not enough memory"
        raise ReportError(f"{source.path}: cannot be read: {reason}") from None


def read_runcard(path: Path) -> tuple[dict[str, Any] | None, str]:
    """Return the runcard as plain data, and what was wrong when there is none."""
    from ruamel.yaml.error import YAMLError

    try:
        card = load_yaml(read_regular(path, LARGEST).decode())
    except OSError as err:
        return None, f"{path}: not read: {err.strerror}"
    except (YAMLError, ValueError, TypeError, AttributeError, OverflowError) as err:
        return None, f"{path}: not read: {' '.join(str(err).split())[:120]}"
    if not isinstance(card, dict):
        return None, f"{path}: not a runcard"
    return card, ""
