"""Words on how a scan or a fit stands, and the same for programs."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from n3hyper.cli.displays.duration import clock
from n3hyper.cli.outcome import loss_in_words
from n3hyper.fitting.result import Progress
from n3hyper.hyper_optimization.commands import command_line
from n3hyper.hyper_optimization.record import plain
from n3hyper.hyper_optimization.standing.overview import Standing
from n3hyper.hyper_optimization.standing.state import RunningTrial, WorkerState, short_worker

_WIDTH = 12


def as_json_text(standings: Sequence[Standing]) -> str:
    """Return all that is known, as JSON without NaN."""
    return json.dumps([plain(each.as_dict()) for each in standings], indent=1)


def status_text(standings: Sequence[Standing]) -> str:
    """Return a few lines for each scan."""
    return "\n\n".join("\n".join(_lines(each)) for each in standings)


def _lines(standing: Standing) -> Iterator[str]:
    tally = standing.tally
    yield f"{standing.kind} {standing.name} ({standing.place}): {_state(standing)}"
    of = "" if standing.total is None else f" of {standing.total}"
    what = "jobs" if standing.kind == "fit" else "trials"
    yield _row(
        what, f"{tally.done}{of} done, {tally.done - tally.failed} ok, {tally.failed} failed"
    )
    for failures in tally.failures:
        yield _row("", f"{failures.count} {failures.reason}, trial {failures.tid}: {failures.text}")
    if tally.best is not None and standing.kind != "fit":
        result = {"loss": tally.best[1], "loss_parts": tally.best_parts}
        yield _row("best", f"{loss_in_words(result)} (trial {tally.best[0]})")
    for name, value in standing.more.items():
        if standing.kind == "fit" and name != "key":
            yield _row("", f"{value} {name}")
    if standing.stage and standing.alive:
        yield _row("now", standing.stage)
    label = "running" if standing.alive else "left" if standing.workers is None else "last seen"
    for number, trial in enumerate(standing.running):
        yield _row("" if number else label, _trial(trial, standing.kind))
    if standing.workers is not None and (standing.alive or standing.workers):
        yield _row("queue", f"{standing.queued} wait for a worker")
        yield from _workers(standing.workers, {trial.worker for trial in standing.running})
    for number, note in enumerate(standing.notes):
        yield _row("" if number else "refused", note)
    if standing.alive:
        yield _row("time left", _time_left(standing))
    if standing.killed and standing.database:
        asked = command_line("status", standing.database)
        yield _row("workers", f"they may still be at work: {asked}")
    if standing.go_on:
        yield _row("go on", standing.go_on)


def _row(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{text}"


def _state(standing: Standing) -> str:
    process = f" ({standing.process})" if standing.process else ""
    if standing.alive:
        since = "" if math.isnan(standing.seconds) else f" for {clock(standing.seconds)}"
        return f"running{since}{process}"
    if standing.complete:
        return "complete"
    if standing.alive is None:
        return f"it may be running, nothing here tells{process}"
    if standing.killed:
        return f"stopped: its process was killed{process}"
    return "stopped before its end" if standing.stopped else "not running"


def _trial(trial: RunningTrial, kind: str) -> str:
    what = "job" if kind == "fit" else "trial"
    at = f" on {short_worker(trial.worker)}" if trial.worker else ""
    words = f"{what} {trial.tid}{at}, {clock(trial.seconds)}"
    if trial.progress is not None:
        words += f": {_progress(trial.progress)}"
    if trial.lost:
        words += f"; WORKER LOST, silent for {clock(trial.silent)}, "
        if math.isnan(trial.lease_left):
            words += "waits for the scan to be gone on with"
        else:
            words += f"given to another in {clock(trial.lease_left)}"
    return words


def _progress(progress: Progress) -> str:
    if progress.stage == "compile":
        words = "compiling"
    else:
        words = f"epoch {progress.epoch}/{progress.epochs}"
        words += f", median validation chi2 {_number(progress.validation_chi2)}"
        folds = ", ".join(_number(chi2) for chi2 in progress.folds)
        words += f" (by fold {folds})" if len(progress.folds) > 1 else ""
    words += f", {progress.active} networks train"
    if progress.batches > 1:
        words += f", batch {progress.batch}/{progress.batches}"
    return words


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _workers(workers: Sequence[WorkerState], busy: Collection[str]) -> Iterator[str]:
    alive = [worker for worker in workers if not worker.lost]
    lost = [worker for worker in workers if worker.lost]
    counts = f"{len(alive)} at work or waiting" + (f", {len(lost)} lost" if lost else "")
    yield _row("workers", counts)
    by_host: dict[str, list[WorkerState]] = defaultdict(list)
    for worker in alive:
        by_host[worker.host].append(worker)
    for host, theirs in sorted(by_host.items()):
        rates = [worker.per_hour for worker in theirs if not math.isnan(worker.per_hour)]
        rate = f", {sum(rates):.0f} trials/h" if rates else ""
        working = sum(worker.name in busy for worker in theirs)
        heard = max(worker.silent for worker in theirs)
        number = f"{len(theirs)} worker{'' if len(theirs) == 1 else 's'}"
        yield _row(
            "", f"{host}: {number}, {working} busy, all heard of within {math.ceil(heard)} s{rate}"
        )
    for worker in sorted(lost, key=lambda worker: worker.silent):
        yield _row("", f"LOST {worker.short}: silent for {clock(worker.silent)}")


def _time_left(standing: Standing) -> str:
    mean, left = standing.tally.mean_seconds, standing.seconds_left
    trial = "" if math.isnan(mean) else f" (a trial takes {clock(mean)})"
    if not math.isnan(left):
        return f"{clock(left)}{trial}"
    if standing.workers is not None and not standing.workers_alive:
        return "no worker is there: start some with n3hyper mongo-worker"
    if standing.total is None:
        return "not known, as the number of trials is not"
    return "not known before the first trial has ended"
