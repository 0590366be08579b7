"""State of the scans in a database, for ``n3hyper status mongodb://...``; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from n3hyper.errors import StoreInputError
from n3hyper.hyper_optimization.mongo.address import find_uri
from n3hyper.hyper_optimization.mongo.connection import Retrying, address_of, open_database
from n3hyper.hyper_optimization.mongo.jobs import HEADER, Jobs
from n3hyper.hyper_optimization.mongo.scan_document import (
    FIT,
    KINDS,
    LEASE,
    SCAN,
    printable_label,
    scan_name,
)
from n3hyper.hyper_optimization.mongo.watching.work import REMEMBERED, age, work_of
from n3hyper.hyper_optimization.record import FINISHED, STATE_NEW, Record
from n3hyper.hyper_optimization.standing.overview import Standing, Tally
from n3hyper.hyper_optimization.standing.state import is_count, number, text

_TIMEOUT: Final = 20.0
"""Seconds to wait for the database, as somebody is waiting for the answer."""
_SILENT: Final = 10.0
"""Seconds without a sign of life after which the process of a scan counts as gone."""
_OUTCOME: Final = [
    *("tid", "state", "refresh_time", "result.status", "result.loss", "result.loss_parts"),
    *("result.failure.reason", "result.failure.text", "result.seconds.total"),
]


def standings_in(uri: str) -> list[Standing]:
    """Return how each scan, fit or search in a database stands, those that go on first.

    Parameters
    ----------
    uri
        See `find_uri`.

    Raises
    ------
    StoreError
        The database does not answer, or refuses; it holds no scan.
    """
    jobs = Jobs(open_database(find_uri(uri)))
    address = address_of(jobs.jobs.database)
    retrying = Retrying(address, _TIMEOUT)
    try:
        found = retrying(lambda: [_standing(jobs, scan, address) for scan in jobs.scans.find()])
    finally:
        jobs.close()
    if not found:
        raise StoreInputError(f"{address}: no scan in this database")
    return sorted(found, key=lambda each: (not each.alive, each.complete))


def _standing(jobs: Jobs, scan: Mapping[str, Any], address: str) -> Standing:
    key = str(scan["_id"])
    now = jobs.server_time()
    alive = "driven" in scan and age(scan["driven"], now) < _SILENT
    ended = _ended(jobs.jobs.find({"exp_key": key, "state": {"$in": list(FINISHED)}}, _OUTCOME))
    waiting = {"exp_key": key, "state": {"$nin": list(FINISHED)}}
    headers = list(jobs.jobs.find(waiting, list(HEADER)))
    lease = number(scan.get("lease"), LEASE)
    # a search of a user's own gives no signs of life, and looks after its jobs itself
    search = "objective" in scan
    seen = jobs.workers_seen(key, now, REMEMBERED)
    work = work_of(key, headers, seen, now, lease, alive or search)
    kind = scan.get("kind") if scan.get("kind") in KINDS else SCAN
    label = printable_label(scan.get("label"))
    return Standing(
        name=scan_name(text(key), label, "").strip(),
        kind=FIT if kind == FIT else SCAN,
        place=address,
        tally=Tally.of(ended),
        total=scan["max_evals"] if is_count(scan.get("max_evals")) else None,
        alive=None if search else alive,
        process=text(scan.get("process")),
        running=work.trials,
        queued=sum(header.get("state") == STATE_NEW for header in headers),
        workers=work.workers,
        notes=work.refusals,
        killed="driven" in scan and not alive,
        more={"key": text(key)},
    )


def _ended(documents: Iterator[Mapping[str, Any]]) -> Iterator[Record]:
    """Yield records of as much as is asked for, in the order in which trials ended."""
    known = [each for each in documents if is_count(each.get("tid"))]
    for each in sorted(known, key=lambda each: (str(each.get("refresh_time")), each["tid"])):
        result = each.get("result")
        checked = dict(result) if isinstance(result, Mapping) else {}
        failure = checked.get("failure")
        checked["failure"] = failure if isinstance(failure, Mapping) else {}
        yield {"tid": each["tid"], "state": each.get("state"), "result": checked}
