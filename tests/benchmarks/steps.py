"""What a step of the training costs, and what it would at least: `tests.benchmarks.engine` as rows.

The engine is measured in a process of its own, since memory that others left changes its times.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.processes import Unavailable, run
from tests.benchmarks.results import Results, Row, Target

TIMEOUT = 1800.0
WITHIN = 3.0
"""Times the bound that a step may take."""


def measure(
    results: Results,
    problem: str,
    batches: Sequence[str],
    say: Callable[[str], None],
    on_news: Callable[[], None],
) -> None:
    """Add rows of a problem (``DIS`` or ``global``) by batch, or a note where there are none."""
    if not batches:
        return
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "steps.json"
        options = ["--problem", problem, "--json", str(report), "--batches", *batches]
        command = [sys.executable, "-m", "tests.benchmarks.engine", *options]
        say(f"steps of {problem}")
        try:
            run(command, dict(os.environ), Path.cwd(), TIMEOUT)
        except Unavailable as error:
            results.notes.append(f"steps of {problem}: {error}")
            return
        for name, found in json.loads(report.read_text()).items():
            results.add(f"{problem}: a step", rows(name, found))
    on_news()


def rows(batch: str, found: dict[str, float]) -> list[Row]:
    """Return the rows of a batch; what stands in n3fit's column is the bound's ratio to ours."""
    ratio = found["seconds"] / found["bound"]
    return [
        Row(f"{batch}: numbers read", "M", found["numbers"] / 1e6, None),
        Row(f"{batch}: multiplications", "M", found["multiplications"] / 1e6, None),
        Row(f"{batch}: seconds of a step", "ms", 1e3 * found["seconds"], None),
        Row(f"{batch}: times the bound of this machine", "", ratio, None, Target(at_most=WITHIN)),
    ]
