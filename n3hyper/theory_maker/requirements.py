"""Programs of the extra ``n3hyper[theory]``, imported only where they are used."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from n3hyper.errors import TheoryError


def require(module: str) -> Any:
    """Import `module`, or raise an error that tells how to install it.

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
    """Keep what numba compiles in `folder`, apart from code compiled from an uncorrected eko.

    Call it in a new process, before numba is imported.
    """
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
