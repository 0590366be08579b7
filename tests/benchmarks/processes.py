"""Programs that are measured from outside: time, memory, and their last words on failure."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.2
"""Seconds between two looks at the memory."""


class Unavailable(Exception):
    """Error in one line for a part that cannot be measured here."""


@dataclass(frozen=True)
class Run:
    """Run of a program that has ended well."""

    started: float
    """``time.time()`` before it was started."""
    seconds: float
    peak_mb: float | None
    """Resident memory of the program and of those that it started; None where the system has no
    ``/proc``."""


def resident(process: str = "self") -> float:
    """Return the resident memory of a process and of those it started, in MB."""
    folder = Path("/proc") / process
    lines = (folder / "status").read_text().splitlines()
    own = sum(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))
    return own + sum(_of_children(resident, folder))


def cpu_seconds(process: str = "self") -> float:
    """Return the CPU time of a process and of its running children."""
    folder = Path("/proc") / process
    # user and system time; the name of the program, in brackets, may hold blanks
    ticks = (folder / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
    own = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return own + sum(_of_children(cpu_seconds, folder))


def _of_children(measure: Callable[[str], float], folder: Path) -> Iterator[float]:
    """Yield the value of each child of the process of a folder in ``/proc``."""
    for task in folder.glob("task/*/children"):
        with suppress(OSError):  # it has just ended
            for child in task.read_text().split():
                yield measure(child)


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    folder: Path,
    timeout: float,
    allowed: Sequence[int] = (0,),
) -> Run:
    """Run a program in `folder`, and wait for its end, which must be with a status of `allowed`.

    Raises
    ------
    Unavailable
        It fails, or takes more than `timeout` seconds; the message ends with its last line.
    """
    peak: list[float] = []
    done = threading.Event()
    with tempfile.TemporaryFile("w+") as output:
        started = time.time()
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

        def watch() -> None:
            while not done.wait(INTERVAL):
                with suppress(OSError):
                    peak.append(resident(str(process.pid)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Unavailable(f"{_name(command)} took more than {timeout:.0f} s") from None
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            done.set()
            watcher.join()
        seconds = time.time() - started
        output.seek(0)
        lines = [line for line in output.read().splitlines() if line.strip()]
    if status not in allowed:
        last = lines[-1].strip()[:300] if lines else "no output"
        raise Unavailable(f"{_name(command)} ended with status {status}: {last}")
    return Run(started, seconds, max(peak, default=None))


def _name(command: Sequence[str | Path]) -> str:
    return Path(str(command[0])).name + " " + " ".join(Path(str(p)).name for p in command[1:3])
