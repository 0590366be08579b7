"""The programs of the extra ``n3hyper[theory]``, imported only where they are used."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from n3hyper.errors import TheoryError


def require(module: str) -> Any:
    """Import `module`, or say in one line how to get it.

    Raises
    ------
    TheoryError
        If the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise TheoryError(
            f"making a theory needs {package}: pip install 'n3hyper[theory]' ({error})"
        ) from error


def own_compiler_cache(folder: Path) -> None:
    """Keep what numba compiles in `folder`, apart from what was compiled of an eko not mended.

    To be called in a new process, before numba is imported.
    """
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
