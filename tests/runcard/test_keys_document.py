"""The table of keys in docs/runcard_keys.md is that of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from n3hyper.runcard import keys, load
from n3hyper.runcard.old_cards.legacy import OUT_OF_FITTING, SAMPLING
from n3hyper.runcard.sections import folds, theory_covariance

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "runcard_keys.md"

PLACES: Mapping[str, str] = {
    "TOP": "",
    "FITTING": "fitting.",
    "FLAVOUR": "fitting.basis[].",
    "DATACUTS": "datacuts.",
    "CLOSURE": "closuretest.",
    "FAKEDATA": "closuretest.",
    "INTEGRABILITY": "parameters.integrability.",
    "KFOLD": "kfold.",
    "HYPERSCAN": "hyperscan_config.",
    "OPTIMIZER": "optimizer.",
    "BASES": "fitting.fitbasis: ",
}


def rows(kind: str) -> Iterator[str]:
    """Yield a line for each key of the tables of `keys` whose names begin with `kind`."""
    for name, table in vars(keys).items():
        if name.startswith(f"{kind}_") and isinstance(table, Mapping):
            place = PLACES[name.removeprefix(f"{kind}_")]
            for key, reason in table.items():
                yield f"| `{place}{key}` | {reason.removesuffix('; remove the key')} |"


def test_keys_that_are_ignored_or_refused_stand_in_the_document_with_their_reasons() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    for kind in ("IGNORED", "REFUSED"):
        assert [row for row in rows(kind) if row not in lines] == []
    known = {*rows("IGNORED"), *rows("REFUSED")}
    parts = DOCUMENT.read_text(encoding="utf-8").split("\n## ")
    for part in parts[2:]:
        stale = [line for line in part.splitlines() if line.startswith("| `")]
        assert [line for line in stale if line not in known] == []


def test_keys_that_are_honoured_stand_in_the_document() -> None:
    honoured = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1]
    named = set(re.findall(r"`([\w.\[\]]+)`", honoured))
    wanted = {
        *load.TOP,
        *OUT_OF_FITTING,
        *(f"sampling.{key}" for key in SAMPLING),
        *(f"theorycovmatconfig.{key}" for key in theory_covariance._KEYS),
        *(f"kfold.{key}" for key in folds._KEYS),
    }
    assert sorted(wanted - named) == []
