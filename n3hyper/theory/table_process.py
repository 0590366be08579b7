"""Process that reads FK tables, so that no file can harm the program.

PineAPPL trusts what it reads. A damaged file can claim to hold 10^18 numbers: the process that
reads it is then ended by the system, or takes all memory. Here it is a separate process with a
limit on its memory, which hands over one table after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import Array
from n3hyper.theory.raw_table import RawTable, read_raw

_ROOM: Final = 256 * 2**20
"""Bytes of memory that the process may use for any file."""
_RATIO: Final = 200
"""Additional bytes of memory per byte of the file."""
_ARRAYS: Final = ("table", "normalizations", "xgrid")


class TableProcess:
    """Reader of tables in a separate process, started at once and ended by `close`.

    It is a context manager.
    """

    def __init__(self) -> None:
        self._process = self._start()
        self._asked: Path | None = None
        """What it reads before it is to hand it over."""

    def __enter__(self) -> TableProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "n3hyper.theory.table_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # where PineAPPL prints its panics
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )

    def read(self, path: Path, then: Path | None = None) -> RawTable:
        """Read a table; see `n3hyper.theory.raw_table.read_raw`.

        Parameters
        ----------
        then
            What will be read next: the process begins with it when it has read `path`.

        Raises
        ------
        TheoryError
            for a file that is not such a table, also if the process has ended because of it. The
            next file is then read by a new one.
        """
        try:
            return self._answer(path, then)
        except (OSError, EOFError, ValueError) as error:
            self.close()
            self._process, ended, self._asked = self._start(), self._process, None
            raise TheoryError(
                f"{path}: PineAPPL cannot read it as an FK table: it ends its process "
                f"(status {ended.returncode})"
            ) from error

    def _ask(self, path: Path) -> None:
        questions = self._process.stdin
        assert questions is not None
        questions.write(json.dumps(os.path.abspath(path)).encode() + b"\n")
        questions.flush()

    def _answer(self, path: Path, then: Path | None) -> RawTable:
        if self._asked != path:
            if self._asked is not None:
                with suppress(TheoryError):
                    self._receive()
            self._ask(path)
        if then is not None:
            self._ask(then)
        self._asked = then
        return self._receive()

    def _receive(self) -> RawTable:
        answers = self._process.stdout
        assert answers is not None
        line = answers.readline()
        if not line:
            raise EOFError
        found = json.loads(line)
        if "error" in found:
            raise TheoryError(found["error"])
        arrays = {name: _receive(answers, found["shapes"][name]) for name in _ARRAYS}
        return RawTable(
            channels=found["channels"],
            scale=found["scale"],
            polarized=tuple(found["polarized"]),
            **arrays,
        )

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):  # the process may have ended before it had read everything
                pipe.close()
        self._process.wait()


def _receive(answers: IO[bytes], shape: list[int]) -> Array:
    """Receive the numbers of an array, as `serve` sends them."""
    array = np.empty(shape)
    view, filled = array.data.cast("B"), 0
    while filled < array.nbytes:
        part = answers.readinto(view[filled:])  # type: ignore[attr-defined]
        if not part:
            raise EOFError
        filled += part
    return array


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Read the files named in `questions`, line by line, until there are no more."""
    for line in questions:
        path = Path(json.loads(line))
        _limit_memory(path)
        try:
            raw = read_raw(path)
        except TheoryError as error:
            answers.write(json.dumps({"error": str(error)}).encode() + b"\n")
        else:
            arrays = {name: getattr(raw, name) for name in _ARRAYS}
            shapes = {name: array.shape for name, array in arrays.items()}
            head = {
                "channels": raw.channels,
                "scale": raw.scale,
                "polarized": raw.polarized,
                "shapes": shapes,
            }
            answers.write(json.dumps(head).encode() + b"\n")
            for array in arrays.values():
                answers.write(np.ascontiguousarray(array, dtype=np.float64).data)
        answers.flush()


def _limit_memory(path: Path) -> None:
    """Limit the address space to its present size plus a bound from the length of the file."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        size = path.stat().st_size
    except (ImportError, OSError):
        return  # a system other than Linux, or no such file
    limit = pages * resource.getpagesize() + _ROOM + _RATIO * size
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def main() -> None:
    """Serve the process that started this one."""
    import pineappl.fk_table  # noqa: F401  # first, so that its memory does not count as a file's

    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
