"""State of a fit: its jobs, as those of a scan, and what became of the replicas in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import N3HyperError
from n3hyper.foreign.files import read_regular
from n3hyper.foreign.json_text import load_json
from n3hyper.hyper_optimization.standing.folder import standing_of, stored_trials
from n3hyper.hyper_optimization.standing.overview import Standing
from n3hyper.replicas.folder import FitFolder
from n3hyper.replicas.jobs import job_of
from n3hyper.replicas.request import wanted_replicas

_LARGEST: Final = 2**28
"""Bytes of the fit in numbers."""


def standing_of_fit(root: Path) -> Standing:
    """Return how the fit in a folder stands.

    Raises
    ------
    StoreInputError
        A file cannot be read.
    """
    folder = FitFolder(root)
    standing = standing_of(folder.store, root, "fit")
    fitted, failed = _replicas(folder.store)
    wanted = wanted_replicas(folder)
    more: dict[str, Any] = {"replicas fitted": fitted, "replicas failed in training": failed}
    chosen = _chosen(folder)
    if chosen is not None:
        more["replicas chosen"] = chosen
    if wanted is not None:
        more["replicas wanted"] = wanted[0]
    if standing.alive is not False:
        return replace(standing, more=more, whole=False)
    whole = False
    if wanted is not None and chosen is not None:
        replicas, at_most = wanted
        whole = chosen >= replicas or fitted + failed >= at_most
    return replace(standing, more=more, whole=whole, go_on="" if whole else standing.go_on)


def _replicas(store: Path) -> tuple[int, int]:
    """Return how many replicas of the finished jobs have been fitted, and how many have failed."""
    fitted = asked = 0
    for record in stored_trials(store)[1]:
        asked += job_of(record).count
        made = record["result"].get("replicas")
        fitted += sum(_good(each) for each in made) if isinstance(made, list) else 0
    return fitted, asked - fitted


def _good(replica: Any) -> bool:
    positive = isinstance(replica, dict) and bool(replica.get("positive"))
    return positive and replica.get("chi2") is not None


def _chosen(folder: FitFolder) -> int | None:
    """Return how many replicas have passed the vetoes, as the fit in numbers says."""
    try:
        content = load_json(read_regular(folder.summary, _LARGEST))
        return len(content["chosen"])
    except (OSError, ValueError, KeyError, TypeError, N3HyperError):
        return None
