"""Reading of `runcards/every_key.yml` with its comments: what each key means, by an example.

A line is ``key: example   # [unit] meaning; default so and so``, the comment going on in lines
below it. Keys that exclude others of the runcard are commented out: ``# key: example   # meaning``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EVERY_KEY = Path(__file__).resolve().parents[2] / "runcards" / "every_key.yml"
_COMMENT_COLUMN = 30
"""Comments that begin further to the right belong to the key above."""
_LINE = re.compile(
    r"(?P<indent> *)(?P<off># )?(?P<more> *)(?P<item>- )?(?P<key>[A-Za-z]\w*):"
    r"(?:\s+(?P<value>[^\s#].*?))?(?:\s+#\s?(?P<comment>.*))?$"
)
_UNIT = re.compile(r"\[([^\]]+)\]\s*")
_DEFAULT = re.compile(r"[;,]?\s*\bdefault:?\s+(?P<default>[^;]+)$")


@dataclass(frozen=True)
class Entry:
    """Key of a runcard as the example explains it."""

    path: str
    """Without numbers of list entries: ``dataset_inputs[].frac``."""
    example: str
    """What the line has as value, empty where mappings or lists follow."""
    commented_out: bool
    comment: str

    @property
    def unit(self) -> str:
        """The unit, empty where there is none."""
        found = _UNIT.match(self.comment)
        return found[1] if found else ""

    @property
    def default(self) -> str:
        """The default as the comment words it, empty where it does not."""
        found = _DEFAULT.search(self.comment)
        if found:
            return found["default"].strip()
        return "required" if self.comment.startswith("required") else ""

    @property
    def meaning(self) -> str:
        """The comment without unit and default."""
        text = _UNIT.sub("", self.comment, count=1) if self.unit else self.comment
        text = _DEFAULT.sub("", text).removeprefix("required").lstrip(";,: ").strip()
        return text[:1].upper() + text[1:]


def read_entries(text: str | None = None) -> list[Entry]:
    """Return the keys of the example in the order of the file, each where it stands first.

    >>> read_entries("a: 1\\n- q: 2   # [GeV] scale; default 3\\n")[1].default
    '3'
    """
    found: dict[str, list[str]] = {}
    places: dict[str, tuple[str, bool]] = {}
    stack: list[tuple[int, str]] = []
    last = ""
    for line in _body(EVERY_KEY.read_text(encoding="utf-8") if text is None else text):
        continued = re.fullmatch(rf" {{{_COMMENT_COLUMN},}}#\s?(.*)", line)
        if continued:
            if last:
                found[last].append(continued[1])
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            last = ""
            continue
        indent = len(match["indent"]) + len(match["more"])
        while stack and (
            stack[-1][0] > indent or (stack[-1][0] == indent and not _opens(stack[-1], match))
        ):
            stack.pop()
        parent = stack[-1][1] if stack else ""
        if match["item"] and not parent.endswith("[]"):
            parent += "[]"
        path = f"{parent}.{match['key']}" if parent else match["key"]
        if match["item"]:
            stack.append((indent + 1, parent))
            indent += 2
        stack.append((indent, path))
        last = "" if path in found else path
        if last:
            found[path] = [match["comment"] or ""]
            places[path] = (match["value"] or "", match["off"] is not None)
    return [
        Entry(path, *places[path], " ".join(" ".join(lines).split()))
        for path, lines in found.items()
    ]


def _body(text: str) -> Iterator[str]:
    """Yield the lines after the introduction."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line and line[0] != "#"), 0)
    yield from lines[start:]


def _opens(top: tuple[int, str], match: re.Match[str]) -> bool:
    """Return whether a line begins an entry of the list whose key stands above it."""
    return match["item"] is not None and not top[1].endswith("[]")
