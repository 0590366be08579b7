"""Tests of what a parallel scan prints, and of the options it takes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console

from n3hyper.cli.displays.parallel_display import LiveParallelDisplay, ParallelDisplay
from n3hyper.cli.options import parallel_request
from n3hyper.cli.running import resume_hint
from n3hyper.hyper_optimization.parallel_loop import Status
from n3hyper.scanning.request import ScanRequest

STATUS = Status(10, 4, 1, 2, 1, workers=2, per_hour=360.0, seconds_left=60.0)


def shown(kind: type[ParallelDisplay], statuses: list[Status], width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    trial: dict[str, Any] = {"tid": 7, "result": {"status": "ok", "loss": 2.5}}
    with kind(10, done=4, console=console) as display:
        for status in statuses:
            display.status(status)
        display.trial_ended(trial)
        if isinstance(display, LiveParallelDisplay):
            display._bars.refresh()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_lines_are_printed() -> None:
    """Print one line when workers come or go, for each message of a worker, and for each trial."""
    refused = Status(10, 4, 1, 0, 3, workers=0, per_hour=360.0, notes=("scan [x] differs",))
    lines = shown(ParallelDisplay, [STATUS, STATUS, refused, refused]).splitlines()
    assert lines == [
        "2 workers, 2 running, 1 queued, 4 done, 1 failed, 360 trials/h, 1 m 00 s left",
        "a worker says: scan [x] differs",
        "no workers, 0 running, 3 queued, 4 done, 1 failed, 360 trials/h",
        "trial 5/10 (number 7)  loss 2.5000 (best so far)",
    ]


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_a_terminal_of_any_width_shows_all(width: int) -> None:
    words = " ".join(shown(LiveParallelDisplay, [STATUS], width).split())
    for part in ("2 workers,", "2 running,", "4 done,", "1 failed,", "360 trials/h,", "5/10"):
        assert part in words


def test_options_of_parallel_scans_are_checked() -> None:
    assert parallel_request(False, None, None, None, None) is None
    with pytest.raises(click.UsageError, match="belong to --parallel"):
        parallel_request(False, None, None, None, 5.0)
    for lease in (0.1, 1e6):
        with pytest.raises(click.UsageError, match=r"--lease: .* is not a time from 0\.5 s"):
            parallel_request(True, None, None, lease, None)
    request = parallel_request(True, "db/uri", 3, 20.0, 5.0)
    assert request is not None
    assert (request.lease, request.database_timeout) == (20.0, 5.0)


def test_the_command_that_continues_has_the_options_of_the_scan(tmp_path: Path) -> None:
    request = ScanRequest(tmp_path / "x.yml", tmp_path, max_evals=9)
    request.pickle.parent.mkdir(parents=True)
    request.pickle.touch()
    parallel = parallel_request(True, "db/uri", 3, None, None)
    command = f"n3hyper restart --pkl {request.pickle} -n 9"
    assert resume_hint(request).endswith(command)
    expected = f"{command} --parallel --mongo-uri db/uri --workers 3"
    assert resume_hint(request, parallel).endswith(expected)
