"""Tests of the record of how tables were made, and of its use in a check."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.errors import TheoryError
from n3hyper.theory.folders import SHIPPED
from n3hyper.theory_maker.bases import X_GRID
from n3hyper.theory_maker.cards import CalculationCard, read_card
from n3hyper.theory_maker.check import at_its_points, changed_coefficients, moved
from n3hyper.theory_maker.fktables import write_fktable
from n3hyper.theory_maker.kinematics import Parton, TableRequest, requests
from n3hyper.theory_maker.provenance import Provenance, provenance

THEORY_1650 = SHIPPED / "theory_1650"
FOLDER = CalculationCard(ID=9, PTO=2, FNS="FONLL-C")
GRIDS: dict[str, Any] = {
    "FNS": "FONLL-C", "PTO": 2, "TMC": 0, "DAMP": 0, "IC": 1, "mc": 1.4, "kbThr": 4.0,
    "kDISbThr": 4.0, "alphas": 0.1, "CKM": "0.97 0.22 0.003 0.22 0.97 0.04 0.008 0.04 0.99",
    "IB": 0, "nf0": None,
}  # fmt: skip
"""As pinefarm wrote it for yadism 0.12."""


def written(path: Path, metadata: dict[str, str]) -> Path:
    rows = np.ones((2, 14, 50))
    write_fktable(path, rows, X_GRID, 1.65, np.array([[5.0, 0.1], [8.0, 0.2]]), metadata)
    return path


def table_of(tmp_path: Path, theory: str, yadism: str) -> Provenance:
    about = {"theory": theory, "yadism_version": yadism, "x1_label": "Q2", "x2_label": "x"}
    return provenance(written(tmp_path / "T.pineappl.lz4", about))


@pytest.mark.parametrize("version", ["0.12.5", "0.0.0"])
def test_old_grids_use_a_single_set_of_pdfs(version: str, tmp_path: Path) -> None:
    origin = table_of(tmp_path, json.dumps(GRIDS), version)
    card = origin.card(FOLDER)
    assert (card.FONLLPDFs, card.kDISbThr, card.TMC, card.mc) == ("single", 4.0, 0, 1.4)
    assert card.CKM[:2] == (0.97, 0.22)
    assert (card.ID, card.kbThr, card.alphas) == (9, 1.0, 0.118), "of the evolution"
    assert origin.q2 is not None
    assert origin.q2.tolist() == [5.0, 8.0]
    (line,) = changed_coefficients(FOLDER, card)
    assert "FONLLPDFs: single" in line
    assert "TMC: 0" in line


def test_grids_of_terms_use_coexisting_pdfs(tmp_path: Path) -> None:
    """Read the card of the first term, which pineko keeps as the text of a Python dictionary."""
    origin = table_of(tmp_path, str({**GRIDS, "FONLLParts": "full"}), "0.13.0")
    assert origin.card(FOLDER).FONLLPDFs == "coexisting"
    assert origin.card(FOLDER).kDISbThr is None


def test_tables_without_a_card_have_that_of_their_theory(tmp_path: Path) -> None:
    origin = provenance(written(tmp_path / "T.pineappl.lz4", {}))
    assert origin.x is None
    assert origin.card(FOLDER) == FOLDER
    assert not list(changed_coefficients(FOLDER, FOLDER))


def test_cards_that_cannot_be_read_or_made_name_the_table(tmp_path: Path) -> None:
    with pytest.raises(TheoryError, match=r"T.pineappl.lz4: the theory card in its metadata"):
        table_of(tmp_path, "FNS: FONLL-C", "0.12.0")
    origin = table_of(tmp_path, json.dumps({**GRIDS, "DAMP": 1}), "0.12.0")
    with pytest.raises(TheoryError, match="NMC: made with another theory card: DAMP: 1 cannot"):
        origin.card(FOLDER, "NMC")


def test_shipped_tables_record_their_card_and_points() -> None:
    card = read_card(THEORY_1650 / "theory.yml")
    (request,) = requests("HERA_NC_318GEV_EP-SIGMARED")
    origin = provenance(THEORY_1650 / "fastkernel" / f"{request.name}.pineappl.lz4")
    assert origin.card(card) == card
    moved_request = at_its_points(request, origin)
    np.testing.assert_array_equal(moved_request.q2, request.q2)
    assert not list(moved({request.name: request}, {request.name: moved_request}))


def test_rows_close_to_the_data_are_compared_where_they_are() -> None:
    (request,) = requests("NUTEV_CC_NOTFIXED_FE_NU-SIGMARED")
    origin = Provenance({}, x=request.x, q2=request.q2 * 0.999)
    moved_request = at_its_points(request, origin)
    np.testing.assert_array_equal(moved_request.q2, origin.q2)
    (line,) = moved({request.name: request}, {request.name: moved_request})
    assert line == "NUTEV_CC_NU_FE_SIGMARED: Q2 of its rows is up to 1.0e-03 from the data's"


def test_rows_of_other_points_are_refused() -> None:
    (request,) = requests("NUTEV_CC_NOTFIXED_FE_NU-SIGMARED")
    with pytest.raises(TheoryError, match=r"NUTEV_CC_NU_FE_SIGMARED: row 0 is at x = 0.\d+, Q2 ="):
        at_its_points(request, Provenance({}, x=request.x[::-1], q2=request.q2))


def test_rows_of_partons_keep_the_points_they_are_made_at() -> None:
    points = np.array([0.1])
    request = TableRequest("P", Parton(21), points, points, points)
    assert at_its_points(request, Provenance({}, x=2 * points, q2=points)) is request


def test_tables_of_theory_40000000_have_two_cards(shared_theory: Path) -> None:
    folder = replace(FOLDER, ID=40000000)
    names = ("NNPDF_POS_FLL_40", "HERA_NC_225GEV_EP_SIGMARED", "NNPDF_POS_UP_40")
    cards = [
        provenance(shared_theory / "fastkernel" / f"{name}.pineappl.lz4").card(folder)
        for name in names
    ]
    assert [(card.FONLLPDFs, card.TMC, card.kDISbThr) for card in cards] == [
        ("single", 0, None), ("single", 1, 4.0), ("coexisting", 1, None),
    ]  # fmt: skip
