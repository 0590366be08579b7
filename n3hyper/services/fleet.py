"""Fleet of the workers of one host: their cores and GPUs, and their restart when they die."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from n3hyper.services.worker_settings import WorkerSettings
from n3hyper.system.cores import usable_cores
from n3hyper.system.processes import leashed, stop_process

COMMAND: Final = (sys.executable, "-m", "n3hyper.services.worker_process")
_LIVED: Final = 60.0
"""Seconds of life after which a worker's death no longer counts as consecutive."""
_THREAD_VARIABLES: Final = (
    "TF_NUM_INTRAOP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
_ENDED: Final = (0, 130)


def usable_gpus() -> list[str]:
    """Return the names of the GPUs for CUDA_VISIBLE_DEVICES, none if there are none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, line in enumerate(_gpu_lines(listed)) if line]


def _gpu_lines(listed: str) -> list[str]:
    return [line for line in listed.splitlines() if line.startswith("GPU ")]


def worker_environment(
    number: int, workers: int, cores: int, gpus: Sequence[str]
) -> dict[str, str]:
    """Return the environment that gives worker `number` of `workers` its share of the host.

    Threads are divided, at least one each, unless the user has set them; GPUs are assigned in turn.

    Examples
    --------
    >>> worker_environment(1, 2, cores=8, gpus=["0", "1"])["TF_NUM_INTRAOP_THREADS"]
    '4'
    >>> worker_environment(1, 2, cores=8, gpus=["0", "1"])["CUDA_VISIBLE_DEVICES"]
    '1'
    """
    environment: dict[str, str] = {}
    if workers > 1:
        threads = str(max(1, cores // workers))
        environment = {name: threads for name in _THREAD_VARIABLES if name not in os.environ}
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    return environment


@dataclass
class _Slot:
    """Slot for one worker."""

    number: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    wait_until: float = 0.0
    over: bool = False


@dataclass
class Fleet:
    """Fleet of worker processes that are kept running.

    Parameters
    ----------
    settings
        Settings of each worker.
    workers
        Number of workers.
    say
        Receives a line for each death.
    max_consecutive_failures
        Deaths in a row, each within a minute of its start, after which a slot stays empty.
    command
        Command line of a worker process.
    """

    settings: WorkerSettings
    workers: int
    say: Callable[[str], None]
    max_consecutive_failures: int = 10
    command: Sequence[str] = COMMAND
    _slots: list[_Slot] = field(default_factory=list)

    def start(self) -> None:
        """Start all workers."""
        self._cores, self._gpus = usable_cores(), usable_gpus()
        self._slots = [_Slot(number) for number in range(self.workers)]
        for slot in self._slots:
            self._start(slot)

    def tend(self) -> bool:
        """Restart workers that have died; return whether any worker is left."""
        now = time.monotonic()
        for slot in self._slots:
            if slot.process is not None and slot.process.poll() is not None:
                self._ended(slot, slot.process.returncode, now)
            if slot.process is None and not slot.over and now >= slot.wait_until:
                self._start(slot)
        return any(not slot.over for slot in self._slots)

    @property
    def failed(self) -> bool:
        """Return whether a worker has ended abnormally."""
        return any(slot.deaths for slot in self._slots if slot.over)

    def stop(self) -> None:
        """Ask all workers to end, and wait for them."""
        processes = [slot.process for slot in self._slots if slot.process is not None]
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            stop_process(process, 15.0)

    def _start(self, slot: _Slot) -> None:
        share = worker_environment(slot.number, self.workers, self._cores, self._gpus)
        slot.process = subprocess.Popen(
            leashed([*self.command, f"worker {slot.number + 1}"]),
            stdin=subprocess.PIPE,
            env={**os.environ, **share},
            # Ctrl-C is meant for this process, which ends its workers
            start_new_session=True,
        )
        slot.started = time.monotonic()
        assert slot.process.stdin is not None
        try:
            slot.process.stdin.write(self.settings.encode())
            slot.process.stdin.close()
        except BrokenPipeError:
            pass  # it has already died, which tend() will notice

    def _ended(self, slot: _Slot, status: int, now: float) -> None:
        slot.process = None
        if status in _ENDED:
            slot.over = True
            slot.deaths = 0
            return
        slot.deaths = 1 if now - slot.started > _LIVED else slot.deaths + 1
        # an exit status is the worker's own decision; a signal may come from anybody
        slot.over = status > 0 or slot.deaths >= self.max_consecutive_failures
        slot.wait_until = now + min(2.0 ** (slot.deaths - 1) - 1.0, 30.0)
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        then = "not started again" if slot.over else "started again"
        self.say(f"worker {slot.number + 1} ended {how}: {then}")


def run_fleet(fleet: Fleet) -> int:
    """Keep the workers running until all have ended by themselves; return 1 if any failed."""
    try:
        fleet.start()
        while fleet.tend():
            time.sleep(0.1)
    finally:
        fleet.stop()
    return int(fleet.failed)
