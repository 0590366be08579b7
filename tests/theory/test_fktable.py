"""Tests of FK tables that are written and read back; PineAPPL's convolution is the oracle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from n3hyper.errors import TheoryError
from n3hyper.theory.fktable import (
    EVOLUTION_PIDS,
    evolution_matrix,
    pid_to_evolution,
    read_cfactor,
    read_fktable,
)
from tests.support.fktable_files import write_table
from tests.support.synthetic import toy_pdf

XGRID = np.array([0.01, 0.1, 0.3, 0.6])
RNG = np.random.default_rng(3)


def partons(x: float) -> dict[int, float]:
    """Return x f of each parton of the toy proton."""
    pids, matrix = evolution_matrix()
    return dict(zip(pids.tolist(), np.linalg.solve(matrix, toy_pdf(np.array([x]))[0]), strict=True))


def convolve(path: Path) -> np.ndarray:
    """Return PineAPPL's prediction with the toy proton."""
    from pineappl.fk_table import FkTable

    table = FkTable.read(str(path))
    functions = [lambda pid, x, q2: partons(x)[pid]] * len(table.convolutions)
    return table.convolve(pdg_convs=table.convolutions, xfxs=functions)


def predict(path: Path) -> np.ndarray:
    """Return the prediction with the table as it was read."""
    fk = read_fktable(path)
    xf = toy_pdf(fk.xgrid)
    if not fk.hadronic:
        return np.einsum("nfx,xf->n", fk.table, xf[:, fk.channels])
    first, second = xf[:, fk.channels[:, 0]], xf[:, fk.channels[:, 1]]
    return np.einsum("nlxy,xl,yl->n", fk.table, first, second)


@pytest.mark.parametrize(
    ("channels", "evolution"),
    [
        ([[100], [21], [203], [108]], True),
        ([[21], [2], [-2], [1], [-3], [4]], False),
        ([[200, 103], [100, 100], [21, 100]], True),
        ([[2, -1], [-1, 2], [21, 3], [4, 4]], False),
    ],
)
def test_predictions_agree_with_pineappl(
    tmp_path: Path, channels: list[list[int]], evolution: bool
) -> None:
    path = tmp_path / "table.pineappl.lz4"
    shape = (3, len(channels), *[XGRID.size] * len(channels[0]))
    values = RNG.normal(size=shape)
    widths = np.array([1.0, 2.0, 0.25])
    write_table(path, values, channels, XGRID, normalizations=widths, evolution=evolution)
    assert np.allclose(predict(path), convolve(path), rtol=1e-12)


def test_tables_hold_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "SET.pineappl.lz4"
    write_table(path, RNG.normal(size=(2, 3, 4)), [[103], [21], [100]], XGRID, q0=1.3)
    fk = read_fktable(path)
    assert (fk.name, fk.rows, fk.hadronic) == ("SET", 2, False)
    assert fk.channels.tolist() == [1, 2, 9]
    assert np.array_equal(fk.xgrid, XGRID)
    assert fk.q0 == pytest.approx(1.3, rel=1e-12)
    assert not fk.table.flags.writeable


def test_each_evolution_flavour_is_itself() -> None:
    for index, pid in enumerate(EVOLUTION_PIDS):
        assert np.flatnonzero(pid_to_evolution(pid)).tolist() == [index]
    pids, matrix = evolution_matrix()
    combinations = np.array([pid_to_evolution(pid) for pid in pids.tolist()])
    assert np.allclose(combinations @ matrix, np.eye(14), atol=1e-14)


def test_tables_of_other_hadrons_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.pineappl.lz4"
    write_table(path, np.ones((1, 1, 4)), [[100]], XGRID, hadron=211)
    with pytest.raises(TheoryError, match="only PDFs of protons"):
        read_fktable(path)


def test_an_unknown_parton_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "table.pineappl.lz4"
    write_table(path, np.ones((1, 1, 4)), [[11]], XGRID, evolution=False)
    with pytest.raises(TheoryError, match="unknown parton 11"):
        read_fktable(path)


@pytest.mark.parametrize("content", [b"", b"text", b"\x04\x22\x4d\x18 cut short"])
def test_a_file_that_is_no_table_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.pineappl.lz4"
    path.write_bytes(content)
    with pytest.raises(TheoryError, match=r"table\.pineappl\.lz4") as error:
        read_fktable(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TheoryError, match="No such file"):
        read_fktable(tmp_path / "none.pineappl.lz4")


def test_cfactors_are_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "CF_QCD_SET.dat"
    path.write_text("****\nSetName: SET\n1 2\n****\n1.5 0.0\n  0.5\t0.1\n")
    assert read_cfactor(path).tolist() == [1.5, 0.5]
    path.write_text("****\n****\none two\n")
    with pytest.raises(TheoryError, match="CF_QCD_SET"):
        read_cfactor(path)
    path.write_text("1.0 0.0\n")
    with pytest.raises(TheoryError, match="lines of stars"):
        read_cfactor(path)
