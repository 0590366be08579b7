"""Reading a YAML 1.2 file into plain Python, with errors that name line and column.

YAML 1.2 it must be: runcards write ``2e1`` for a number, which 1.1 reads as text.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from n3hyper.errors import RuncardError
from n3hyper.runcard.node import near

_MOST_VALUES = 200_000  # aliases can make a small file a huge tree; no runcard is near this
_DEEPEST = 60


def read_yaml(path: Path) -> Any:
    """The document of a YAML file.

    Raises
    ------
    RuncardError
        If there is no such file, it is no text, or no single YAML document.
    """
    return parse_yaml(_read_text(path), path)


def parse_yaml(text: str, path: Path) -> Any:
    """Return the document of the text of a YAML file; `path` names it in errors.

    Raises
    ------
    RuncardError
        If it is no single YAML document.
    """
    loader = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document = loader.load(text)
    except DuplicateKeyError as error:
        mark, name = error.problem_mark, re.search('"(.*)" with value', str(error.problem))
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = f"key {name.group(1)!r} is given twice" if name else "a key is given twice"
        raise RuncardError(problem, source=path, key=where, hint="remove one of the two") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = error.problem or error.context or "not YAML"
        raise RuncardError(problem.strip(), source=path, key=where) from None
    except ReaderError as error:
        where = _position(text, error.position)
        raise RuncardError(error.reason, source=path, key=where) from None
    except RecursionError:
        raise RuncardError("nested too deeply", source=path) from None
    except (YAMLError, ValueError, OverflowError, AttributeError, TypeError) as error:
        # the constructor's own slips on odd scalars, such as the date 2020-13-45
        raise RuncardError(f"not YAML: {error}", source=path) from None
    if document is None:
        raise RuncardError("empty", source=path, hint="a runcard needs at least dataset_inputs")
    return document


def _read_text(path: Path) -> str:
    if path.is_dir():
        raise RuncardError("a folder, not a runcard", source=path, hint="name a .yml file")
    if not path.exists():
        folder = path.parent if path.parent.is_dir() else None
        others = [p.name for pattern in ("*.yml", "*.yaml") for p in (folder or path).glob(pattern)]
        hint = near(path.name, others, f"there is no such runcard in {folder}") if others else ""
        raise RuncardError("no such file", source=path, hint=hint)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RuncardError(f"cannot be read: {error.strerror}", source=path) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = _position(data[: error.start].decode("utf-8-sig", "replace"), error.start)
        raise RuncardError("not UTF-8 text", source=path, key=where) from None


def _position(text: str, index: int) -> str:
    """Line and column of a character.

    >>> _position("ab" + chr(10) + "cd", 4)
    'line 2, column 2'
    """
    before = text[:index].split("\n")
    return f"line {len(before)}, column {len(before[-1]) + 1}"


def plain(value: Any, source: str | None = None) -> Any:
    """A copy made of dict, list, str, int, float, bool and None, no part of it shared.

    Raises
    ------
    RuncardError
        At anything else, at keys that are not text, and at trees without end.
    """
    return _Copy(source).copy(value, "", 0)


class _Copy:
    """Copies a tree, and counts."""

    def __init__(self, source: str | None) -> None:
        self.source = source
        self.values = 0

    def fail(self, problem: str, path: str, value: Any = None, hint: str = "") -> RuncardError:
        return RuncardError(problem, source=self.source, key=path, value=value, hint=hint)

    def copy(self, value: Any, path: str, depth: int) -> Any:
        self.values += 1
        if self.values > _MOST_VALUES or depth > _DEEPEST:
            raise self.fail("too large", path[:80], hint="do its aliases contain themselves?")
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise self.fail("a key that is not text", path, key, "put it in quotes")
            return {
                str(k): self.copy(v, f"{path}.{k}" if path else str(k), depth + 1)
                for k, v in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.copy(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(value)]
        if value is None or isinstance(value, (bool, str)):
            return value
        for kind in (int, float):
            if isinstance(value, kind):
                return kind(value)
        raise self.fail("neither text nor number", path, str(value), "put it in quotes")


def yaml_text(document: Mapping[str, Any]) -> str:
    """A document of plain data as YAML, keys in their order, the innermost lists on one line.

    >>> print(yaml_text({"b": 1, "a": [1e-6, "tanh"]}), end="")
    b: 1
    a: [1e-06, tanh]
    """
    writer = YAML(typ="safe", pure=True)
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.default_flow_style = None
    writer.width = 4096  # lists of setups stay on their lines
    writer.representer.ignore_aliases = lambda *_: True
    stream = StringIO()
    writer.dump(dict(document), stream)
    return stream.getvalue()
