"""Description of a scan for workers: plain data, from which each builds its own trainer.

The document holds the runcard's text, the number of replicas and the scan's identity. There is no
code in it, no path, and nothing that a worker would trust: it is checked here, and the worker
compares the identity with that of what it has built.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from n3hyper import __version__
from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.mongo.connection import printable
from n3hyper.hyper_optimization.record import is_finite
from n3hyper.hyper_optimization.sampling.space import evaluate_space

FORMAT: Final = 1
LEASE: Final = 60.0
"""Seconds without a heartbeat after which a worker counts as gone."""
_LONGEST_RUNCARD: Final = 1_000_000
_MOST_REPLICAS: Final = 10_000
_KEY_DIGITS, _SHORT_KEY = 32, 8
"""Digits of a key that was made up, and those of them that are shown."""
_LONGEST_LABEL: Final = 80
SHORTEST_LEASE, LONGEST_LEASE = 0.5, 86_400.0


SCAN, FIT = "scan", "fit"
KINDS: Final = (SCAN, FIT)
"""What a worker is asked for: trials of a scan, or replicas of a fit (`n3hyper.replicas`)."""


@dataclass(frozen=True)
class ScanDocument:
    """The document of a scan.

    Parameters
    ----------
    exp_key
        Its name in the database.
    runcard
        The text.
    replicas
        Networks of each fold.
    identity
        See `n3hyper.hyper_optimization.stores.identity`.
    lease
        Seconds.
    kind
        One of `KINDS`.
    label
        What people call it: the name of its folder.
    """

    exp_key: str
    runcard: str
    replicas: int
    identity: Mapping[str, str]
    lease: float = LEASE
    kind: str = SCAN
    label: str = ""

    @property
    def name(self) -> str:
        """Name of the scan in messages."""
        return scan_name(self.exp_key, self.label, self.kind)

    def encode(self) -> dict[str, Any]:
        """Return the description as the database keeps it."""
        return {
            **header(),
            "runcard": self.runcard,
            "runcard_hash": _hash(self.runcard),
            "replicas": self.replicas,
            "identity": [[name, self.identity[name]] for name in sorted(self.identity)],
            "lease": float(self.lease),
            "kind": self.kind,
            "label": self.label,
        }

    @property
    def beat(self) -> float:
        """Seconds between heartbeats."""
        return self.lease / 5


def scan_name(exp_key: str, label: str = "", kind: str = SCAN) -> str:
    """Return how messages name a scan: by its label, else by its key, which may be cut.

    >>> scan_name("0123456789abcdef0123456789abcdef", "quickstart"), scan_name("key")
    ('scan quickstart', 'scan key')
    >>> scan_name("0123456789abcdef0123456789abcdef")
    'scan 01234567'
    """
    made_up = len(exp_key) == _KEY_DIGITS and set(exp_key) <= set("0123456789abcdef")
    return f"{kind} {label or (exp_key[:_SHORT_KEY] if made_up else exp_key)}"


def header() -> dict[str, Any]:
    """Return what each document for workers begins with."""
    return {"format": FORMAT, "package": __version__}


def checked_lease(exp_key: str, document: Any) -> float:
    """Return the lease of a document for workers that anybody may have written.

    Raises
    ------
    StoreError
        It was not made for this version, or the lease is no time.
    """
    if not isinstance(document, Mapping):
        raise StoreError(f"{scan_name(exp_key)}: its document is missing")
    found, package = document.get("format"), document.get("package")
    if found != FORMAT:
        raise StoreError(f"{scan_name(exp_key)}: format {found!r}, this version reads {FORMAT}")
    if package != __version__:
        raise StoreError(
            f"{scan_name(exp_key)}: made by n3hyper {package!r}, this is {__version__}"
        )
    lease = document.get("lease")
    if not isinstance(lease, float) or not SHORTEST_LEASE <= lease <= LONGEST_LEASE:
        raise StoreError(
            f"{scan_name(exp_key)}: lease is not a time from {SHORTEST_LEASE} to {LONGEST_LEASE} s"
        )
    return lease


def decode_scan(exp_key: str, document: Any) -> ScanDocument:
    """The scan of a document that anybody may have written.

    Raises
    ------
    StoreError
        It is not the document of a scan that this version can work for; the message says why.

    Examples
    --------
    >>> scan = ScanDocument("key", "description: x", 2, {"theory": "ab"})
    >>> decode_scan("key", scan.encode()) == scan
    True
    >>> decode_scan("key", {**scan.encode(), "replicas": "2"})
    Traceback (most recent call last):
    ...
    n3hyper.errors.StoreError: scan key: replicas is not a whole number from 1 to 10000
    """

    def refuse(text: str) -> StoreError:
        return StoreError(f"{scan_name(exp_key)}: {text}")

    lease = checked_lease(exp_key, document)
    runcard, replicas = document.get("runcard"), document.get("replicas")
    if not isinstance(runcard, str) or len(runcard) > _LONGEST_RUNCARD:
        raise refuse("its runcard is not a text of ordinary length")
    if document.get("runcard_hash") != _hash(runcard):
        raise refuse("its runcard is not the one that its hash belongs to")
    if type(replicas) is not int or not 1 <= replicas <= _MOST_REPLICAS:
        raise refuse(f"replicas is not a whole number from 1 to {_MOST_REPLICAS}")
    try:
        identity = dict(document["identity"])
    except (KeyError, TypeError, ValueError) as err:
        raise refuse("its identity is not a list of pairs") from err
    if not all(isinstance(text, str) for pair in identity.items() for text in pair):
        raise refuse("its identity is not one of texts")
    kind = document.get("kind", SCAN)
    if kind not in KINDS:
        raise refuse(f"kind is not one of {', '.join(KINDS)}")
    label = document.get("label", "")
    if not isinstance(label, str) or label != printable_label(label):
        raise refuse("its label is not a short text")
    return ScanDocument(exp_key, runcard, replicas, identity, lease, kind, label)


def printable_label(label: Any) -> str:
    """Return a label that anybody may have written, as it may be shown; empty where it is none."""
    return printable(label[:_LONGEST_LABEL]) if isinstance(label, str) else ""


def _hash(runcard: str) -> str:
    return hashlib.sha256(runcard.encode("utf-8", "surrogatepass")).hexdigest()


def checked_point(misc: Any, labels: frozenset[str]) -> dict[str, list[Any]]:
    """The values of a job that anybody may have written, as numbers of a known space.

    Parameters
    ----------
    misc
        ``{"vals": {label: [number] or []}}``.
    labels
        Of the space.

    Raises
    ------
    StoreError
        They are something else.
    """
    vals = misc.get("vals") if isinstance(misc, Mapping) else None
    if not isinstance(vals, Mapping):
        raise StoreError("a job without values")
    point: dict[str, list[Any]] = {}
    for label, values in vals.items():
        if label not in labels:
            raise StoreError(f"the search space has no {str(label)[:80]!r}")
        if not isinstance(values, list) or len(values) > 1 or not all(map(is_finite, values)):
            raise StoreError(f"{label} is not one number")
        point[label] = list(values)
    return point


def space_labels(space: Any) -> frozenset[str]:
    """The labels that a point of a space may have."""
    from hyperopt.pyll.base import as_apply, dfs

    nodes = [node for node in dfs(as_apply(space)) if node.name == "hyperopt_param"]
    return frozenset(str(node.arg["label"].obj) for node in nodes)


def evaluate_point(
    space: Any, labels: frozenset[str], misc: Any
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The values and the parameters of a job that anybody may have written.

    Raises
    ------
    StoreError
        It is not a point of the space.
    """
    point = checked_point(misc, labels)
    try:
        # hyperopt prints what it cannot evaluate
        with contextlib.redirect_stdout(io.StringIO()):
            parameters = evaluate_space(space, point)
    except Exception as err:  # hyperopt has no error of its own
        raise StoreError(f"not a point of the search space: {type(err).__name__}: {err}") from err
    return {label: point.get(label, []) for label in sorted(labels)}, parameters
