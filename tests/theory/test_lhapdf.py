"""Tests of LHAPDF grids against pdfflow and neopdf (stored numbers; see reference/README.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.errors import DataError
from n3hyper.theory.lhapdf import _cubic, evolution_grid, find_set, lhapdf_folders, read_member

REFERENCE = Path(__file__).parent / "reference"
THRESHOLD = 4.92


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return json.loads((REFERENCE / "lhapdf.json").read_text())


@pytest.fixture(autouse=True)
def tiny_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LHAPDF_DATA_PATH", str(REFERENCE))
    monkeypatch.delenv("LHAPATH", raising=False)


@pytest.mark.parametrize("q", [1.65, 1.7, 2.5, 4.8, 5.0, 30.0])
def test_interpolation_is_that_of_pdfflow_and_neopdf(reference: dict[str, Any], q: float) -> None:
    grids = read_member(find_set("tiny"))
    grid = grids[0] if q < THRESHOLD else grids[1]
    assert grid.pids.tolist() == reference["pids"]
    values = grid.evaluate(np.array(reference["x"]), q)
    assert np.allclose(values, reference["pdfflow"][str(q)], rtol=1e-12, atol=0)
    assert np.allclose(values, reference["neopdf"][str(q)], rtol=1e-11, atol=0)


@pytest.mark.parametrize("q", [1.65, 2.5, 30.0])
def test_continuation_to_small_x_is_that_of_lhapdf(reference: dict[str, Any], q: float) -> None:
    grids = read_member(find_set("tiny"))
    grid = grids[0] if q < THRESHOLD else grids[1]
    values = grid.evaluate(np.array(reference["small x"]), q)
    assert np.allclose(values, reference["below"][str(q)], rtol=1e-12, atol=0)


def test_partons_are_rotated_to_the_evolution_basis() -> None:
    x = np.array([1e-3, 0.1, 0.7])
    grid = read_member(find_set("tiny"))[0]
    values = dict(zip(grid.pids.tolist(), grid.evaluate(x, 1.65).T, strict=True))
    minus = {quark: values[quark] - values[-quark] for quark in (1, 2, 3, 4)}
    plus = {quark: values[quark] + values[-quark] for quark in (1, 2, 3, 4)}
    evolution = evolution_grid("tiny", x, 1.65)
    assert evolution.shape == (3, 14)
    singlet, valence = sum(plus.values()), sum(minus.values())
    expected = {
        0: np.zeros(3),
        1: singlet,
        2: values[21],
        3: valence,
        4: minus[2] - minus[1],
        5: minus[2] + minus[1] - 2 * minus[3],
        6: minus[2] + minus[1] + minus[3] - 3 * minus[4],
        7: valence,
        8: valence,
        9: plus[2] - plus[1],
        10: plus[2] + plus[1] - 2 * plus[3],
        11: plus[2] + plus[1] + plus[3] - 3 * plus[4],
        12: singlet,
        13: singlet,
    }
    for flavour, combination in expected.items():
        assert np.allclose(evolution[:, flavour], combination, rtol=1e-12, atol=1e-15)


def test_knots_are_reproduced() -> None:
    grid = read_member(find_set("tiny"))[0]
    for number, q in enumerate(grid.q[:-1]):
        assert np.allclose(grid.evaluate(grid.x, q), grid.values[:, number], rtol=1e-12)


def test_cubic_is_exact_for_parabolas() -> None:
    knots = np.linspace(0.0, 1.0, 6)
    points = np.linspace(0.2, 0.8, 13)  # between inner knots, whose slopes are central
    assert np.allclose(_cubic(knots, knots**2, points), points**2, rtol=1e-14)


def test_at_a_threshold_the_upper_grid_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Use LHAPDF's choice where the two grids that meet at a threshold differ."""
    x = np.array([1e-3, 0.01, 0.1, 1.0])
    text = ["Format: lhagrid1\n---"]
    for scales, height in (([1.65, THRESHOLD], 1.0), ([THRESHOLD, 100.0], 2.0)):
        text += [" ".join(map(str, row)) for row in (x, scales)]
        text += ["21", *(str(height) for _ in range(x.size * 2)), "---"]
    (tmp_path / "jump").mkdir()
    (tmp_path / "jump" / "jump_0000.dat").write_text("\n".join(text) + "\n")
    monkeypatch.setenv("LHAPDF_DATA_PATH", str(tmp_path))
    for q, height in ((THRESHOLD * (1 - 1e-9), 1.0), (THRESHOLD, 2.0), (5.0, 2.0)):
        assert evolution_grid("jump", np.array([0.05]), q)[0, 2] == pytest.approx(height)


def test_a_missing_set_is_an_error_that_names_folders() -> None:
    with pytest.raises(DataError, match=r"for fakepdf not found .*`fakedata: false`"):
        find_set("NNPDF99_nlo", "fakepdf")
    with pytest.raises(DataError) as error:
        find_set("NNPDF99_nlo")
    message = str(error.value)
    assert "'NNPDF99_nlo'" in message
    assert str(REFERENCE) in message
    assert "use_t0: false" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_a_path_is_refused_as_the_name_of_a_set(name: str) -> None:
    with pytest.raises(DataError):
        find_set(name)


def test_a_set_that_begins_above_q0_is_an_error() -> None:
    with pytest.raises(DataError, match=r"begins at Q = 1\.65 GeV, above Q0 = 1 GeV"):
        evolution_grid("tiny", np.array([0.1]), 1.0)


@pytest.mark.parametrize(
    "text", ["", "Format: other\n---\n", "Format: lhagrid1\n---\n1 2 3 4\n1 2\n21\n0.0\n---\n"]
)
def test_an_unreadable_grid_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "set_0000.dat"
    path.write_text(text)
    with pytest.raises(DataError, match=r"set_0000\.dat cannot be read"):
        read_member(path)


def test_folders_of_sets_are_searched_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LHAPDF_DATA_PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    monkeypatch.setenv("LHAPATH", str(tmp_path / "c"))
    folders = lhapdf_folders()
    assert list(folders[:3]) == [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    assert len(set(folders)) == len(folders)
