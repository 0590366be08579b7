"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from n3hyper.scanning.parallel import ParallelRequest

F = TypeVar("F", bound=Callable[..., Any])
MAX_FAILURES = 20
"""Default number of consecutive failed trials that ends a scan."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    """Time span such as ``90s``, ``30m``, ``2h`` or ``1h30m``; a bare number is seconds.

    >>> Duration().convert("1h30m", None, None)
    5400.0
    """

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        text = str(value).strip().lower()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            seconds = float(text)
        elif re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
            parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
            seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
        else:
            self.fail(f"{value!r} is not a time; write it like 90s, 30m, 2h or 1h30m", param, ctx)
        if seconds <= 0:
            self.fail(f"{value!r} is not a positive time", param, ctx)
        return seconds


class Size(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    """Amount of memory such as ``800MB`` or ``16G``, in bytes; units are powers of 1024.

    >>> Size().convert("1.5G", None, None)
    1610612736
    """

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?", str(value).strip().upper())
        size = int(float(found[1]) * 1024 ** " KMGT".index(found[2] or " ")) if found else 0
        if size <= 0:
            self.fail(
                f"{value!r} is not an amount of memory; write it like 800MB or 16G", param, ctx
            )
        return size


timeout = click.option(
    "--timeout",
    type=Duration(),
    help="Start no trial that is not expected to end within this time, like 30m or 23h.",
)
theory_path = click.option(
    "--theory-path",
    type=click.Path(path_type=Path),
    help="Folder that holds theory_<id>, or a theory folder itself.",
)
memory = click.option(
    "--memory",
    type=Size(),
    envvar="N3HYPER_MEMORY",
    help="Memory that the fits may take, like 16G: models that do not fit together are trained in "
    "batches, with the same results.",
    show_default="$N3HYPER_MEMORY, else most of what is free",
)
algo = click.option(
    "--algo",
    type=click.Choice(["tpe", "anneal", "random"]),
    show_default="tpe",
    help="Algorithm that suggests the hyperparameters.",
)
max_failures = click.option(
    "--max-failures",
    type=click.IntRange(min=1),
    default=MAX_FAILURES,
    show_default=True,
    help="End the scan after this many failed trials in a row.",
)
keep = click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Keep the PDFs of so many of the best trials, in nnfit/replica_1/pdfs.",
)
mongo_uri = click.option(
    "--mongo-uri",
    help="Database: mongodb://host:port/name without a password, or a file that holds the URI, as "
    "n3hyper mongod writes.",
    show_default="$N3HYPER_MONGO_URI, else mongodb://localhost:27017/hyperopt-db",
)
folder = click.argument("folder", required=False, type=click.Path(path_type=Path))
"""Folder of a scan, for commands that take ``--pkl`` as well; see `store_of`."""
pkl = click.option(
    "--pkl",
    type=click.Path(path_type=Path),
    help="The tries.pkl of the scan, or its folder, in place of FOLDER.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Show only the summary.")


def store_of(folder: Path | None, pkl: Path | None) -> Path:
    """Return which scan is meant by the argument `folder` and the option `pkl`.

    >>> store_of(Path("quickstart"), None)
    PosixPath('quickstart')
    """
    if (folder is None) == (pkl is None):
        raise click.UsageError("name the scan once: its FOLDER, or --pkl with its tries.pkl")
    found = folder or pkl
    assert found is not None
    return found


def log_options(function: F) -> F:
    """Add the options ``--log`` and ``--log-json``; see `log_formats`."""
    for option in (
        click.option("--log-json", is_flag=True, help="The same as lines of JSON, in run.jsonl."),
        click.option(
            "--log",
            is_flag=True,
            help="Add what happens, with time stamps, to run.log beside tries.json.",
        ),
    ):
        function = option(function)
    return function


def log_formats(log: bool, log_json: bool) -> tuple[str, ...]:
    """Return the formats of the log, of `n3hyper.scanning.run_log.FORMATS`.

    >>> log_formats(True, False), log_formats(False, True)
    (('text',), ('json',))
    """
    return ("text",) * log + ("json",) * log_json


def parallel_options(function: F) -> F:
    """Add the options of a scan whose trials are run by workers; see `parallel_request`."""
    for option in (
        click.option(
            "--database-timeout",
            type=Duration(),
            show_default="600s",
            help="With --parallel: how long to wait for an absent database.",
        ),
        click.option(
            "--lease",
            type=Duration(),
            help="With --parallel: how long a worker may be silent before its trial is "
            "given to another.",
            show_default="60s",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=0),
            show_default="1 where the scan starts a database of its own, else 0",
            help="With --parallel: workers to start on this host.",
        ),
        mongo_uri,
        click.option(
            "--parallel",
            is_flag=True,
            help="Let workers run the trials, here and elsewhere (n3hyper mongo-worker).",
        ),
    ):
        function = option(function)
    return function


def parallel_request(
    parallel: bool,
    mongo_uri: str | None,
    workers: int | None,
    lease: float | None,
    database_timeout: float | None,
) -> ParallelRequest | None:
    """Return the request made by the options of `parallel_options`; None for a serial scan."""
    if not parallel:
        if any(option is not None for option in (mongo_uri, workers, lease, database_timeout)):
            raise click.UsageError(
                "--mongo-uri, --workers, --lease and --database-timeout belong to --parallel"
            )
        return None
    from n3hyper.hyper_optimization.mongo.scan_document import LONGEST_LEASE, SHORTEST_LEASE
    from n3hyper.scanning.parallel import ParallelRequest

    if lease is not None and not SHORTEST_LEASE <= lease <= LONGEST_LEASE:
        raise click.UsageError(
            f"--lease: {lease:g} s is not a time from {SHORTEST_LEASE:g} s to {LONGEST_LEASE:g} s"
        )
    times = {"lease": lease, "database_timeout": database_timeout}
    given = {name: value for name, value in times.items() if value is not None}
    return ParallelRequest(workers=workers, mongo_uri=mongo_uri, **given)
