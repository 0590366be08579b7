"""``n3hyper fit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from n3hyper.cli.help import PARALLEL, GroupedCommand
from n3hyper.cli.options import (
    log_formats,
    log_options,
    max_failures,
    memory,
    parallel_options,
    parallel_request,
    quiet,
    theory_path,
    timeout,
)
from n3hyper.cli.running import ENDING

if TYPE_CHECKING:
    from n3hyper.replicas.request import FitRequest
    from n3hyper.replicas.running.rounds import FitOutcome
    from n3hyper.scanning.parallel import ParallelRequest

BEST: Final = 10
"""Trials of an ensemble where the command does not say."""
REPLICAS: Final = 100


@click.command(
    "fit",
    cls=GroupedCommand,
    groups={
        "Replicas": ("output", "replicas", "at_most"),
        "Setups": ("scan", "best", "chi2_window", "thermalization"),
        "Vetoes": ("chi2_threshold", "arclength_threshold", "integrability_threshold"),
        "Run": ("timeout", "max_failures", "memory", "theory_path", "log", "log_json"),
        **PARALLEL,
    },
)
@click.argument("runcard", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    show_default="the runcard's stem",
    help="Folder of the fit.",
)
@click.option(
    "-r",
    "--replicas",
    type=click.IntRange(min=1),
    show_default=f"{REPLICAS}, or as before",
    help="Replicas that are to pass the vetoes.",
)
@click.option(
    "--at-most",
    type=click.IntRange(min=1),
    show_default="half as many again as -r, at least ten more",
    help="Replicas to fit at most, to make up for those that fail.",
)
@click.option(
    "--scan",
    type=click.Path(path_type=Path),
    help="Folder of a scan (n3hyper's or n3fit's): its best trials are the ensemble of setups.",
)
@click.option(
    "--best",
    type=click.IntRange(min=1),
    show_default=f"{BEST}, or as many as there are",
    help="With --scan: how many trials.",
)
@click.option(
    "--chi2-window",
    type=click.FloatRange(min=0),
    metavar="X",
    help="With --scan: choose by phi2, among trials whose chi2 is at most X above the lowest.",
)
@click.option(
    "--thermalization",
    type=click.IntRange(min=0),
    metavar="N",
    help="With --scan: leave out its first N trials.",
)
@click.option("--chi2-threshold", type=click.FloatRange(min=0), default=4.0, show_default=True,
              help="Veto: standard deviations of the chi2.")  # fmt: skip
@click.option("--arclength-threshold", type=click.FloatRange(min=0), default=4.0, show_default=True,
              help="Veto: standard deviations of each arc length.")  # fmt: skip
@click.option("--integrability-threshold", type=click.FloatRange(min=0), default=0.5,
              show_default=True, help="Veto: largest integrability number.")  # fmt: skip
@timeout
@theory_path
@max_failures
@memory
@parallel_options
@log_options
@quiet
def command(
    runcard: Path,
    output: Path | None,
    replicas: int | None,
    at_most: int | None,
    scan: Path | None,
    best: int | None,
    chi2_window: float | None,
    thermalization: int | None,
    chi2_threshold: float,
    arclength_threshold: float,
    integrability_threshold: float,
    parallel: bool,
    mongo_uri: str | None,
    workers: int | None,
    lease: float | None,
    database_timeout: float | None,
    log: bool,
    log_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Fit the replicas of a PDF set as RUNCARD says, or continue the fit in a folder.

    The replicas take turns among the setups of the ensemble: the best trials of --scan, those that
    the runcard names (trial_specs, hyperscan_config.parameters), or its parameters alone. Those
    that pass NNPDF's vetoes make up OUTPUT/postfit.
    """
    from n3hyper.replicas.request import FitRequest, at_most_of, restart_request
    from n3hyper.replicas.vetoes import Thresholds

    shared = parallel_request(parallel, mongo_uri, workers, lease, database_timeout)
    _check_scan_options(scan, best, chi2_window, thermalization)
    if at_most is not None and replicas is not None and at_most < replicas:
        raise click.UsageError(f"--at-most {at_most} is less than -r {replicas}")
    options["log"] = log_formats(log, log_json)
    options["thresholds"] = Thresholds(chi2_threshold, arclength_threshold, integrability_threshold)
    if runcard.is_dir():
        if output is not None or scan is not None:
            raise click.UsageError(f"{runcard} is a folder: -o and --scan go with a runcard")
        return run(restart_request(runcard, replicas, at_most, **options), quiet, shared)
    trials, origin = ((), "") if scan is None else _ensemble(
        runcard, scan, best, chi2_window, thermalization or 0
    )  # fmt: skip
    wanted = replicas or (REPLICAS if at_most is None else min(REPLICAS, at_most))
    request = FitRequest(
        runcard=runcard,
        output=Path(runcard.stem) if output is None else output,
        replicas=wanted,
        at_most=at_most or at_most_of(wanted),
        trials=trials,
        origin=origin,
        **options,
    )
    return run(request, quiet, shared)


def run(request: FitRequest, quiet: bool = False, parallel: ParallelRequest | None = None) -> int:
    """Run the fit that was asked for; the exit status of the command.

    0 when enough replicas passed or the time is up, 1 when too few passed, 130 when a signal ended
    it.
    """
    from n3hyper.system.interruption import GRACE, INTERRUPTED, interrupted_by_signals

    def last_words() -> str:
        return f"interrupted; {resume_hint(request, parallel)}"

    try:
        with interrupted_by_signals(last_words, grace=ENDING if parallel else GRACE):
            outcome = _perform(request, parallel, quiet)
    except KeyboardInterrupt:
        click.echo(last_words(), err=True)
        return INTERRUPTED
    click.echo(summary(request, outcome))
    if outcome.stopped:
        click.echo(f"ended early: {outcome.stopped}; {resume_hint(request, parallel)}", err=True)
        return int(outcome.gave_up)
    if not outcome.complete:
        more = fit_command(request, parallel, at_most=2 * request.at_most)
        click.echo(
            f"{len(outcome.chosen)} of {request.at_most} replicas passed, {outcome.wanted} were "
            f"wanted; try more: {more}",
            err=True,
        )
    return int(not outcome.complete)


def _perform(request: FitRequest, parallel: ParallelRequest | None, quiet: bool) -> FitOutcome:
    """The fit itself, under the display that suits it."""
    from n3hyper.cli.displays.fit_display import make_fit_display, make_parallel_fit_display

    if parallel is None:
        from n3hyper.replicas.running.serial import perform_fit

        display = make_fit_display(quiet)
        with display:
            return perform_fit(request, display)
    from n3hyper.replicas.running.parallel import perform_parallel_fit

    live = make_parallel_fit_display(quiet)
    with live:
        return perform_parallel_fit(request, parallel, live)


def fit_command(
    request: FitRequest, parallel: ParallelRequest | None, at_most: int | None = None
) -> str:
    """Return what to type to go on in the same way."""
    from n3hyper.hyper_optimization.commands import command_line

    options: dict[str, Any] = {
        "at_most": at_most,
        "log": "text" in request.log,
        "log_json": "json" in request.log,
    }
    if parallel is not None:
        options |= {
            "parallel": True,
            "mongo_uri": parallel.mongo_uri,
            "workers": parallel.workers,
        }
    return command_line("fit", request.output, **options)


def resume_hint(request: FitRequest, parallel: ParallelRequest | None = None) -> str:
    """Return what to type to go on, and whether anything is saved."""
    if not request.folder.has_store:
        return "no replica had been fitted, nothing is saved"
    return f"what is finished is saved; continue with: {fit_command(request, parallel)}"


def summary(request: FitRequest, outcome: FitOutcome) -> str:
    """Return the closing lines of a fit, plain text."""
    results, chosen = outcome.results, outcome.chosen
    fitted = len(results.fits) + len(results.lost)
    lines = [f"{fitted} replicas, {len(outcome.vetoes.chosen)} passed, {len(chosen)} in the set"]
    lines += [f"  {count} failed: {why}" for why, count in outcome.failures.most_common()]
    for number, why in list(results.failures(outcome.vetoes).items())[:10]:
        lines.append(f"  replica {number}: {why}")
    if chosen:
        for name, label in (
            ("training_chi2", "chi2, training"),
            ("validation_chi2", "chi2, validation"),
            ("chi2", "chi2, all data"),
        ):
            values = [getattr(fit, name) for fit in chosen]
            mean = sum(values) / len(values)
            spread = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
            lines.append(f"  {label:<28}{mean:.3f} +- {spread:.3f}")
    lines.append(f"fit       {request.output}")
    lines.append(f"numbers   {request.folder.summary}")
    return "\n".join(lines)


def _check_scan_options(scan: Path | None, *others: object) -> None:
    if scan is None and any(option is not None for option in others):
        raise click.UsageError("--best, --chi2-window and --thermalization go with --scan")


def _ensemble(
    runcard: Path, scan: Path, best: int | None, chi2_window: float | None, thermalization: int
) -> tuple[tuple[dict[str, Any], ...], str]:
    """Parameters of the chosen trials of a scan, and where they come from in words."""
    from n3hyper.errors import RuncardError
    from n3hyper.report.analysis.prepare import Request, prepare
    from n3hyper.report.output.export import selection
    from n3hyper.report.trials.trial import runcard_setup
    from n3hyper.runcard.yaml_file import read_yaml

    view = prepare(Request(paths=(scan,), thermalization=thermalization))
    chosen = selection(view.scan, best or BEST, chi2_window)
    if best is not None and len(chosen) < best:
        raise RuncardError(
            "more trials than there are to choose from",
            key="--best", value=best, hint=f"{view.scan.name} has {len(chosen)}",
        )  # fmt: skip
    card = read_yaml(runcard)
    here, there = (_theory(source) for source in (card, view.scan.runcard))
    if None not in (here, there) and here != there:
        raise RuncardError(
            f"the scan {view.scan.name} has fitted with theory {there}",
            source=runcard, key="theory.theoryid", value=here, hint="use one theory for both",
        )  # fmt: skip
    setups = tuple(runcard_setup(trial) for trial in chosen)
    tids = ", ".join(str(trial.tid) for trial in chosen)
    return setups, f"ensemble of trials {tids} of the scan {view.scan.name}"


def _theory(card: Any) -> Any:
    theory = card.get("theory") if isinstance(card, dict) else None
    return theory.get("theoryid") if isinstance(theory, dict) else None
