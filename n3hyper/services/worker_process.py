"""``python -m n3hyper.services.worker_process``: one worker, as `n3hyper.services.fleet` starts it.

Its settings come by the standard input, as JSON: the URI may hold a password.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n3hyper.errors import N3HyperError

if TYPE_CHECKING:
    from n3hyper.services.evaluator import Prepare
    from n3hyper.services.worker import WorkerSettings


def encode_settings(settings: WorkerSettings, name: str) -> bytes:
    """The line that `main` reads."""
    values = dataclasses.asdict(settings)
    path = values["theory_path"]
    values["theory_path"] = None if path is None else str(path)
    return json.dumps({"name": name, **values}).encode() + b"\n"


def teller(name: str) -> Callable[[str], None]:
    """Prints lines with the time and the name of the worker."""

    def say(text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {name}: {text}", flush=True)

    return say


def main(prepare: Prepare | None = None) -> int:
    """Run one worker; the exit status of the process.

    Parameters
    ----------
    prepare
        In place of real fits, for tests and benchmarks.
    """
    from n3hyper.services.evaluator import prepare_fits
    from n3hyper.services.worker import WorkerSettings, run_worker

    values: dict[str, Any] = json.loads(sys.stdin.readline())
    say = teller(values.pop("name"))
    if values["theory_path"] is not None:
        values["theory_path"] = Path(values["theory_path"])
    try:
        return run_worker(WorkerSettings(**values), say, prepare or prepare_fits)
    except N3HyperError as err:
        say(str(err))
        return err.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
