"""Commands of parallel scans of toy fits, and their processes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.toy_processes import SCAN, environment
from tests.support.waiting import HANGS

RUNCARD = Path(__file__).resolve().parents[2] / "runcards" / "quickstart.yml"
REPLICA = Path("nnfit") / "replica_1"


@contextmanager
def process(command: list[str], log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        started = subprocess.Popen(
            command, env=environment(**variables), stdout=output, stderr=output
        )
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            started.terminate()
        try:
            started.wait(HANGS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def uri_file(folder: Path, uri: str) -> str:
    path = folder / "uri"
    path.write_text(uri)
    return str(path)


def scan(output: Path, n: int, *options: str) -> list[str]:
    return [*SCAN, str(RUNCARD), str(output), "-n", str(n), *options]
