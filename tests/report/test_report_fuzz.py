"""1,000 hostile or broken files: one line or a report, never a traceback, nothing executed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from n3hyper.cli import main
from tests.support.make_trials import make_records

HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 1e308, -1e308, 5e-324, 10**30, 2**63, "", "NaN", "0x10"),
    *(float("nan"), float("inf"), float("-inf"), [], {}, [[]], [[[1.0]]], [None], [[None, "x"]]),
    "__import__('os').system('touch executed')",
    "{{7*7}} ${jndi:x} %s%n $(touch executed) `touch executed`",
    "<script>document.title='executed'</script><img src=x onerror=alert(1)>",
    "</script><script>document.title='executed'</script>",
    "[bold red]markup[/bold red] [link=http://x]x[/link] [/]",
    "\x1b]0;executed\x07\x1b[2J\x1b[31m",
    "\ud800 lone surrogate",
    "\u202eright to left\u2066",
    "$\\frac{1}{$ \\unknown{",
    "@0123456789abcdef:0:99999999",
    "@0123456789abcdef:5:1",
    "[1. 2. ... 3.]",
    "[[1. 2.] [3.]]",
    "=cmd|' /C calc'!A0",
    "../../../../tmp/executed",
    "x" * 20_000,
    "é" * 500,
    {"a": {"b": {"c": {"d": {"e": {}}}}}},
    {"": ""},
    {"optimizer_name": ["Nadam"], "learning_rate": "fast"},
    list(range(3000)),
]
KEYS = ["", "loss", "__class__", "optimizer", "a.b", "<b>", "\x1b[1m", "$x$", "../x", "x" * 5000]
SEEDS = make_records(14, seed=3, folds=2, replicas=3)
FORMATS = ("table", "json", "csv", "markdown")


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a tree."""
    found = [path]
    if isinstance(tree, dict):
        for key, value in tree.items():
            found += places(value, (*path, key))
    elif isinstance(tree, list):
        for place, value in enumerate(tree[:8]):
            found += places(value, (*path, place))
    return found


def mutate_tree(rng: random.Random, records: list[Any]) -> bytes:
    """A few values replaced, removed, doubled or renamed; some of them in all trials alike."""
    for _ in range(rng.randint(1, 6)):
        path = rng.choice(places(records))
        if not path:
            continue
        everywhere = len(path) > 1 and rng.random() < 0.5
        firsts = range(len(records)) if everywhere else [path[0]]
        action, value, key = rng.randrange(4), rng.choice(HOSTILE), rng.choice(KEYS)
        for first in firsts:
            target: Any = records
            try:
                for step in (first, *path[1:-1])[: len(path) - 1]:
                    target = target[step]
                last = path[-1] if len(path) > 1 else first
                if action == 0:
                    target[last] = copy.deepcopy(value)
                elif action == 1:
                    del target[last]
                elif isinstance(target, dict):
                    target[key] = target.pop(last) if action == 2 else copy.deepcopy(value)
                elif isinstance(target, list):
                    target.append(copy.deepcopy(value))
            except (KeyError, IndexError, TypeError):
                continue
    return json.dumps(records).encode()


def mutate_bytes(rng: random.Random, data: bytes) -> bytes:
    """Cut off, with bytes changed, or with a piece repeated."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(found) + 1)
        action = rng.randrange(4)
        if action == 0:
            del found[place:]
        elif action == 1:
            found[place : place + 1] = bytes([rng.randrange(256)])
        elif action == 2:
            found[place:place] = rng.choice(
                [b"[", b"]]", b'"', b"NaN", b"\\", b"\x00", b"[[", b"}"]
            )
        else:
            del found[place : place + rng.randrange(200)]
        if not found:
            break
    return bytes(found)


def make_file(rng: random.Random) -> bytes:
    records = copy.deepcopy(SEEDS[: rng.choice([1, 3, 14])])
    plain = json.loads(json.dumps(records, default=lambda value: value.tolist()))
    if rng.random() < 0.6:
        data = mutate_tree(rng, plain)
        return data if rng.random() < 0.8 else mutate_bytes(rng, data)
    return mutate_bytes(rng, json.dumps(plain).encode())


def options(rng: random.Random, folder: Path, number: int) -> list[str]:
    """The report in one of its shapes; the slow ones now and then."""
    if number % 100 == 0:
        return ["--html", str(folder / "page.html")]
    if number % 100 == 50:
        return ["--figures", str(folder / "figures")]
    chosen = ["--format", rng.choice(FORMATS)]
    chosen += rng.choice(
        [
            [],
            ["--loss", rng.choice(["chi2", "phi2", "logp", "chi2p"])],
            ["--filter", rng.choice(["lr<0.01", "optimizer=Nadam", "epochs>=4000", "nl!=2"])],
            ["--autofilter", rng.choice(["optimizer", "lr,nl", "activation"])],
            ["--include-failures", "--sort", rng.choice(["-lr", "optimizer", "chi2", "nodes"])],
            ["--select", "3", "--chi2-window", "1"],
            ["--select", "3", "--as", "ranges"],
            ["--fold-statistic", "std", "--no-penalties"],
        ]
    )
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(10))
def test_no_traceback(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    statuses = set()
    for number in range(100 * batch, 100 * batch + 100):
        rng = random.Random(number)
        path = tmp_path / "tries.json"
        path.write_bytes(make_file(rng))
        arguments = options(rng, tmp_path, number)
        statuses.add(status := run(["report", str(path), *arguments]))
        out, err = capsys.readouterr()
        about = f"case {number}: {arguments}: {err[-300:]}"
        assert status in (0, 2), about
        assert "debug shows where" not in err, about
        assert "Traceback" not in out + err, about
        assert not set("\x1b\x07\x00") & set(out), about
        if status == 2:
            assert out == "", about
            assert len(err.splitlines()) <= 3, about
    assert not list(tmp_path.rglob("executed"))
    assert statuses == {0, 2}


def run(arguments: list[str], call: Callable[[list[str]], Any] = main) -> int:
    with pytest.raises(SystemExit) as ended:
        call(arguments)
    return int(ended.value.code or 0)
