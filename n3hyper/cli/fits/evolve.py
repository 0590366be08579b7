"""``n3hyper evolve``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from n3hyper.cli.help import GroupedCommand
from n3hyper.cli.options import quiet, theory_path

if TYPE_CHECKING:
    from n3hyper.evolution.evolve import EvolvedSet


@click.command(
    "evolve",
    cls=GroupedCommand,
    groups={"Evolution": ("output", "theory_path", "eko_solution", "jobs")},
)
@click.argument("fit", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    show_default="into the fit, postfit/NAME, as NNPDF does",
    help="Write the set, all its files, to a folder of its name in this one.",
)
@theory_path
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option(
    "--eko-solution",
    is_flag=True,
    help="Solve the equations at NNLO as eko 0.15.7 does, and NNPDF's evolven3fit with it: per "
    "cents away from the right solution at x < 1e-3.",
)
@quiet
def command(
    fit: Path,
    output: Path | None,
    theory_path: Path | None,
    jobs: int,
    eko_solution: bool,
    quiet: bool,
) -> None:
    """Evolve the PDFs of FIT and write them as a set for LHAPDF.

    FIT is the folder of a fit, n3hyper's or n3fit's. Of its replicas those that passed the vetoes
    (postfit) make up the set, or all where no vetoes have been applied; member 0 is their mean.
    Scales run from 1 GeV to 100 TeV.

    Needs the extra n3hyper[theory]. The evolution of a theory takes a minute or two, and is kept
    for the next fit.

    \b
    Examples:
      n3hyper evolve my_fit
      n3hyper evolve my_fit -o ~/pdfsets --jobs 4
    """
    from n3hyper.evolution.evolve import evolve_fit

    with _Progress(quiet) as shown:
        made = evolve_fit(
            fit,
            output,
            theory_path=theory_path,
            jobs=jobs,
            eko_solution=eko_solution,
            progress=shown.progress,
            said=shown.say,
        )
    _summary(made, fit)


class _Progress:
    """A bar on a terminal, lines elsewhere; on standard error."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True, highlight=False, quiet=quiet)
        self._bar = Progress(console=console, transient=True)
        self._live = console.is_terminal and not quiet
        self._task: Any = None

    def __enter__(self) -> _Progress:
        if self._live:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._bar.stop()

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False, soft_wrap=True)

    def progress(self, done: int, total: int) -> None:
        if self._live:
            if self._task is None:
                self._task = self._bar.add_task("operators", total=total)
            self._bar.update(self._task, completed=done)
        elif done == total or done % max(total // 4, 1) == 0:
            self.say(f"operators: {done} of {total} parts")


def _summary(made: EvolvedSet, fit: Path) -> None:
    from n3hyper.evolution.sum_rules import EXPECTED

    click.echo(f"{made.folder}: {made.members} members, with the mean as member 0")
    if not made.selected:
        click.echo(f"all replicas of {fit}: no vetoes have been applied (no postfit)")
    scales = sorted({rule.q for rule in made.sum_rules})
    columns = "".join(f"{f'{q:.4g} GeV':>22}" for q in scales)
    click.echo(f"sum rules{'':11}{columns}{'drift':>10}")
    for rule, expected in EXPECTED.items():
        rows = [row for row in made.sum_rules if row.rule == rule]
        values = "".join(f"{f'{row.mean:.5f} +- {row.std:.5f}':>22}" for row in rows)
        drift = max(row.drift for row in rows)
        click.echo(f"{f'{rule} ({expected:g})':<20}{values}{drift:>10.0e}")
    folder = made.folder.parent.resolve()
    click.echo(f"for LHAPDF: export LHAPDF_DATA_PATH={_quoted(folder)}")
    sys.stdout.flush()


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
