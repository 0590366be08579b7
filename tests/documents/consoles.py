"""Commands in pages, what the pages say that they print, and the comparison of both.

In a block ``console`` a line that begins with ``$`` is a command, and the lines up to the next one
are what it prints. A line ``...`` stands for any lines, and ``...`` at the end of a line for any
rest of it. Times are not compared, integers and words have to be the same, and other numbers to
agree within a few per cent, since another processor rounds otherwise.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^( *)```console\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
TIME = re.compile(r"(?<![\w.])\d+(?:\.\d+)? (?:s|m|h)\b(?: \d+ (?:s|m)\b)?")
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[+-]?\d+)?|(?<![\w.])-?\d+e[+-]?\d+")
CLOSE = 0.05
"""Relative difference of numbers that are still the same."""


@dataclass(frozen=True)
class Step:
    """Command with what it prints."""

    command: str
    printed: tuple[str, ...]


def steps(page: Path) -> Iterator[Step]:
    """Yield the commands of a page in their order."""
    for indent, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        command, printed = "", []
        for line in block.splitlines():
            text = line.removeprefix(indent)
            if text.startswith("$ "):
                if command:
                    yield Step(command, tuple(printed))
                command, printed = text[2:], []
            elif command.endswith("\\"):
                command = f"{command[:-1].rstrip()} {text.strip()}"
            else:
                printed.append(text)
        if command:
            yield Step(command, tuple(printed))


def same_line(expected: str, printed: str) -> bool:
    """Return whether a line is what the page says.

    >>> same_line("trial 1/10  loss 6.7842  8.0 s", "trial 1/10  loss 6.7841  1 m 20 s")
    True
    >>> same_line("10 trials, 9 ok", "10 trials, 10 ok")
    False
    """
    one, other = (" ".join(TIME.sub("TIME", text).split()) for text in (expected, printed))
    if one.endswith("..."):
        one = one.removesuffix("...")
        other = other[: len(one)]
    if NUMBER.sub("NUMBER", one) != NUMBER.sub("NUMBER", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(abs(float(a) - float(b)) <= CLOSE * max(abs(float(a)), 1e-9) for a, b in pairs)


def difference(expected: tuple[str, ...], printed: list[str]) -> str:
    """Return what the page says otherwise than the program, empty where they agree.

    >>> difference(("a", "...", "c"), ["a", "b", "b", "c"]), difference(("a",), ["b"])
    ('', "'a' is not printed; after line 0: ['b']")
    """
    place, anywhere = 0, False
    for line in (line for line in expected if line.strip()):
        if line.strip() == "...":
            anywhere = True
            continue
        found = next(
            (
                number
                for number in range(place, len(printed))
                if same_line(line, printed[number]) or (not anywhere and number > place)
            ),
            None,
        )
        if found is None or not same_line(line, printed[found]):
            return f"{line!r} is not printed; after line {place}: {printed[place : place + 5]}"
        place, anywhere = found + 1, False
    left = [] if anywhere else printed[place:]
    return f"not in the page: {left[:5]}" if left else ""


def run(command: str, folder: Path, seconds: float = 900) -> list[str]:
    """Run a command of a page in a folder, and return the lines that it prints but empty ones."""
    shim = folder / ".bin" / "n3hyper"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m n3hyper.cli "$@"\n')
    shim.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return [line for line in done.stdout.splitlines() if line.strip()]
