"""n3hyper's own scan with a clock as display: ``python -m tests.benchmarks.measured_n3hyper``.

    python -m tests.benchmarks.measured_n3hyper REPORT -- ARGUMENTS OF n3hyper

It is the command line as users run it, up to the display of a scan, which here writes down when it
was told what, and what CPU time scan and fits had taken by then. REPORT is JSON: times are seconds
since the epoch of the clock (``time.time``).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from n3hyper.cli import main
from n3hyper.cli.displays import scan_display
from n3hyper.cli.displays.scan_display import ScanDisplay
from tests.benchmarks.processes import cpu_seconds


class Clock(ScanDisplay):
    """Listener that records events with their times."""

    def __init__(self, total: int, done: int = 0) -> None:
        super().__init__(total, done)
        self.trials: list[dict[str, Any]] = []

    def trial_started(self, tid: int, params: dict[str, Any]) -> None:
        self.trials.append({"begin": time.time(), "progress": []})

    def fit_progress(self, progress: Any) -> None:
        now = (time.time(), cpu_seconds())
        self.trials[-1]["progress"].append((*now, progress.stage, progress.epoch))

    def trial_ended(self, trial: dict[str, Any]) -> None:
        self.trials[-1].update(end=time.time(), result=trial["result"])


def measure(report: Path, arguments: list[str]) -> int:
    """Run n3hyper with `arguments` and return its exit status."""
    clocks: list[Clock] = []

    def make_clock(total: int, done: int = 0, quiet: bool = False) -> Clock:
        clocks.append(Clock(total, done))
        return clocks[-1]

    scan_display.make_display = make_clock
    try:
        main(arguments)
    except SystemExit as end:
        status = end.code
    report.write_text(json.dumps({"trials": clocks[-1].trials if clocks else []}, default=plain))
    return status if isinstance(status, int) else 1


def plain(value: Any) -> Any:
    """Turn an object that JSON cannot hold into a list or a number."""
    return value.tolist()


if __name__ == "__main__":
    raise SystemExit(measure(Path(sys.argv[1]), sys.argv[3:]))
