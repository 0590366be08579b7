"""n3fit in a separate virtual environment, made once from PyPI."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from n3hyper.data.cache import cache_folder
from tests.benchmarks.processes import Unavailable

VERSION: Final = "4.1.5"
REQUIREMENT: Final = f"nnpdf[nolha,hyperopt]=={VERSION}"
"""With its own stand-in for LHAPDF, of which there is no wheel, and with hyperopt."""
_CHECK: Final = (
    "import importlib.metadata as m, hyperopt, n3fit, validphys.lhapdf_compatibility;"
    "print(m.version('nnpdf'))"
)


def default_folder() -> Path:
    """Return the default folder, in the user's cache."""
    return (cache_folder() or Path(tempfile.gettempdir()) / "n3hyper") / f"n3fit-{VERSION}"


def n3fit_python(folder: Path | None, say: Callable[[str], None]) -> Path:
    """Return the Python of an environment with n3fit.

    Parameters
    ----------
    folder
        An existing environment; None for the default one, which is made if it is missing.
    say
        Is told when something is made that takes time.

    Raises
    ------
    Unavailable
        There is none, and none can be made.
    """
    place = folder or default_folder()
    python = place / "bin" / "python"
    if not python.exists():
        if folder is not None:
            raise Unavailable(f"{folder} is no virtual environment: there is no bin/python in it")
        say(f"making an environment with {REQUIREMENT} in {place}, once (2 GB, some minutes)")
        _make(place)
    version = _output(f"{place} lacks part of {REQUIREMENT}", [python, "-c", _CHECK])
    if version != VERSION:
        raise Unavailable(f"{place} has nnpdf {version}, not {VERSION}")
    return python


def _make(place: Path) -> None:
    """Make the environment completely, or not at all."""
    wanted = [REQUIREMENT]
    if shutil.which("nvidia-smi"):
        wanted.append("tensorflow[and-cuda]")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        _output("no environment can be made", [sys.executable, "-m", "venv", place])
        pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet"]
        _output(f"{REQUIREMENT} cannot be installed", [*pip, *wanted])
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _output(failure: str, command: list[str | Path]) -> str:
    """Return the last line of a program's output; a failure raises `failure` with its last line."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.strip()] or ["no output"]
        raise Unavailable(f"{failure}: {lines[-1].strip()[:300]}")
    return (result.stdout.splitlines() or [""])[-1].strip()
