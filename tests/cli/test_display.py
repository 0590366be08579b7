"""Tests of what a scan prints: plain lines, and the bars of a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from n3hyper.cli.displays.scan_display import LiveDisplay, ScanDisplay
from n3hyper.fitting.result import Progress


def console(width: int = 100) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)


def text(display: ScanDisplay) -> str:
    assert isinstance(display.console.file, io.StringIO)
    return display.console.file.getvalue()


def ended(loss: float | None) -> dict[str, Any]:
    if loss is None:
        return {"tid": 0, "result": {"status": "fail", "failure": {"reason": "nan"}}}
    return {"tid": 0, "result": {"status": "ok", "loss": loss}}


@pytest.mark.parametrize("kind", [ScanDisplay, LiveDisplay])
def test_a_line_for_each_trial(kind: type[ScanDisplay]) -> None:
    with kind(4, done=1, console=console()) as display:
        for loss in (2.5, 3.0, None):
            display.trial_started(0, {})
            display.fit_progress(Progress(0, 100, float("nan"), "compile"))
            display.fit_progress(Progress(50, 100, 1.25))
            display.trial_ended(ended(loss))
    printed = text(display)
    assert "trial 2/4  loss 2.5000 (best so far)" in printed
    assert "trial 3/4  loss 3.0000  " in printed
    assert "trial 4/4  failed: nan" in printed
    assert display.time_left() == 0


def test_bars_show_the_trial_under_way() -> None:
    with LiveDisplay(2, console=console()) as display:
        display.trial_started(0, {})
        display.fit_progress(Progress(50, 100, 1.25))
        assert isinstance(display, LiveDisplay)
        display._bars.refresh()
    assert "50/100" in text(display)
    assert "validation chi2 1.250" in text(display)
