"""What a table says of how it was made: the theory card of its grids, and where its rows are.

pinefarm writes both into the grids of yadism, and they stay with the FK tables made of them. A
theory may hold tables of several cards, and its own card need not be any of them.
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
"""The first version of yadism whose FONLL is put together from terms with PDFs of their own."""


@dataclass(frozen=True)
class Provenance:
    """What a table says of itself."""

    theory: Mapping[str, Any]
    """The theory card of its grids; empty where it has none."""
    yadism: str = ""
    """The version of yadism; 0.0.0 is one between two releases."""
    x: Array | None = None
    """Of each row, shape (n,)."""
    q2: Array | None = None
    """Of each row in GeV^2, shape (n,)."""

    @property
    def single(self) -> bool:
        """Whether its FONLL is that with a single set of PDFs."""
        version = tuple(int(number) for number in re.findall(r"\d+", self.yadism)[:2])
        fonll = str(self.theory.get("FNS", "")).startswith("FONLL")
        return fonll and "FONLLParts" not in self.theory and version < COEXISTING_PDFS

    def card(self, folder: CalculationCard, table: str = "") -> CalculationCard:
        """The card of a table in a folder: its own coefficient functions, the folder's evolution.

        Raises
        ------
        TheoryError
            If it is one that cannot be made.
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
    """What the table in a file says of itself.

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
    """A card as JSON, or as pineko writes it, the text of a Python dictionary."""
    for read in (json.loads, ast.literal_eval):
        try:
            content = read(text)
        except (ValueError, SyntaxError):
            continue
        if isinstance(content, dict):
            return content
    raise TheoryError(f"{path}: the theory card in its metadata cannot be read: {text[:60]!r}")
