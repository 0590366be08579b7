"""Provenance of a table: the theory card of its grids, and the points of its rows.

pinefarm writes both into the grids of yadism, and the FK tables made from them keep both. A theory
may hold tables of several cards, and its own card need not be any of them.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from n3hyper.errors import TheoryError
from n3hyper.physics.arrays import Array
from n3hyper.theory_maker.cards import CalculationCard

COEFFICIENT_KEYS = (
    "PTO", "FNS", "DAMP", "IC", "XIR", "XIF", "HQ", "mc", "mb", "mt", "CKM", "MZ", "MW", "GF",
    "SIN2TW", "TMC", "MP", "FONLLPDFs", "kDISbThr",
)  # fmt: skip
"""Keys of a card that coefficient functions depend on; all others belong to the evolution."""
COEXISTING_PDFS = (0, 13)
"""First version of yadism whose FONLL is a sum of terms with their own PDFs."""


@dataclass(frozen=True)
class Provenance:
    """Record of how a table was made, from its metadata."""

    theory: Mapping[str, Any]
    """Theory card of its grids; empty if it has none."""
    yadism: str = ""
    """Version of yadism; 0.0.0 is a version between two releases."""
    x: Array | None = None
    """x of each row, shape (n,)."""
    q2: Array | None = None
    """Q2 of each row in GeV^2, shape (n,)."""

    @property
    def single(self) -> bool:
        """Return whether its FONLL uses a single set of PDFs."""
        version = tuple(int(number) for number in re.findall(r"\d+", self.yadism)[:2])
        fonll = str(self.theory.get("FNS", "")).startswith("FONLL")
        return fonll and "FONLLParts" not in self.theory and version < COEXISTING_PDFS

    def card(self, folder: CalculationCard, table: str = "") -> CalculationCard:
        """Return a table's card: its own coefficient functions with the folder's evolution.

        Raises
        ------
        TheoryError
            If a theory with this card cannot be made.
        """
        theory = dict(self.theory)
        if not theory:
            return folder
        if isinstance(theory.get("CKM"), str):
            theory["CKM"] = tuple(float(element) for element in theory["CKM"].split())
        if self.single:
            theory["FONLLPDFs"] = "single"
            theory.setdefault("kDISbThr", theory.get("kbThr"))
        else:
            theory.pop("kDISbThr", None)
        if theory.get("kDISbThr") == folder.kbThr:
            theory["kDISbThr"] = None
        changes = {key: theory[key] for key in COEFFICIENT_KEYS if key in theory}
        try:
            return dataclasses.replace(folder, **changes)
        except TheoryError as error:
            raise TheoryError(f"{table}: made with another {error}") from error


def provenance(path: Path) -> Provenance:
    """Return the provenance that the table in a file records.

    Raises
    ------
    TheoryError
        If it names a theory card that cannot be read.
    """
    from pineappl.fk_table import FkTable

    table = FkTable.read(str(path))
    about = dict(table.metadata)
    limits = np.asarray(table.bin_limits(), dtype=float)
    x = q2 = None
    if (about.get("x1_label"), about.get("x2_label")) == ("Q2", "x") and limits.shape[1] >= 2:
        q2, x = limits[:, 0].mean(axis=1), limits[:, 1].mean(axis=1)
    theory = _mapping(about.get("theory", "{}"), path)
    return Provenance(theory, about.get("yadism_version", ""), x, q2)


def _mapping(text: str, path: Path) -> dict[str, Any]:
    """Read a card written as JSON, or as a Python dictionary, as pineko does."""
    for read in (json.loads, ast.literal_eval):
        try:
            content = read(text)
        except (ValueError, SyntaxError):
            continue
        if isinstance(content, dict):
            return content
    raise TheoryError(f"{path}: the theory card in its metadata cannot be read: {text[:60]!r}")
