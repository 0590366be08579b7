"""Reading a YAML 1.2 file into plain Python, with errors that name line and column.

YAML 1.2 it must be: runcards write ``2e1`` for a number, which 1.1 reads as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from n3hyper.errors import RuncardError
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.yaml_text import DEEPEST, LARGEST, MOST_VALUES, load_yaml
from n3hyper.runcard.node import near

_LONGEST_KEY: Final = 200
_MOST_BITS: Final = 4096
"""Of an integer: the largest float has 1024."""


def read_yaml(path: Path) -> Any:
    """Return the document of a YAML file.

    Raises
    ------
    RuncardError
        If there is no such file, it is no text, no single YAML document, or larger than any
        runcard.
    """
    return parse_yaml(read_text(path), path)


def parse_yaml(text: str, path: Path) -> Any:
    """Return the document of the text of a YAML file; `path` names it in errors.

    Raises
    ------
    RuncardError
        If it is no single YAML document.
    """
    try:
        document = load_yaml(text)
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
    except YAMLError as error:
        raise RuncardError(str(error), source=path) from None
    except (ValueError, OverflowError, AttributeError, TypeError) as error:
        # the constructor's own slips on odd scalars, such as the date 2020-13-45
        raise RuncardError(f"not YAML: {error}", source=path) from None
    if document is None:
        raise RuncardError("empty", source=path, hint="a runcard needs at least dataset_inputs")
    return document


def read_text(path: Path) -> str:
    """Return the text of a runcard.

    Raises
    ------
    RuncardError
        There is no such file, or it is no text.
    """
    if path.is_dir():
        raise RuncardError("a folder, not a runcard", source=path, hint="name a .yml file")
    if not path.exists():
        folder = path.parent if path.parent.is_dir() else None
        others = [p.name for pattern in ("*.yml", "*.yaml") for p in (folder or path).glob(pattern)]
        hint = near(path.name, others, f"there is no such runcard in {folder}") if others else ""
        raise RuncardError("no such file", source=path, hint=hint)
    try:
        data = read_regular(path, LARGEST)
    except OSError as error:
        raise RuncardError(f"cannot be read: {error.strerror}", source=path) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = _position(data[: error.start].decode("utf-8-sig", "replace"), error.start)
        raise RuncardError("not UTF-8 text", source=path, key=where) from None


def _position(text: str, index: int) -> str:
    """Return line and column of a character.

    >>> _position("ab" + chr(10) + "cd", 4)
    'line 2, column 2'
    """
    before = text[:index].split("\n")
    return f"line {len(before)}, column {len(before[-1]) + 1}"


def plain(value: Any, source: str | None = None) -> Any:
    """Return a copy made of dict, list, str, int, float, bool and None that shares no parts.

    Raises
    ------
    RuncardError
        At anything else, at keys that are not text, at integers of thousands of digits, and at
        trees without end.
    """
    return _Copy(source).copy(value, ())


class _Copy:
    """Copier of a tree, which counts its values."""

    def __init__(self, source: str | None) -> None:
        self.source = source
        self.values = 0

    def fail(
        self, problem: str, path: tuple[str | int, ...], value: Any = None, hint: str = ""
    ) -> RuncardError:
        key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        return RuncardError(
            problem, source=self.source, key=key.removeprefix("."), value=value, hint=hint
        )

    def copy(self, value: Any, path: tuple[str | int, ...]) -> Any:
        self.values += 1
        if self.values > MOST_VALUES or len(path) > DEEPEST:
            raise self.fail("too large", path[:8], hint="do its aliases contain themselves?")
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise self.fail("a key that is not text", path, key, "put it in quotes")
                if len(key) > _LONGEST_KEY:
                    raise self.fail(f"a key of {len(key)} characters", path, key)
            return {str(k): self.copy(v, (*path, str(k))) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.copy(v, (*path, i)) for i, v in enumerate(value)]
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, int):
            if value.bit_length() > _MOST_BITS:
                raise self.fail("an integer beyond all bounds", path, value)
            return int(value)
        if isinstance(value, float):
            return float(value)
        raise self.fail("neither text nor number", path, str(value), "put it in quotes")


def yaml_text(document: Mapping[str, Any]) -> str:
    """Return plain data as YAML, keys in their order, innermost lists on one line.

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
