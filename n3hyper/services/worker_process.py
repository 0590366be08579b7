"""Process of one worker of a fleet: ``python -m n3hyper.services.worker_process NAME``.

Its settings come through the standard input, since the URI may contain a password.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from n3hyper.errors import N3HyperError
from n3hyper.hyper_optimization.mongo.connection import printable

if TYPE_CHECKING:
    from n3hyper.services.evaluator import PrepareFits


def teller(name: str) -> Callable[[str], None]:
    """Return a function that prints lines with the time and the name of the worker."""

    def say(text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {name}: {printable(text)}", flush=True)

    return say


def main(prepare: PrepareFits | None = None) -> int:
    """Run one worker and return the exit status of the process.

    Parameters
    ----------
    prepare
        Replacement of real fits, for tests and benchmarks.
    """
    from n3hyper.services.evaluator import prepare_fits
    from n3hyper.services.worker import run_worker
    from n3hyper.services.worker_settings import WorkerSettings

    say = teller(sys.argv[-1])
    try:
        settings = WorkerSettings.decode(sys.stdin.readline())
        fits = partial(prepare_fits, memory=settings.memory)
        return run_worker(settings, say, prepare or fits)
    except N3HyperError as err:
        say(str(err))
        return err.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
