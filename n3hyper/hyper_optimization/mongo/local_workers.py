"""The workers that a scan starts on its own host."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from n3hyper.hyper_optimization.mongo.address import VARIABLE
from n3hyper.system.own_files import open_log
from n3hyper.system.processes import leashed, stop_process

WORKER_LOG: Final = "workers.log"
_ENDING: Final = 20.0
"""Seconds that workers are given to end."""


class LocalWorkers:
    """The process that looks after workers; it ends with this one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Return whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(
        self,
        command: Sequence[str],
        options: Mapping[str, Any],
        *,
        uri: str,
        log: Path,
        workdir: Path | str | None,
        same_modules: bool = False,
    ) -> None:
        """Start it, unless it runs.

        Parameters
        ----------
        command
            ``n3hyper mongo-worker``, or what takes its options.
        options
            With their values; those that are None are left out, and those of a list are repeated.
        uri
            Of the database.
        log
            File that what it prints is added to; see `n3hyper.system.own_files.open_log`.
        workdir
            Of the process; this one's by default.
        same_modules
            Whether it imports from where this process does.
        """
        if self.running:
            return
        given = [*command]
        for name, value in options.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            for text in values:
                given += [] if text is None else [name, str(text)]
        environment = {**os.environ, VARIABLE: uri}
        if same_modules:
            environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        with open_log(log) as output:
            self._process = subprocess.Popen(
                leashed(given),
                # the URI may hold a password: not on the command line
                env=environment,
                cwd=workdir,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it, and the workers with it."""
        if self._process is not None:
            stop_process(self._process, _ENDING)
            self._process = None
