"""``python -m n3hyper.theory_maker``: make a theory from the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from n3hyper.errors import N3HyperError
from n3hyper.theory_maker.cards import read_card
from n3hyper.theory_maker.make import make_theory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        card = read_card(options.theory_card) if options.theory_card else None
        folder = make_theory(
            options.datasets, options.output, card, cache=options.cache, jobs=options.jobs
        )
    except N3HyperError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    print(folder)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m n3hyper.theory_maker",
        description="Make the FK tables of DIS, positivity and integrability datasets.",
        fromfile_prefix_chars="@",
    )
    parser.add_argument(
        "--datasets",
        nargs="+",
        required=True,
        help="names in nnpdf_data, or @FILE with a name in each line",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder in which theory_<ID> is written"
    )
    parser.add_argument(
        "--theory-card",
        type=Path,
        help="theory card with NNPDF's keys (default: that of theory 1650)",
    )
    parser.add_argument("--jobs", type=int, default=1, help="number of processes (default: 1)")
    parser.add_argument(
        "--cache",
        type=Path,
        help="where to keep operators and coefficients (default: in the user's cache folder)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
