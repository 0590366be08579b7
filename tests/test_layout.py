"""The house rules on imports: one direction, and each heavy library behind one door."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "n3hyper"
CODE_MAP = PACKAGE.parent / "docs" / "code_map.md"

# Who may import whom, in the package itself; __init__ holds the version alone.
_BELOW_STORE = {"errors", "foreign", "system", "runcard", "physics", "theory", "data", "fitting"}
_BELOW_SERVICES = _BELOW_STORE | {"hyper_optimization", "scanning", "replicas"}
ALLOWED = {
    "errors": set(),
    "foreign": {"errors"},
    "system": {"errors"},
    "runcard": {"errors", "foreign", "physics.objectives"},
    "physics": {"errors"},
    "theory": {"errors", "foreign", "system", "runcard", "physics"},
    "data": {"errors", "foreign", "system", "runcard", "physics", "theory"},
    "theory_maker": _BELOW_STORE - {"fitting"},
    "fitting": _BELOW_STORE - {"fitting"},
    "hyper_optimization": _BELOW_STORE,
    "scanning": _BELOW_STORE | {"hyper_optimization"},
    "replicas": _BELOW_SERVICES - {"replicas"},
    "services": _BELOW_SERVICES,
    "report": {
        "errors",
        "foreign",
        "system",
        "physics",
        "hyper_optimization.record",
        "hyper_optimization.loss",
        "hyper_optimization.scores.loss_parts",
        "hyper_optimization.scores.failures",
        "hyper_optimization.paths",
        "theory.lhapdf",
        "replicas.files.exportgrid",
    },
    "evolution": {
        "errors",
        "foreign",
        "system",
        "runcard",
        "physics",
        "theory",
        "data",
        "hyper_optimization.paths",
        "replicas",
    },
    "cli": _BELOW_SERVICES | {"services", "report", "theory_maker", "evolution"},
}
# Within a room, from the bottom up: a line may import those above it, and folders themselves.
LEVELS = {
    "fitting": (
        {"backend", "clock", "settings"},
        {"products"},
        {"network", "loss"},
        {"result", "model_gen"},
        {"training"},
        {"model_trainer"},
    )
}
MOST_LINES = 400
"""Of a file, of the rooms in `LEVELS`."""
MOST_FILES = 16
"""In any folder, its `__init__` included."""
# Heavy libraries and the only places that may import them.
_MONGO = (
    "services",
    "hyper_optimization.mongo",
    "hyper_optimization.parallel_loop",
    "scanning.parallel",
)
DOORS = {
    "tensorflow": ("fitting",),
    "keras": ("fitting",),
    "hyperopt": ("hyper_optimization",),
    "pymongo": _MONGO,
    "bson": _MONGO,
    "gridfs": _MONGO,
    "click": ("cli",),
    "pineappl": ("theory", "theory_maker"),
    "nnpdf_data": ("data", "theory", "theory_maker"),
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


def table_of_imports(text: str) -> dict[str, set[str]]:
    """Room -> what it may import, by the table of the map of the code."""
    _, _, table = text.partition("| room | what is in it | may import |\n")
    rows = [line.split("|") for line in table.partition("\n\n")[0].splitlines()[1:]]
    return {row[1].strip(" `"): set(re.findall(r"`([\w.]+)`", row[3])) for row in rows}


def test_the_map_of_the_code_has_these_rules() -> None:
    assert table_of_imports(CODE_MAP.read_text(encoding="utf-8")) == ALLOWED


def package_imports() -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports, wherever the import stands."""
    names = {dotted(path): path for path in modules()}
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        wanted = {each.removeprefix("n3hyper.") for each in imported(path)}
        found[name] = {each for each in wanted if each in names and each != name}
    return found


def folders_of(imports: dict[str, set[str]], room: str) -> dict[str, set[str]]:
    """The same between the folders of a room; files that lie in the room itself are left out."""

    def folder(module: str) -> str | None:
        parts = module.split(".")
        inner = parts[: len(room.split(".")) + 1]
        return (
            ".".join(inner) if len(parts) > len(inner) and module.startswith(f"{room}.") else None
        )

    edges: dict[str, set[str]] = {}
    for module, targets in imports.items():
        if (home := folder(module)) is not None:
            others = {folder(target) for target in targets} - {home, None}
            edges.setdefault(home, set()).update(each for each in others if each is not None)
    return edges


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Names that import one another in a circle, or lie between two; empty where there is none."""
    left = {name: targets & edges.keys() for name, targets in edges.items()}
    while True:
        imported_by_some = set().union(*left.values())
        ends = [
            name for name, targets in left.items() if not targets or name not in imported_by_some
        ]
        if not ends:
            return sorted(left)
        left = {name: targets - set(ends) for name, targets in left.items() if name not in ends}


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]
    assert circle({"a": {"b"}, "b": set()}) == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    """Imports inside functions and under TYPE_CHECKING count."""
    assert circle(package_imports()) == []


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_no_folders_of_a_room_import_one_another_in_a_circle(room: str) -> None:
    assert circle(folders_of(package_imports(), room)) == []


@pytest.mark.parametrize("room", LEVELS)
def test_imports_within_a_room_run_one_way(room: str) -> None:
    heights = {name: height for height, names in enumerate(LEVELS[room]) for name in names}
    for path in (PACKAGE / room).rglob("*.py"):
        me = path.relative_to(PACKAGE / room).parts[0].removesuffix(".py")
        for name in imported(path):
            if not name.startswith(f"n3hyper.{room}."):
                continue
            target = name.split(".")[2]
            assert target == me or heights[target] < heights[me], f"{me} must not import {name}"


@pytest.mark.parametrize("room", LEVELS)
def test_files_are_short(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        assert len(path.read_text().splitlines()) <= MOST_LINES, f"{path} is long"


def test_folders_are_small() -> None:
    files = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in modules())
    assert {folder: n for folder, n in files.items() if n > MOST_FILES} == {}


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


def test_no_test_imports_a_test() -> None:
    """What tests share is in tests/support."""
    found = [
        f"{path.name}: {name}"
        for path in sorted(PACKAGE.parent.joinpath("tests").rglob("*.py"))
        for name in imported(path)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    ]
    assert found == []
