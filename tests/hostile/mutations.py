"""Files that are almost right: good ones with bytes, numbers or lines changed at random."""

from __future__ import annotations

import gzip
import random
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from tests.hostile import crafted
from tests.support.fktable_files import write_table

LENGTHS = (0, 1, 255, 2**16, 2**28, 2**31 - 1, 2**32 - 1, 2**40, 2**63, 2**64 - 1)


@cache
def good(kind: str) -> tuple[bytes, ...]:
    """Files of a kind that are as they should be, and the crafted ones that are small."""
    made = crafted.KINDS[kind]() if kind in crafted.KINDS else {}
    small = [content for content in made.values() if 0 < len(content) < 20_000]
    return (*whole(kind), *small) if kind != "table" else tuple(whole(kind))


def whole(kind: str) -> list[bytes]:
    """Files of a kind that are as they should be; often, to be chosen often."""
    if kind == "pickle":
        return [(crafted.FROZEN / "tries.pkl").read_bytes()] * 30
    if kind == "runcard":
        return [path.read_bytes() for path in sorted(crafted.ROOT.glob("runcards/*.yml"))] * 5
    if kind == "tries":
        return [(crafted.FROZEN / "tries.json").read_bytes()] * 10
    if kind == "archive":
        dump = crafted.tar(
            ("db/jobs.bson", crafted.document(tid=0, misc={"vals": {"a": [1.5]}}) * 3),
            ("db/scans.bson", crafted.document(runcard="a: b")),
        )
        return [dump, gzip.compress(dump)] * 10
    if kind == "grid":
        return [crafted.grid()] * 10
    if kind == "cfactor":
        return [b"*" * 9 + b"\nabout\n" + b"*" * 9 + b"\n" + b"1.02 0.0\n" * 9] * 5
    if kind == "card":
        return [b"ID: 1\nPTO: 1\nQ0: 1.65\nFNS: FONLL-B\nIC: 1\nComments: x\n"] * 5
    return [_table()]


def _table() -> bytes:
    lz4 = __import__("pytest").importorskip("lz4.frame")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.pineappl.lz4"
        write_table(path, np.ones((3, 2, 4)), [[100], [21]], np.array([0.01, 0.1, 0.3, 0.6]))
        content: bytes = lz4.decompress(path.read_bytes())
    return content


def mutated(kind: str, seed: int) -> bytes:
    """A file with one to five things changed."""
    rng = random.Random(f"{kind} {seed}")
    content = bytearray(rng.choice(good(kind)))
    for _ in range(rng.randint(1, 5)):
        # the beginnings of files say how long their parts are
        place = rng.randrange(min(len(content), rng.choice((30, 300, 10**9))) + 1)
        action = rng.randrange(8)
        if action == 0:
            content[place : place + 1] = bytes([rng.randrange(256)])
        elif action == 1:
            width = rng.choice((1, 2, 4, 8))
            length = rng.choice(LENGTHS) % 256**width
            content[place : place + width] = length.to_bytes(width, "little")
        elif action == 2:
            del content[place : place + rng.randrange(60)]
        elif action == 3:
            content[place:place] = rng.randbytes(rng.randrange(12))
        elif action == 4:
            piece = content[place : place + rng.randrange(200)]
            content[place:place] = piece * rng.choice((1, 2, 1000))
        elif action == 5:
            content[place:place] = rng.choice(
                (b"[", b"{", b"]]", b'"', b"\n", b"- ", b": ", b"&a ", b"*a ", b"<<: ", b"!!x ")
            ) * rng.choice((1, 10, 1000))
        elif action == 6:
            content[place:place] = b"9" * rng.choice((1, 20, 400, 5000))
        elif len(content) > 1:
            del content[place:]
        content = content or bytearray(b"\0")
        del content[5_000_000:]
    changed = bytes(content)
    return gzip.compress(changed) if kind == "archive" and rng.random() < 0.3 else changed
