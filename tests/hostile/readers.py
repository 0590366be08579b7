"""How the program reads a file of each kind, in this process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

from n3hyper.cli import main
from n3hyper.errors import LONGEST_MESSAGE, N3HyperError
from n3hyper.hyper_optimization.filetrials import FileTrials
from n3hyper.hyper_optimization.hyper_scan import HyperScanner
from n3hyper.hyper_optimization.mongo.archive import opened_dump
from n3hyper.hyper_optimization.stores.store_summary import summarise, summarise_pickle
from n3hyper.report.trials.sources import read_runcard
from n3hyper.runcard import load_runcard
from n3hyper.theory.fktable import read_cfactor, read_fktable
from n3hyper.theory.folders import TheoryFolder
from n3hyper.theory.lhapdf import read_member
from n3hyper.theory.table_process import TableProcess

FORMATS = ("table", "json", "csv", "markdown")
REFUSED, READ = "refused", "read"


def read_pickle(path: Path) -> None:
    summarise_pickle(path)
    FileTrials.from_pkl(path)


def read_card(path: Path) -> None:
    TheoryFolder(1, path.parent).card()


def read_any_runcard(path: Path) -> None:
    # the report never refuses a runcard: it says that it was not read
    read_runcard(path)
    runcard = load_runcard(path)
    if runcard.hyperscan:
        HyperScanner(runcard.parameters, runcard.hyperscan).as_dict()


def read_tries(path: Path) -> None:
    try:
        summarise(path.parent)
    except N3HyperError as error:
        check_error(error)
    report(path, FORMATS[path.stat().st_size % len(FORMATS)])


def report(path: Path, format_: str) -> None:
    """Raises what the report ends in, or its exit status, unless it is right."""
    said, printed = StringIO(), StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(printed):
            main(["report", str(path), "--format", format_])
    except SystemExit as ended:
        if ended.code == 2:
            raise Refusal(said.getvalue()) from None
        status = ended.code
    else:
        status = 0
    assert status in (0, None), said.getvalue()[-500:]


def read_archive(path: Path) -> None:
    with opened_dump(path):
        pass


def read_grid(path: Path) -> None:
    for grid in read_member(path):
        grid.evaluate(np.array([1e-9, 0.05, 0.5]), float(grid.q[0]))


def read_table(path: Path) -> None:
    read_fktable(path, "", PROCESS[0].read)


PROCESS: list[TableProcess] = []
READERS: dict[str, Callable[[Path], object]] = {
    "pickle": read_pickle,
    "runcard": read_any_runcard,
    "tries": read_tries,
    "archive": read_archive,
    "grid": read_grid,
    "cfactor": read_cfactor,
    "card": read_card,
    "table": read_table,
}
NAMES = {
    "pickle": "tries.pkl",
    "runcard": "card.yml",
    "tries": "tries.json",
    "archive": "db.tar.gz",
    "grid": "set_0000.dat",
    "cfactor": "CF_QCD_x.dat",
    "card": "theory.yml",
    "table": "x.pineappl.lz4",
}
"""What a file of each kind is called."""


class Refusal(N3HyperError):
    """A command ended with the status of wrong input."""

    exit_code = 2


def check_error(error: N3HyperError) -> None:
    """One line of bounded length, and the status of wrong input."""
    line = str(error)
    assert error.exit_code == 2, f"status {error.exit_code}: {line[:300]}"
    assert len(line) <= LONGEST_MESSAGE + 100, f"{len(line)} characters"
    assert line == " ".join(line.split()), f"not one line: {line[:300]!r}"
    assert line.isprintable(), f"characters that a terminal obeys: {line[:300]!r}"


def read(kind: str, path: Path) -> str:
    """`READ` or `REFUSED`; any other end is an error."""
    try:
        READERS[kind](path)
    except N3HyperError as error:
        check_error(error)
        return REFUSED
    return READ
