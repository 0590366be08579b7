"""Rows of a benchmark: numbers of both programs, their ratio, and the target."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import n3hyper


@dataclass(frozen=True)
class Target:
    """Target that a row is to reach (DESIGN, section 9)."""

    at_least: float | None = None
    """Times faster than n3fit."""
    at_most: float | None = None
    """Of this package's own number."""
    no_worse: float | None = None
    """Times n3fit's number at most."""

    def met(self, ours: float | None, theirs: float | None) -> bool | None:
        """None where the numbers that it takes are not there."""
        if ours is None or (self.at_most is None and theirs is None):
            return None
        if self.at_most is not None:
            return ours < self.at_most
        if self.at_least is not None:
            return theirs / ours >= self.at_least
        return ours <= theirs * self.no_worse

    def text(self, unit: str) -> str:
        """Return the text of the table."""
        if self.at_most is not None:
            return f"< {self.at_most:g} {unit}"
        if self.at_least is not None:
            return f">= {self.at_least:g}x"
        return f"<= {self.no_worse:g} of n3fit's"


@dataclass(frozen=True)
class Row:
    """Line of the table; smaller numbers are better."""

    name: str
    unit: str
    ours: float | None
    theirs: float | None = None
    target: Target | None = None
    digits: int = 3

    @property
    def ratio(self) -> float | None:
        """How many times n3fit's number is ours."""
        return self.theirs / self.ours if self.ours and self.theirs is not None else None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one, or without the numbers."""
        return self.target.met(self.ours, self.theirs) if self.target else None

    def as_dict(self) -> dict[str, Any]:
        """Return the content for JSON."""
        target = self.target.text(self.unit) if self.target else None
        numbers = {"n3hyper": self.ours, "n3fit": self.theirs, "ratio": self.ratio}
        return {"row": self.name, "unit": self.unit, **numbers, "target": target, "met": self.met}


@dataclass
class Results:
    """Results of a benchmark."""

    settings: dict[str, Any]
    sections: dict[str, list[Row]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    """Every single measurement."""
    notes: list[str] = field(default_factory=list)
    """What was not measured, and why."""
    versions: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, section: str, rows: Sequence[Row]) -> None:
        """Append rows to a section."""
        self.sections.setdefault(section, []).extend(rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the content for JSON."""
        sections = {name: [row.as_dict() for row in rows] for name, rows in self.sections.items()}
        return {
            "machine": machine(),
            "versions": {"n3hyper": own_versions(), **self.versions},
            "settings": self.settings,
            "results": sections,
            "notes": self.notes,
            "runs": self.runs,
        }

    def write(self, path: Path) -> None:
        """Write the results as JSON, valid at any time during a long run."""
        aside = path.with_name(f".{path.name}.tmp")
        aside.write_text(json.dumps(self.as_dict(), indent=1, allow_nan=False) + "\n")
        aside.replace(path)

    def show(self, console: Console) -> None:
        """Print the results as tables."""
        found = machine()
        console.print(
            f"{found['processor']}, {found['cores']} cores, {found['memory_gb']} GB", end=""
        )
        console.print("".join(f", {gpu}" for gpu in found["gpus"]) or ", no GPU")
        for name, rows in self.sections.items():
            console.print(table(name, rows))
        for note in self.notes:
            console.print(f"not measured: {note}", markup=False, highlight=False, soft_wrap=True)


def table(title: str, rows: Sequence[Row]) -> Table:
    """For the terminal."""
    made = Table(title=title, title_justify="left")
    made.add_column("")
    for column in ("n3hyper", "n3fit", "ratio", "target", ""):
        made.add_column(column, justify="right")
    for row in rows:
        made.add_row(
            _label(row),
            _number(row.ours, row.digits),
            _number(row.theirs, row.digits),
            "" if row.ratio is None else f"{_number(row.ratio, 3)}x",
            row.target.text(row.unit) if row.target else "",
            {True: "met", False: "NOT MET", None: "?" if row.target else ""}[row.met],
        )
    return made


def _label(row: Row) -> str:
    """Return the label with its unit, whose brackets must not be taken for a style."""
    return f"{row.name} \\[{row.unit}]" if row.unit else row.name


def _number(value: float | None, digits: int) -> str:
    """Return a number with this many significant digits, and no decimals of large numbers."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:#.{digits}g}".rstrip(".")


def machine() -> dict[str, Any]:
    """Return a description of this machine."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load": os.getloadavg(),
        "gpus": _gpus(),
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _gpus() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    asked = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip().splitlines()


def own_versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries it fits with."""
    names = ("tensorflow", "numpy", "hyperopt")
    return {
        "n3hyper": n3hyper.__version__,
        **{name: importlib.metadata.version(name) for name in names},
    }
