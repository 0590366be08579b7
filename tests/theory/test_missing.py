"""Tests of the error that names all that a theory lacks at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from n3hyper.errors import TheoryError
from n3hyper.theory.folders import TheoryFolder
from n3hyper.theory.missing import Missing, lacking, refuse_missing
from n3hyper.theory.recipe import ObservableSource, TheoryRecipe


@pytest.fixture
def folder(tmp_path: Path) -> TheoryFolder:
    """Return a theory with two tables and a K-factor."""
    for name in ("fastkernel/A.pineappl.lz4", "fastkernel/B.pineappl", "cfactor/CF_QCD_A.dat"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return TheoryFolder(5, tmp_path)


def recipe(*operands: tuple[str, ...]) -> TheoryRecipe:
    return TheoryRecipe(
        operation="NULL", fk_tables=operands, conversion_factor=1.0, shifts=(), normalization=()
    )


def source(name: str, *tables: str, cfac: tuple[str, ...] = ()) -> ObservableSource:
    import numpy as np

    return ObservableSource(name, recipe(tables), np.arange(1), cfac)


def test_nothing_is_lacking_when_all_files_exist(folder: TheoryFolder) -> None:
    assert lacking("SET", recipe(("A",), ("B",)), (), folder) is None
    assert lacking("SET", recipe(("A",)), ("QCD",), folder) is None


def test_each_table_and_each_factor_is_looked_for(folder: TheoryFolder) -> None:
    found = lacking("SET", recipe(("A", "C"), ("B", "D", "C")), ("QCD",), folder)
    assert found == Missing("SET", ("C", "D"), (("QCD", "C"), ("QCD", "B"), ("QCD", "D")))
    assert found.reason == "no FK table C, D"
    assert lacking("SET", recipe(("B",)), ("QCD",), folder).reason == "no K-factor QCD of B"
    assert lacking("SET", None, (), folder).reason == "no theory in nnpdf_data"


def test_factors_of_nnpdf_data_count(folder: TheoryFolder) -> None:
    table = recipe(("NUTEV_CC_NU_FE_SIGMARED",))
    assert lacking("SET", table, ("MAS",), folder).cfactors == ()


def test_one_line_names_all_missing_tables_and_factors(folder: TheoryFolder) -> None:
    sources = [
        source("ONE", "A"),
        source("TWO", "C"),
        source("THREE", "B", cfac=("QCD", "EWK")),
        source("FOUR", "C", "D"),
    ]
    with pytest.raises(TheoryError) as raised:
        refuse_missing(sources, folder)
    assert str(raised.value) == (
        f"theory 5 in {folder.path} has no FK tables for 2 of 4 sets (TWO, FOUR) and no K-factors "
        "for 1 (THREE: QCD of B, EWK of B); n3hyper scan --skip-missing leaves them out"
    )


def test_a_single_missing_table_gets_a_hint(folder: TheoryFolder) -> None:
    with pytest.raises(TheoryError, match=r"^TWO: theory 5 has no FK table 'AA'.*did you mean"):
        refuse_missing([source("ONE", "A"), source("TWO", "AA")], folder)
    with pytest.raises(TheoryError, match=r"^TWO: no K-factor 'NRM' for FK table A"):
        refuse_missing([source("TWO", "A", cfac=("NRM",))], folder)
    refuse_missing([source("ONE", "A")], folder)
