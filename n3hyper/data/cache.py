"""Cache of arrays between runs, in the user's cache folder.

An entry is one ``.npz`` file (no pickles) that carries, beside its arrays, the SHA-256 of every
file it was made from. It is valid only as long as none of these has changed. A cache that cannot
be read or written is never an error: its arrays are made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ENVIRONMENT: Final = "N3HYPER_CACHE"
"""Environment variable that names the cache folder; an empty value switches the cache off."""

_META: Final = "__meta__"

Entry = tuple[dict[str, NDArray[Any]], dict[str, Any]]


def cache_folder() -> Path | None:
    """Return the folder of the cache, or None if the user has switched it off.

    It is ``$N3HYPER_CACHE``, else ``$XDG_CACHE_HOME/n3hyper``, else ``~/.cache/n3hyper``.
    """
    named = os.environ.get(ENVIRONMENT)
    if named is not None:
        return Path(named).expanduser() if named else None
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "n3hyper"
    except RuntimeError:  # no home folder
        return None


def file_hashes(files: Iterable[Path], root: Path) -> dict[str, str]:
    """Return the SHA-256 of each file, by its path relative to `root`."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _entry_path(kind: str, key: str) -> Path | None:
    folder = cache_folder()
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    return folder / kind / f"{name}.npz" if folder else None


def read_entry(kind: str, key: str, root: Path) -> Entry | None:
    """Return the arrays and metadata stored under `key`, or None if there is no valid entry.

    Parameters
    ----------
    kind
        Sub-folder of the cache.
    key
        Everything that the entry depends on beside the contents of its files: names, versions.
    root
        Folder to which the entry's file names are relative.
    """
    path = _entry_path(kind, key)
    if path is None:
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        meta = json.loads(str(arrays.pop(_META)[()]))
        files: dict[str, str] = meta.pop("files")
        if meta.pop("key") != key or file_hashes([root / name for name in files], root) != files:
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        return None
    return arrays, meta


def write_entry(
    kind: str,
    key: str,
    root: Path,
    files: Iterable[Path],
    arrays: Mapping[str, NDArray[Any]],
    meta: Mapping[str, Any],
) -> None:
    """Store an entry for `read_entry`; do nothing, silently, where that is impossible.

    The file is written under another name and renamed: other processes see all of it or nothing.
    """
    path = _entry_path(kind, key)
    if path is None:
        return
    record = json.dumps({**meta, "key": key, "files": file_hashes(files, root)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    except OSError:
        return
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez_compressed(stream, **{**arrays, _META: np.array(record)})  # type: ignore[arg-type]
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
