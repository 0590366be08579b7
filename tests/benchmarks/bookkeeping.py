"""Cost of a trial beside its fit, by the number of trials before it: suggestion and store."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.processes import Unavailable, run
from tests.benchmarks.results import Results, Row, Target
from tests.benchmarks.store import measure_all, result
from tests.support.toy_trainer import HYPERSCAN, PARAMETERS

TIMEOUT = 1800.0


def measure_filetrials(
    python: Path, sizes: Sequence[int], notes: list[str]
) -> list[dict[str, Any]]:
    """Measure n3fit's FileTrials in hyperopt's loop: see `measured_filetrials`.

    Where it does not get to the end, what it has, and why in `notes`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record = result(np.random.default_rng(1))
        settings = {
            "parameters": PARAMETERS,
            "hyperscan": HYPERSCAN,
            "result": record,
            "trials": list(sizes),
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        script = Path(__file__).with_name("measured_filetrials.py")
        command = [python, script, folder / "report.json", folder / "settings.json"]
        (folder / "report.json").write_text("[]")
        try:
            run(command, {"PYTHONPATH": ""}, folder, TIMEOUT)
        except Unavailable as error:
            notes.append(f"n3fit's FileTrials: {error}")
        found: list[dict[str, Any]] = json.loads((folder / "report.json").read_text())
        return found


def rows(ours: dict[str, Any], theirs: dict[str, Any] | None) -> list[Row]:
    """Return the rows of one size of the scan."""
    number = f"{ours['trials']:,} trials"
    other = theirs or {}
    kept = other["trial"] - other["suggestion"] if theirs else None
    last = ours["trials"] >= 10_000
    return [
        Row(
            f"suggestion (TPE), {number}",
            "ms",
            ours["suggestion"],
            other.get("suggestion"),
            Target(no_worse=1.1) if last else None,
        ),
        Row(f"store, {number}", "ms", ours["store"], kept),
        Row(
            f"store beside writing the bytes, {number}",
            "ms",
            ours["own"],
            None,
            Target(at_most=10.0) if last else None,
        ),
    ]


def compare(
    results: Results,
    sizes: Sequence[int],
    python: Path | None,
    say: Callable[[str], None],
    on_news: Callable[[], None],
) -> None:
    """Add rows for scans of these sizes; without `python` for this package alone."""
    say(f"n3hyper: suggestion and store at {', '.join(map(str, sizes))} trials")
    ours = list(measure_all(sizes))
    theirs: dict[int, dict[str, Any]] = {}
    if python is not None:
        say("n3fit: the same")
        found = measure_filetrials(python, sizes, results.notes)
        theirs = {measured["trials"]: measured for measured in found}
    results.runs += [{"run": "store n3hyper", **measured} for measured in ours]
    results.runs += [{"run": "store n3fit", **measured} for measured in theirs.values()]
    for measured in ours:
        results.add("a trial beside its fit", rows(measured, theirs.get(measured["trials"])))
    on_news()
