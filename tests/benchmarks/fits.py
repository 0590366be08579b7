"""Fits of both programs, side by side: start, compilation, epochs, trials, memory, chi2.

Each measurement is a scan of one runcard by the program itself, in a process of its own, with
clocks at its doors (`measured_n3hyper`, `measured_n3fit`). The programs take turns.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from n3hyper.data.build import build_problem
from n3hyper.runcard import load_runcard
from tests.benchmarks.cards import SHARED, Place, global_runcard, make_place, runcard, write_runcard
from tests.benchmarks.processes import Run, Unavailable, run
from tests.benchmarks.results import Results, Row, Target
from tests.benchmarks.ruler import Reached, reached_by_pdfs, reached_by_record

ROOT: Final = Path(__file__).resolve().parents[2]
CHUNK: Final = 100
"""Epochs that a time is averaged over; the first of each fit are not counted in either program,
since they trace and compile."""
TIMEOUT: Final = 3600.0
OUR_TRIALS: Final = ("tanh", "tanh", "sigmoid")
"""Activation of each trial: the first starts all, the second finds its program compiled, the third
compiles another one in a scan that is under way. n3fit compiles each fold of each trial."""


@dataclass(frozen=True)
class Batch:
    """Folds x replicas of a trial, and the number of epochs of its fits."""

    folds: int
    replicas: int
    epochs: int
    folds_of_n3fit: int
    """n3fit fits one fold after the other: two of them tell what an epoch of four costs; 0 for a
    batch that n3fit is not asked to fit."""

    @property
    def name(self) -> str:
        """Name of the batch in rows."""
        return f"{self.folds}x{self.replicas}"

    @property
    def complete(self) -> bool:
        """Whether both programs run the same trial to its end."""
        return self.folds == self.folds_of_n3fit


FULL: Final = (
    Batch(1, 1, 1000, 1),
    Batch(4, 1, 1000, 4),
    Batch(4, 8, 1000, 4),
    Batch(4, 32, 300, 2),
)
QUICK: Final = (Batch(1, 1, 300, 1), Batch(4, 8, 300, 2))
GLOBAL: Final = (
    Batch(1, 1, 1000, 1),
    Batch(4, 1, 1000, 4),
    Batch(4, 8, 300, 2),
    Batch(4, 32, 300, 2),
    Batch(4, 100, 200, 0),
)
QUICK_GLOBAL: Final = (Batch(1, 1, 300, 1), Batch(4, 8, 200, 1))


@dataclass(frozen=True)
class Kind:
    """Fit that both programs are measured with, and what it is to reach."""

    name: str
    runcard: Callable[[Place, int, int, Sequence[str]], dict[str, Any]]
    """From place, folds, epochs and activations."""
    at_least: Mapping[str, float]
    """How many times faster than n3fit an epoch of a model is to be, by batch."""
    to_epoch: tuple[float, float]
    """Seconds to the first epoch, at most, with a cold and a warm cache."""
    beside: tuple[float, float]
    """Seconds of a trial beside its epochs, at most, with a known and a new architecture."""


DIS: Final = Kind("DIS", runcard, {"1x1": 25.0, "4x8": 50.0}, (15.0, 15.0), (1.0, 5.0))
WHOLE: Final = Kind(
    "global",
    global_runcard,
    {"1x1": 25.0, "4x1": 50.0, "4x8": 50.0},
    (12.0, 8.0),
    (1.0, 4.0),
)


@dataclass(frozen=True)
class Measured:
    """Measurements of one scan of one program; times in seconds."""

    to_trial: float
    """From the start of the program to its first trial."""
    to_epoch: float
    """To the end of the first compilation (of n3fit: of the first step)."""
    compilation: float
    """Of the first trial, all folds together."""
    chunks: list[float]
    """An epoch of all models of the batch, averaged over `CHUNK` epochs, chunk after chunk."""
    cpu: list[float]
    """The same in CPU time."""
    trials: list[float]
    """Each trial from the parameters to the record."""
    beside: list[float]
    """What of it is not epochs."""
    peak_mb: float | None
    reached: Reached
    extra: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the measurements for JSON."""
        kept = {
            name: value for name, value in vars(self).items() if name not in {"reached", "extra"}
        }
        return {**kept, "chi2": self.reached.summary(), **self.extra}


def measure_n3hyper(place: Place, card: Path, replicas: int, trials: int, out: Path) -> Measured:
    """Scan with this package; runcards of one folder share a cache of data."""
    report = out.with_suffix(".json")
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.measured_n3hyper",
        report,
        "--",
        "scan",
        card,
    ]
    options = ["-o", out, "-n", trials, "-r", replicas, "-q", "--max-failures", trials + 1]
    if card.parent == place.folder:
        options += ["--theory-path", place.theories]
    cache = place.folder / f"cache_{card.parent.name}"
    environment = {**place.environment, "N3HYPER_CACHE": str(cache)}
    # a trial that was cut short for the benchmark may fail by positivity, which is no mistake
    ended = run([*command, *map(str, options)], environment, ROOT, TIMEOUT, allowed=(0, 1))
    return read_n3hyper(json.loads(report.read_text()), ended)


def read_n3hyper(report: dict[str, Any], ended: Run) -> Measured:
    """Read the report of `measured_n3hyper`."""
    trials = report["trials"]
    if not trials or any("kfold_meta" not in trial.get("result", {}) for trial in trials):
        raise Unavailable("n3hyper: a trial ended without having been fitted")
    seconds = [trial["result"]["seconds"] for trial in trials]
    first = trials[0]
    compiled = [_compiled(trial) for trial in trials]
    chunks = [
        _chunks_of_progress([(begin, None, "train", 0), *trial["progress"]])
        for trial, begin in zip(trials, compiled, strict=True)
    ]
    return Measured(
        to_trial=first["begin"] - ended.started,
        to_epoch=compiled[0] - ended.started,
        compilation=seconds[0]["compile"],
        chunks=[wall for chunk in chunks for wall, _ in chunk],
        cpu=[cpu for chunk in chunks for _, cpu in chunk if cpu is not None],
        trials=[trial["end"] - trial["begin"] for trial in trials],
        beside=[
            trial["end"] - trial["begin"] - spent["train"]
            for trial, spent in zip(trials, seconds, strict=True)
        ],
        peak_mb=ended.peak_mb,
        reached=reached_by_record(first["result"]),
        extra={"stages": seconds},
    )


def _compiled(trial: dict[str, Any]) -> float:
    """Return the time at which the compilation of a trial was done."""
    begin = next(when for when, _, stage, _ in trial["progress"] if stage == "compile")
    return float(begin + trial["result"]["seconds"]["compile"])


def _chunks_of_progress(
    progress: Sequence[tuple[float, float | None, str, int]],
) -> list[tuple[float, float | None]]:
    """Return wall and CPU seconds per epoch between reports (time, CPU time, stage, epoch).

    The first is left out if there are more, and so are rests of less than half a `CHUNK`, in which
    the report costs more than the epochs.

    >>> _chunks_of_progress([(5.0, None, "train", 0), (7.0, 3.0, "train", 100),
    ...                      (8.0, 5.0, "train", 200), (8.1, 5.0, "train", 201)])
    [(0.01, 0.02)]
    """
    training = [report for report in progress if report[2] == "train"]
    chunks = [
        ((b - a) / (n - m), None if before is None else (after - before) / (n - m))
        for (a, before, _, m), (b, after, _, n) in itertools.pairwise(training)
        if n - m >= CHUNK // 2
    ]
    return chunks[1:] or chunks


def measure_n3fit(python: Path, place: Place, card: Path, replicas: int, out: Path) -> Measured:
    """Scan with n3fit, with replicas in parallel as by default."""
    problem = build_problem(load_runcard(card), replicas, place.theories)
    grid, report = place.folder / "xgrid.json", out.with_suffix(".json")
    grid.write_text(json.dumps(problem.theory.xgrid.tolist()))
    script = Path(__file__).with_name("measured_n3fit.py")
    arguments = [card, "1", "-r", replicas, "--hyperopt", "1", "--skip-md5-check", "-o", out]
    command = [python, script, report, grid, "--", *map(str, arguments)]
    ended = run(command, {**place.environment, "PYTHONPATH": ""}, place.folder, TIMEOUT)
    content = json.loads(report.read_text())
    pdfs = np.array(content.pop("pdfs"), dtype=float)
    return read_n3fit(content, ended, reached_by_pdfs(problem, pdfs))


def read_n3fit(report: dict[str, Any], ended: Run, reached: Reached) -> Measured:
    """Read the report of `measured_n3fit`."""
    folds = report["folds"]
    chunks, cpu = ([_chunks_of_steps(fold[name]) for fold in folds] for name in ("steps", "cpu"))
    seconds = report["trial_end"] - report["trial_begin"]
    epochs = sum(
        len(fold["steps"]) * statistics.median(times)
        for fold, times in zip(folds, chunks, strict=True)
    )
    return Measured(
        to_trial=report["trial_begin"] - ended.started,
        to_epoch=folds[0]["steps"][0] - ended.started,
        compilation=sum(fold["steps"][0] - fold["begin"] for fold in folds),
        chunks=[time for times in chunks for time in times],
        cpu=[time for times in cpu for time in times],
        trials=[seconds],
        beside=[seconds - epochs],
        peak_mb=ended.peak_mb,
        reached=reached,
        extra={key: report[key] for key in ("own", "versions", "gpus")},
    )


def _chunks_of_steps(ends: Sequence[float]) -> list[float]:
    """Return seconds per step in chunks of `CHUNK` steps, without the first chunk."""
    marks = ends[CHUNK - 1 :: CHUNK]
    return [(b - a) / CHUNK for a, b in itertools.pairwise(marks)]


@dataclass
class Comparison:
    """Measurements of both programs, by batch."""

    batches: Sequence[Batch]
    kind: Kind = DIS
    ours: dict[str, list[Measured]] = field(default_factory=dict)
    theirs: dict[str, list[Measured]] = field(default_factory=dict)
    quickstart: list[Measured] = field(default_factory=list)
    """First with an empty cache of data, then with a full one."""

    def rows(self) -> dict[str, list[Row]]:
        """Return the rows of each section."""
        sections = {
            "start and compilation": self._start(),
            "an epoch, per model": [row for batch in self.batches for row in self._epoch(batch)],
            "a whole trial": [row for batch in self.batches for row in self._trial(batch)],
            "peak memory": [
                Row(f"folds x replicas {batch.name}", "MB", *self._both(batch, "peak_mb"))
                for batch in self.batches
            ],
            "chi2 per point": [row for batch in self.batches for row in self._chi2(batch)],
        }
        return {f"{self.kind.name}: {name}": rows for name, rows in sections.items() if rows}

    def _both(self, batch: Batch, name: str) -> tuple[float | None, float | None]:
        """Return a number of each program, the median over its runs."""
        return tuple(
            _median([getattr(measured, name) for measured in runs.get(batch.name, ())])
            for runs in (self.ours, self.theirs)
        )

    def _start(self) -> list[Row]:
        rows = []
        first = self.batches[0].name if self.batches else ""
        ours, theirs = self.ours.get(first, []), self.theirs.get(first, [])
        n3fit = {name: _median([getattr(run, name) for run in theirs]) for name in _STARTS}
        for name, text in _STARTS.items():
            for cache, most, run_ in zip(("cold", "warm"), self.kind.to_epoch, ours, strict=False):
                target = Target(at_most=most) if name == "to_epoch" else None
                row = f"start to first {text}, {cache} cache"
                rows.append(Row(row, "s", getattr(run_, name), n3fit[name], target))
        for cache, run_ in zip(("cold", "warm"), self.quickstart, strict=False):
            row = f"quickstart: start to first epoch, {cache} cache"
            rows.append(Row(row, "s", run_.to_epoch, None, Target(at_most=10.0)))
        for batch in self.batches:
            ours_, theirs_ = self._both(batch, "compilation")
            if theirs_ is not None:
                theirs_ *= batch.folds / max(batch.folds_of_n3fit, 1)
            rows.append(Row(f"compilation for a trial of {batch.name}", "s", ours_, theirs_))
        return rows

    def _epoch(self, batch: Batch) -> list[Row]:
        """Return rows of an epoch; CPU time is its cost where other programs share the cores."""
        least = self.kind.at_least.get(batch.name)
        rows = []
        for name, text in (("chunks", ""), ("cpu", ", CPU time")):
            numbers = []
            # the batch of n3fit is the replicas of one fold
            for runs, models in (
                (self.ours, batch.folds * batch.replicas),
                (self.theirs, batch.replicas),
            ):
                times = [time for run_ in runs.get(batch.name, ()) for time in getattr(run_, name)]
                # CPU time is counted in hundredths of a second: their median would be coarse
                typical = statistics.median if name == "chunks" else statistics.mean
                numbers.append(1e3 * typical(times) / models if times else None)
            target = Target(at_least=least) if least and name == "chunks" else None
            rows.append(Row(f"folds x replicas {batch.name}{text}", "ms", *numbers, target))
        return rows

    def _trial(self, batch: Batch) -> list[Row]:
        rows = []
        ours, theirs = self.ours.get(batch.name, []), self.theirs.get(batch.name, [])
        n3fit = {
            name: _median([getattr(run, name)[0] for run in theirs]) if batch.complete else None
            for name in ("trials", "beside")
        }
        target = Target(at_least=30.0) if batch.epochs == 1000 and batch.folds == 4 else None
        states = ("known architecture", "new architecture")
        for number, (state, most) in enumerate(zip(states, self.kind.beside, strict=True), 1):
            runs = [run for run in ours if len(run.trials) > number]
            times = {name: _median([getattr(run, name)[number] for run in runs]) for name in n3fit}
            text = f"{batch.name}, {batch.epochs} epochs, {state}"
            rows.append(Row(text, "s", times["trials"], n3fit["trials"], target))
            text = f"{batch.name}, beside its epochs, {state}"
            rows.append(Row(text, "s", times["beside"], n3fit["beside"], Target(at_most=most)))
        return rows

    def _chi2(self, batch: Batch) -> list[Row]:
        if not batch.complete or batch.epochs < 1000:
            return []
        pairs = [
            runs[batch.name][0].reached.summary() if runs.get(batch.name) else {}
            for runs in (self.ours, self.theirs)
        ]
        no_worse = Target(no_worse=1.05)
        return [
            Row(f"{batch.name}, {name}", "", *(pair.get(name) for pair in pairs), target)
            for name, target in (
                ("training", no_worse),
                ("validation", no_worse),
                ("left out", no_worse),
                ("on a plateau", None),
            )
        ]


_STARTS: Final = {"to_trial": "trial", "to_epoch": "epoch"}


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def compare(
    results: Results,
    kind: Kind,
    batches: Sequence[Batch],
    python: Path | None,
    rounds: int,
    quickstart: bool,
    say: Callable[[str], None],
    on_news: Callable[[], None],
) -> None:
    """Measure both programs and put the rows into `results`.

    Parameters
    ----------
    kind
        Which fit.
    python
        Of n3fit's environment; None for this package alone.
    rounds
        How often each batch is measured. This package is measured before and after n3fit.
    quickstart
        Measure the start of the quickstart, too (of this package: its runcard has no t0 set).
    say
        Is told what is being measured.
    on_news
        Is called when there are new rows.
    """
    with tempfile.TemporaryDirectory(prefix="n3hyper-benchmark-") as name:
        place = make_place(Path(name))
        os.environ.update(place.environment)
        os.environ["N3HYPER_CACHE"] = str(place.folder / "cache_of_benchmark")
        comparison = Comparison(batches, kind)
        results.settings["theory"] = place.tables
        if kind is WHOLE and not place.hadronic:
            results.notes.append(f"the global fit: there are no hadronic tables in {SHARED}")
            return
        jobs = _jobs(comparison, place, python, rounds, quickstart)
        for number, (text, kept, job) in enumerate(jobs):
            say(text)
            try:
                measured = job(place.folder / f"run{number}")
            except Unavailable as error:
                results.notes.append(f"{text}: {error}")
                continue
            kept.append(measured)
            results.runs.append({"run": text, **measured.as_dict()})
            if "versions" in measured.extra:
                results.versions["n3fit"] = measured.extra["versions"]
            results.sections.update(comparison.rows())
            on_news()


Job = Callable[[Path], Measured]


def _jobs(
    comparison: Comparison, place: Place, python: Path | None, rounds: int, quickstart: bool
) -> list[tuple[str, list[Measured], Job]]:
    """Return the measurements in order: name, destination and function."""
    jobs: list[tuple[str, list[Measured], Job]] = []

    def ours(card: Path, replicas: int) -> Job:
        return lambda out: measure_n3hyper(place, card, replicas, len(OUR_TRIALS), out)

    def theirs(interpreter: Path, card: Path, replicas: int) -> Job:
        return lambda out: measure_n3fit(interpreter, place, card, replicas, out)

    for batch in comparison.batches:
        card, short = (place.folder / f"{who}_{batch.name}.yml" for who in ("n3hyper", "n3fit"))
        make = comparison.kind.runcard
        write_runcard(card, make(place, batch.folds, batch.epochs, OUR_TRIALS))
        write_runcard(short, make(place, batch.folds_of_n3fit, batch.epochs, OUR_TRIALS[:1]))
        mine = (
            f"n3hyper {batch.name}",
            comparison.ours.setdefault(batch.name, []),
            ours(card, batch.replicas),
        )
        for _ in range(rounds):
            jobs.append(mine)
            if python is not None and batch.folds_of_n3fit:
                kept = comparison.theirs.setdefault(batch.name, [])
                jobs.append((f"n3fit {batch.name}", kept, theirs(python, short, batch.replicas)))
        jobs.append(mine)
    if quickstart:
        job = ours(ROOT / "runcards" / "quickstart.yml", 1)
        jobs += [("n3hyper quickstart", comparison.quickstart, job)] * 2
    return jobs
