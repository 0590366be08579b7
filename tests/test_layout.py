"""The house rules on imports: one direction, and each heavy library behind one door."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "n3hyper"

# Who may import whom, in the package itself; __init__ holds the version alone.
ALLOWED = {
    "errors": set(),
    "runcard": {"errors"},
    "physics": {"errors"},
    "data": {"errors", "runcard", "physics"},
    "fitting": {"errors", "runcard", "physics", "data"},
    "hyper_optimization": {"errors", "runcard", "physics", "data", "fitting"},
    "replicas": {"errors", "runcard", "physics", "data", "fitting", "hyper_optimization"},
    "services": {
        "errors",
        "runcard",
        "physics",
        "data",
        "fitting",
        "hyper_optimization",
        "replicas",
    },
    "evolution": {"errors", "runcard", "physics", "data", "replicas"},
    "report": {
        "errors",
        "physics",
        "hyper_optimization.record",
        "data.lhapdf",
        "replicas.exportgrid",
    },
    "cli": {
        "errors",
        "runcard",
        "physics",
        "data",
        "fitting",
        "hyper_optimization",
        "replicas",
        "evolution",
        "services",
        "report",
    },
}
# Heavy libraries and the only places that may import them.
_MONGO = (
    "services",
    *(
        f"hyper_optimization.{name}"
        for name in (
            "mongo_archive",
            "mongo_connection",
            "mongo_jobs",
            "mongo_known_jobs",
            "parallel",
        )
    ),
)
DOORS = {
    "tensorflow": ("fitting",),
    "keras": ("fitting",),
    "hyperopt": ("hyper_optimization",),
    "pymongo": _MONGO,
    "bson": _MONGO,
    "gridfs": _MONGO,
    "click": ("cli",),
    "pineappl": ("data",),
    "nnpdf_data": ("data",),
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    """`data/cuts.py` -> ``data.cuts``; a package's ``__init__`` is the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported(path: Path) -> Iterator[str]:
    """Absolute names that the module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; name the module in full"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def inside(name: str, places: set[str] | tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_imports_run_one_way(path: Path) -> None:
    me = dotted(path)
    if not me:
        return
    home = me.split(".")[0]
    for name in imported(path):
        if not name.startswith("n3hyper."):
            continue
        target = name.removeprefix("n3hyper.")
        if target == "__version__" or inside(target, {home} | ALLOWED[home]):
            continue
        # `from n3hyper.hyper_optimization import record` is seen twice: by package and by name.
        assert any(place.startswith(f"{target}.") for place in ALLOWED[home]), (
            f"{me} must not import {name}"
        )


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_heavy_libraries_have_one_door(path: Path) -> None:
    me = dotted(path)
    for name in imported(path):
        places = DOORS.get(name.split(".")[0])
        assert places is None or inside(me, places), f"{me} must not import {name}"


def test_help_imports_nothing_heavy() -> None:
    """`n3hyper --help` has to be quick: it may not even load NumPy."""
    heavy = {*DOORS, "numpy", "rich"} - {"click"}
    code = (
        "import sys\n"
        "from n3hyper.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
