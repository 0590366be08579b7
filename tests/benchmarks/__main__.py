"""`python -m tests.benchmarks`: this package against n3fit, on this machine, in one run.

Both programs scan the same runcards, of a DIS fit and of a global one: data, FK tables, network,
optimizer, epochs, folds, replicas. They take turns. n3fit lives in an environment of its own, which
is made from PyPI once and kept in the cache; where that is impossible, this package is measured
alone. Times depend on the machine and on what else it does: the ratios are what counts. What a step
of the training reads and computes, and how fast this machine could do that, stands beside them.

    python -m tests.benchmarks                     # everything; some 40 minutes on two cores
    python -m tests.benchmarks --quick             # some minutes
    python -m tests.benchmarks store --json FILE   # suggestion and store alone, also as JSON

Single parts have programs of their own: `tests.benchmarks.engine` (epochs by batch shape), `store`,
`memory`, `parallel`, `report`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tests.benchmarks import bookkeeping, fits, steps
from tests.benchmarks.n3fit_venv import default_folder, n3fit_python
from tests.benchmarks.processes import Unavailable
from tests.benchmarks.results import Results

PARTS = ("fits", "global", "quickstart", "store")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    add("--quick", action="store_true", help="fewer batches, epochs and trials")
    add("--batches", nargs="+", metavar="KxR", help="folds x replicas, of those there are")
    add("--trials", nargs="+", type=int, metavar="N", help="sizes of the scans of the store")
    add("--rounds", type=int, default=1, metavar="N", help="measure each batch N times")
    add("--json", type=Path, metavar="FILE", help="write all numbers there")
    add("--without-n3fit", action="store_true", help="measure this package alone")
    add(
        "--n3fit-venv",
        type=Path,
        metavar="DIR",
        help=f"an environment with n3fit; default: {default_folder()}, made where it is missing",
    )
    given = parser.parse_args(arguments)
    unknown = set(given.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    given.parts = given.parts or list(PARTS)
    both = (fits.QUICK, fits.QUICK_GLOBAL) if given.quick else (fits.FULL, fits.GLOBAL)
    known = list(dict.fromkeys(batch.name for batches in both for batch in batches))
    unknown = set(given.batches or ()) - set(known)
    if unknown:
        parser.error(f"no such batch: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    given.batches, given.global_batches = (
        [batch for batch in batches if batch.name in (given.batches or known)] for batches in both
    )
    return given


def _measure(
    given: argparse.Namespace,
    results: Results,
    python: Path | None,
    say: Callable[[str], None],
    keep: Callable[[], None],
) -> None:
    """Measure the parts that were asked for."""
    batches = given.batches if "fits" in given.parts else []
    quickstart = "quickstart" in given.parts
    if batches or quickstart:
        fits.compare(results, fits.DIS, batches, python, given.rounds, quickstart, say, keep)
        steps.measure(results, fits.DIS.name, [batch.name for batch in batches], say, keep)
    if "global" in given.parts:
        batches = given.global_batches
        fits.compare(results, fits.WHOLE, batches, python, given.rounds, False, say, keep)
        steps.measure(results, fits.WHOLE.name, [batch.name for batch in batches], say, keep)
    if "store" in given.parts:
        sizes = given.trials or ((100, 1_000) if given.quick else (100, 1_000, 10_000))
        bookkeeping.compare(results, sizes, python, say, keep)


def main(arguments: list[str]) -> int:
    """Measure, print and write the results."""
    given = parse(arguments)
    console = Console()
    begin = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begin:6.0f} s  {text}", file=sys.stderr, flush=True)

    results = Results(
        {
            "parts": given.parts,
            "quick": given.quick,
            "rounds": given.rounds,
            "batches": [vars(batch) for batch in given.batches],
            "global batches": [vars(batch) for batch in given.global_batches],
        }
    )
    python = None
    if not given.without_n3fit:
        try:
            python = n3fit_python(given.n3fit_venv, say)
        except Unavailable as error:
            results.notes.append(f"n3fit: {error}")
            say(f"n3fit is not to be had, this package is measured alone: {error}")

    def keep() -> None:
        if given.json:
            results.write(given.json)

    try:
        _measure(given, results, python, say, keep)
    except KeyboardInterrupt:
        results.notes.append("the rest: interrupted")
    keep()
    results.show(console)
    return 0


if __name__ == "__main__":
    # ended by a batch system, it ends what it is measuring and shows what it has, as with Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    raise SystemExit(main(sys.argv[1:]))
