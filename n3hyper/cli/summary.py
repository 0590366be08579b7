"""Summary of a scan at its end: the best trial, its parameters, where the files are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from n3hyper.cli.faults import FAULT
from n3hyper.cli.options import MAX_FAILURES
from n3hyper.cli.outcome import loss_in_words, replicas_in_words
from n3hyper.hyper_optimization.paths import JSON
from n3hyper.report.analysis.failures import Failed, failure_groups

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.serial_loop import ScanOutcome
    from n3hyper.scanning.parallel import ParallelRequest
    from n3hyper.scanning.request import ScanRequest

T = TypeVar("T")


def restart_command(request: ScanRequest, n: int, parallel: ParallelRequest | None) -> str:
    """Return the command that continues in the same way, without a password."""
    from n3hyper.hyper_optimization.commands import command_line, time_span

    options: dict[str, Any] = {
        "theory_path": None
        if request.theory_path is None
        else os.path.abspath(request.theory_path),
        "timeout": time_span(request.timeout),
        "memory": request.memory,
        "max_failures": _unless(request.max_failures, MAX_FAILURES),
        "log": "text" in request.log,
        "log_json": "json" in request.log,
    }
    if parallel is not None:
        from n3hyper.hyper_optimization.mongo.address import as_option
        from n3hyper.hyper_optimization.mongo.connection import DATABASE_TIMEOUT
        from n3hyper.hyper_optimization.mongo.scan_document import LEASE

        options |= {
            "parallel": True,
            "mongo_uri": as_option(parallel.mongo_uri),
            "workers": parallel.workers,
            "lease": time_span(_unless(parallel.lease, LEASE)),
            "database_timeout": time_span(_unless(parallel.database_timeout, DATABASE_TIMEOUT)),
        }
    return command_line("restart", pkl=request.pickle, n=n, **options)


def _unless(value: T | None, default: T) -> T | None:
    """Return `value`, or None if it is the option's default."""
    return None if value == default else value


def summary(
    request: ScanRequest, outcome: ScanOutcome, parallel: ParallelRequest | None = None
) -> str:
    """Return the closing lines of a scan, as plain text."""
    finished = outcome.trials.finished
    failed = sum(outcome.failures.values())
    lines = [f"{len(finished)} trials, {len(finished) - failed} ok, {failed} failed"]
    for group in failure_groups(filter(None, map(_failed, finished))):
        text = group.text or "it does not say why"
        lines.append(f"  {group.count} failed: {group.label}, the last one: {text}")
        if group.advice and group.reason != FAULT:
            lines.append(f"    may help: {group.advice}")
    if outcome.failures[FAULT]:
        lines.append(f"  ({FAULT}: an error of n3hyper, not of the hyperparameters)")
    best = outcome.best
    if best is not None:
        result = best["result"]
        lines += [
            f"best {loss_in_words(result)} (trial {best['tid']})",
            *(f"  {words}" for words in (replicas_in_words(result),) if words),
            *(f"  {name:<28}{value}" for name, value in scores(result)),
            *(f"  {name:<28}{value}" for name, value in flat(outcome.best_parameters)),
        ]
    if not request.pickle.exists():
        return "\n".join(lines)
    lines.append(f"trials    {request.replica_folder / JSON}")
    more = request.max_evals if len(finished) < request.max_evals else len(finished) + 10
    lines.append(f"restart   {restart_command(request, more, parallel)}")
    lines += (f"{name:<10}{command}" for name, command in next_commands(request, best is not None))
    return "\n".join(lines)


def next_commands(request: ScanRequest, found: bool) -> Iterator[tuple[str, str]]:
    """Yield what to type after a scan: name and command.

    Parameters
    ----------
    found
        Whether a trial has a loss.
    """
    from n3hyper.hyper_optimization.commands import command_line
    from n3hyper.hyper_optimization.paths import RUNCARD_COPY

    yield "report", command_line("report", request.output)
    if found:
        theory, folder = request.theory_path, request.output
        if folder.name in ("", ".."):
            folder = folder.resolve()
        yield (
            "fit",
            command_line(
                "fit",
                request.output / RUNCARD_COPY,
                scan=request.output,
                o=folder.with_name(f"{folder.name}_fit"),
                theory_path=None if theory is None else os.path.abspath(theory),
            ),
        )


def _failed(trial: Mapping[str, Any]) -> Failed | None:
    """Return a failed trial as it is grouped; None for one that did not fail."""
    failure = trial["result"].get("failure") or {}
    if trial["result"]["status"] == "ok":
        return None
    known = {name: str(failure.get(name) or "") for name in ("quantity", "key", "text")}
    return Failed(trial["tid"], failure.get("reason") or FAULT, **known)


def scores(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return averages over folds of the trial's chi2 per point."""
    fitted = result["kfold_meta"]["trvl_losses_chi2exp"]
    yield "chi2, fitted data", f"{sum(fitted) / len(fitted):.3f}"
    yield "chi2, validation", f"{result['validation_loss']:.3f}"
    yield "chi2, data left out", f"{result['experimental_loss']:.3f}"


def flat(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Return nested parameters by dotted names.

    >>> list(flat({"optimizer": {"learning_rate": 0.123456}, "epochs": 9}))
    [('optimizer.learning_rate', '0.1235'), ('epochs', 9)]
    """
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", f"{value:.4g}" if isinstance(value, float) else value
