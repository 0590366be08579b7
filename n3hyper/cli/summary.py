"""What a scan says at its end: the best trial, its parameters, where the files are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from n3hyper.cli.faults import FAULT

if TYPE_CHECKING:
    from n3hyper.hyper_optimization.scan import ScanOutcome
    from n3hyper.hyper_optimization.session import ScanRequest
    from n3hyper.services.parallel_session import ParallelRequest


def restart_command(request: ScanRequest, n: int | str, parallel: ParallelRequest | None) -> str:
    """What to type to go on in the same way; the address of a database holds no password."""
    words = ["n3hyper restart --pkl", str(request.pickle), "-n", str(n)]
    if parallel is not None:
        words.append("--parallel")
        words += [] if parallel.mongo_uri is None else ["--mongo-uri", parallel.mongo_uri]
        words += [] if parallel.workers is None else ["--workers", str(parallel.workers)]
    return " ".join(words)


def summary(
    request: ScanRequest, outcome: ScanOutcome, parallel: ParallelRequest | None = None
) -> str:
    """The closing lines of a scan, plain text."""
    finished = outcome.trials.finished
    failed = sum(outcome.failures.values())
    lines = [f"{len(finished)} trials, {len(finished) - failed} ok, {failed} failed"]
    lines += [f"  {count} failed: {reason}" for reason, count in outcome.failures.most_common()]
    if outcome.failures[FAULT]:
        lines.append(f"  ({FAULT}: an error of n3hyper, not of the hyperparameters)")
    best = outcome.best
    if best is not None:
        result = best["result"]
        lines += [
            f"best loss {result['loss']:.4f} (trial {best['tid']})",
            *(f"  {name:<28}{value}" for name, value in scores(result)),
            *(f"  {name:<28}{value}" for name, value in flat(outcome.best_parameters)),
        ]
    lines.append(f"trials    {request.replica_folder / 'tries.json'}")
    lines.append(f"restart   {restart_command(request, 'N', parallel)}")
    return "\n".join(lines)


def scores(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Averages over folds of what the trial reached, chi2 per point."""
    fitted = result["kfold_meta"]["trvl_losses_chi2exp"]
    yield "chi2, fitted data", f"{sum(fitted) / len(fitted):.3f}"
    yield "chi2, validation", f"{result['validation_loss']:.3f}"
    yield "chi2, data left out", f"{result['experimental_loss']:.3f}"


def flat(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested parameters as dotted names.

    >>> list(flat({"optimizer": {"learning_rate": 0.123456}, "epochs": 9}))
    [('optimizer.learning_rate', '0.1235'), ('epochs', 9)]
    """
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", f"{value:.4g}" if isinstance(value, float) else value
