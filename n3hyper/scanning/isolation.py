"""Fits in a separate process, so that a scan outlives them.

The memory of a compiled program is never given back to the system, not even with all of
TensorFlow's state: some 15 MB for each new architecture. A fit may also be killed for lack of
memory, or crash in foreign code. The process of the fits is therefore replaced when it has grown or
died, and the scan, which holds the trials, never imports TensorFlow. It also reacts to signals at
once.

The process ends when the scan does, whatever ends it. Both are one program on one machine, hence
their messages are pickled.
"""

from __future__ import annotations

import importlib
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import FitError
from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.evaluation import evaluate
from n3hyper.hyper_optimization.record import Record, failed_result
from n3hyper.system.processes import leashed

GROWTH: Final = 512.0
"""MB by which the process of the fits may grow after the first of them."""
_DOOMED: Final = 1.0
"""Seconds to wait whether a kill is meant for all processes of the scan."""
_ENDINGS: Final = ("SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP")
"""Signals that end a job: they are not the fault of a fit."""

Make = Callable[[Callable[[Progress], None]], Any]
"""Function that makes a trainer, which reports its progress to another; it is pickled."""


class IsolatedTrainer:
    """Trainer whose fits run in a separate process.

    Parameters
    ----------
    on_progress
        Receives the progress of the trainer.
    warm_up
        Functions, as ``module:name``, that the process calls first, while the caller is still
        preparing the first fit.
    growth
        MB by which the process may grow; see `GROWTH`.
    """

    def __init__(
        self,
        on_progress: Callable[[Progress], None],
        warm_up: Sequence[str] = (),
        growth: float = GROWTH,
    ) -> None:
        self.on_progress = on_progress
        self._warm_up = tuple(warm_up)
        self._growth = growth
        self._make: Make | None = None
        self._keys: Sequence[str] | None = None
        self._process: _Process | None = _Process(self._warm_up)

    def prepare(self, make: Make) -> None:
        """Set the function that makes the trainer; call this before the first fit."""
        self._make = make

    def set_hyperopt(self, hyperopt_on: bool, keys: Sequence[str] = ()) -> None:
        """Switch hyperopt on or off, as in `n3hyper.fitting.model_trainer.ModelTrainer`."""
        self._keys = list(keys) if hyperopt_on else None

    def start(self) -> None:
        """Wait until fits can be run; the first fit does so as well.

        Raises
        ------
        FitError
            when the process cannot fit at all, or has died.
        KeyboardInterrupt
            when it was ended by a signal that ends jobs.
        """
        process = self._running()
        try:
            process.get_ready(self._make, self._keys)
        except (EOFError, OSError) as err:
            self._process = None
            raise FitError(_died(process.end())["failure"]["text"]) from err
        except BaseException:
            self.close()
            raise

    def hyperparametrizable(self, params: Mapping[str, Any]) -> Record:
        """Return the result of a trial, which is a failure if the process died.

        Raises
        ------
        FitError
            when the process cannot fit at all.
        KeyboardInterrupt
            when it was ended by a signal that ends jobs.
        """
        process = self._running()
        try:
            process.get_ready(self._make, self._keys)
            process.send(("fit", dict(params)))
            result, memory = process.result(self.on_progress)
        except (EOFError, OSError):
            self._process = None
            return _died(process.end())
        except BaseException:
            self.close()
            raise
        if process.baseline is None:
            process.baseline = memory
        elif memory - process.baseline > self._growth:
            self.close()
        return result

    def _running(self) -> _Process:
        """Return the process, a new one if it died while idle, which is no trial's fault."""
        if self._process is not None and not self._process.alive:
            self.close()
        if self._process is None:
            self._process = _Process(self._warm_up)
        return self._process

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def __enter__(self) -> IsolatedTrainer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Process:
    """Process of the fits, seen from the scan."""

    def __init__(self, warm_up: Sequence[str]) -> None:
        self._connection, theirs = Pipe()
        command = [sys.executable, "-m", __name__, str(theirs.fileno()), *warm_up]
        self._popen = subprocess.Popen(
            leashed(command), pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        self.baseline: float | None = None
        self._ready = False

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def get_ready(self, make: Make | None, keys: Sequence[str] | None) -> None:
        """Let the process make the trainer, once."""
        if not self._ready:
            send_large(self._connection, ("make", make, keys))
            self._receive()
            self._ready = True

    def send(self, message: Any) -> None:
        self._connection.send(message)

    def _receive(self) -> list[Any]:
        message: list[Any] = list(self._connection.recv())
        if message[0] == "broken":
            raise FitError(f"fits cannot be run: {message[1]}")
        return message

    def result(self, on_progress: Callable[[Progress], None]) -> tuple[Record, float]:
        """Return the result of the fit under way, and the memory of the process in MB."""
        while True:
            kind, *content = self._receive()
            if kind == "result":
                return content[0], content[1]
            on_progress(content[0])

    def end(self) -> int:
        """Wait for the end of a process that has closed its connection; return its exit status."""
        self._connection.close()
        return self._popen.wait()

    def kill(self) -> None:
        self._connection.close()
        self._popen.kill()
        self._popen.wait()


def send_large(connection: Connection, message: Any) -> None:
    """Send a message with large arrays, for `receive_large`, without a copy of these."""
    arrays: list[pickle.PickleBuffer] = []
    connection.send_bytes(pickle.dumps(message, protocol=5, buffer_callback=arrays.append))
    connection.send([array.raw().nbytes for array in arrays])
    for array in arrays:
        if array.raw().nbytes:
            connection.send_bytes(array.raw())


def receive_large(connection: Connection) -> Any:
    """Return what `send_large` sends; the arrays can be written to."""
    message = connection.recv_bytes()
    arrays = [bytearray(size) for size in connection.recv()]
    for array in arrays:
        if array:
            connection.recv_bytes_into(array)
    return pickle.loads(message, buffers=arrays)  # from the same program


def _died(status: int) -> Record:
    """Return the failure of a fit whose process is gone."""
    name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    if name in _ENDINGS:
        raise KeyboardInterrupt(f"the process of the fit was ended by {name}")
    if name == "SIGKILL":
        time.sleep(_DOOMED)
        return failed_result(
            "memory",
            "the process of the fit was killed, most likely out of memory; --memory bounds it",
        )
    return failed_result("exception", f"the process of the fit died: {name}")


def _resident() -> float:
    """Resident memory of this process in MB; 0 where the system does not say."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return float(line.split()[1]) / 1024
    return 0.0


def _serve(connection: Connection, warm_up: Sequence[str]) -> None:
    """Run the fits that the scan asks for, until it closes the connection."""

    def say(*message: Any) -> None:
        connection.send(message)

    try:
        for function in warm_up:
            module, name = function.split(":")
            getattr(importlib.import_module(module), name)()
        _, make, keys = receive_large(connection)
        trainer = make(lambda progress: say("progress", progress))
        if keys is not None and hasattr(trainer, "set_hyperopt"):
            trainer.set_hyperopt(True, keys=keys)
        say("ready")
    except EOFError:
        return
    except Exception as err:  # noqa: BLE001  # the scan has to know of any error
        say("broken", f"{type(err).__name__}: {err}")
        return
    while True:
        try:
            _, params = connection.recv()
        except EOFError:
            return
        say("result", evaluate(trainer, params), _resident())


def main() -> None:
    """Run the process: ``python -m n3hyper.scanning.isolation CONNECTION [WARM_UP ...]``."""
    # a terminal sends Ctrl-C, and a batch system its signals, to all; the scan decides
    for name in ("SIGINT", "SIGUSR1"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    with suppress(BrokenPipeError), Connection(int(sys.argv[1])) as connection:
        _serve(connection, sys.argv[2:])


if __name__ == "__main__":
    main()
