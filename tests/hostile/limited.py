"""Reads hostile files in a process with bounds on memory and time; started by the tests.

python -m tests.hostile.limited KIND crafted
python -m tests.hostile.limited KIND FIRST NUMBER
"""

from __future__ import annotations

import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.hostile import crafted, mutations, readers

ROOM = 200 * 2**20
"""Bytes that reading a file may take, beyond what the program takes itself."""
SECONDS = 3.0
"""Processor time of this process for a file: one second, on a machine three times slower."""


class TooLong(BaseException):
    """A file takes longer than it may."""


def _alarm(*_: Any) -> None:
    raise TooLong


def files(kind: str, arguments: list[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of what is read."""
    if arguments == ["crafted"]:
        yield from crafted.KINDS[kind]().items()
        return
    first, number = map(int, arguments)
    for seed in range(first, first + number):
        yield f"mutation {seed}", mutations.mutated(kind, seed)


def limit_memory() -> None:
    """From now on `ROOM` is left."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def warm_up(kind: str, path: Path) -> None:
    """Load all that reading a file of the kind loads."""
    path.write_bytes(mutations.whole(kind)[0])
    readers.read(kind, path)


def main() -> int:
    kind, *arguments = sys.argv[1:]
    signal.signal(signal.SIGPROF, _alarm)
    outcomes: Counter[str] = Counter()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / readers.NAMES[kind]
        if kind == "table":
            readers.PROCESS.append(readers.TableProcess())
        warm_up(kind, path)
        made = list(files(kind, arguments))
        limit_memory()
        for name, content in made:
            path.write_bytes(content)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                outcomes[readers.read(kind, path)] += 1
            except BaseException as error:  # noqa: BLE001  # each end but two is to be told
                failed += 1
                print(f"{kind}: {name}: {type(error).__name__}: {str(error)[:500]}")
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        if readers.PROCESS:
            readers.PROCESS[0].close()
    print(dict(outcomes))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
