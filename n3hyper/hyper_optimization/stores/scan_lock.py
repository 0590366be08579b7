"""One scan to a folder."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from n3hyper.system.folder_lock import locked_folder


def locked_scan(folder: Path) -> AbstractContextManager[None]:
    """Hold the folder of a scan's trials; see `locked_folder`."""
    return locked_folder(folder, "another scan is writing here")
