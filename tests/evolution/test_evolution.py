"""PDFs evolved by eko's kernels, and the set that comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from n3hyper.cli import main
from n3hyper.errors import DataError, RuncardError, TheoryError
from n3hyper.evolution import evolve, operators
from n3hyper.evolution.cards import evolution_card
from n3hyper.evolution.operators import make_evolution
from n3hyper.evolution.replica_grids import read_replicas
from n3hyper.evolution.steps import FLAVOUR_PIDS
from n3hyper.evolution.sum_rules import sum_rules
from n3hyper.physics.xgrid import export_xgrid
from n3hyper.replicas.files.exportgrid import PIDS, ExportGrid, partons, partons_of_evolution
from n3hyper.theory.lhapdf import evolution_grid, read_member
from n3hyper.theory_maker.sum_rules import les_houches

REFERENCE = Path(__file__).parent.parent / "theory" / "reference"
NNLO = 40_000_000
_NAMES = {"U": 2, "D": 1, "S": 3, "C": 4}


def toy(x: np.ndarray) -> np.ndarray:
    """x f of the Les Houches toy PDFs in the evolution basis, (n, 14)."""
    return np.asarray((les_houches(x) * x).T)


def in_order(values: np.ndarray) -> np.ndarray:
    """(n, 14) in the order of export grids -> (14, n) in that of `FLAVOUR_PIDS`."""
    return np.asarray(values.T[[PIDS.index(pid) for pid in FLAVOUR_PIDS]])


def pid_of(name: str) -> int:
    """The parton of a positivity set: ``XUB`` is the antiup."""
    return 21 if name == "XGL" else _NAMES[name[1]] * (1 if name[2] == "Q" else -1)


def write_fit(folder: Path, replicas: int = 3, theoryid: int = 1650, step: int = 3) -> Path:
    """A fit of toy PDFs that differ by their gluon and sea, on every third node."""
    x = export_xgrid()[::step]
    assert x[-1] == 1.0
    for number in range(1, replicas + 1):
        place = folder / "nnfit" / f"replica_{number}"
        place.mkdir(parents=True)
        values = toy(x)
        values[:, [2, 9]] *= 1 + 0.1 * number
        grid = ExportGrid(number, 1.65, x, partons(values, 4))
        (place / f"{folder.name}.exportgrid").write_text(grid.text())
    (folder / "filter.yml").write_text(f"theory:\n  theoryid: {theoryid}\n")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N3HYPER_CACHE", str(tmp_path_factory.getbasetemp() / "evolution"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "theoryid", "eko_solution", "within"),
    [("nlo", 1650, False, 2e-5), ("nnlo", NNLO, False, 2e-5), ("nnlo", NNLO, True, 0.2)],
)
def test_against_integrals_without_a_grid(
    case: str, theoryid: int, eko_solution: bool, within: float
) -> None:
    """eko's own solution at NNLO is off by per cents and more."""
    pytest.importorskip("eko")
    reference = json.loads((REFERENCE / "evolution.json").read_text())
    x = export_xgrid()
    card = evolution_card(theoryid, eko_solution=eko_solution)
    scale = (reference["q2"], 4)
    made = make_evolution(card, x, (scale,))
    evolved = made.evolve((in_order(toy(x) @ partons_of_evolution().T) / x)[None])[scale][0] * x
    worst = 0.0
    for name, expected in reference[case].items():
        curve = CubicSpline(np.log(x), evolved[FLAVOUR_PIDS.index(pid_of(name))])
        ratio = curve(np.log(reference["x"])) / np.array(expected)
        worst = max(worst, float(np.abs(ratio - 1).max()))
    assert worst < within
    if eko_solution:
        assert worst > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "theoryid", "eko_solution"),
    [("nlo", 1650, False), ("nnlo", NNLO, False), ("nnlo by eko", NNLO, True)],
)
def test_against_evolven3fit(case: str, theoryid: int, eko_solution: bool) -> None:
    """Of nnpdf 4.1.5 with eko 0.15.7; for "nnlo" with eko's truncated solution put right."""
    pytest.importorskip("eko")
    reference = json.loads((Path(__file__).parent / "evolven3fit.json").read_text())[case]
    x = export_xgrid()[3::8]
    pdfs = (in_order(toy(x) @ partons_of_evolution().T) / x)[None]
    scales = {"1.2": (1.2**2, 3), "100": (100.0**2, 5)}
    card = evolution_card(theoryid, eko_solution=eko_solution)
    made = make_evolution(card, x, tuple(scales.values())).evolve(pdfs)
    for q, scale in scales.items():
        for pid, expected in reference[q].items():
            found = (made[scale][0] * x)[FLAVOUR_PIDS.index(int(pid))]
            wanted = np.array(expected)
            # the poles of eko's own solution are too near the path at small x
            seen = x > (1e-5 if eko_solution else 0.0)
            large = seen & (np.abs(wanted) > 1e-3 * np.abs(wanted).max())
            np.testing.assert_allclose(found[large], wanted[large], rtol=1e-4, err_msg=f"{q} {pid}")


@pytest.mark.slow
def test_exact_and_truncated_solutions_are_near_each_other() -> None:
    """They differ beyond NLO, by 16 % at x = 1e-9, and not at all at LO."""
    pytest.importorskip("eko")
    x = export_xgrid()[::3]
    pdfs = (in_order(toy(x) @ partons_of_evolution().T) / x)[None]
    scale = (25.0, 5)
    for pto, least, most in ((0, -1.0, 1e-6), (1, 1e-4, 0.2)):
        truncated = replace(evolution_card(1650), pto=pto)
        exact = replace(truncated, solution="EXA", iterations=10)
        results = [
            make_evolution(card, x, (scale,)).evolve(pdfs)[scale] for card in (truncated, exact)
        ]
        gluon = FLAVOUR_PIDS.index(21)
        difference = np.abs(results[0] / np.where(results[1] == 0, 1, results[1]) - 1)[
            0, gluon, :50
        ]
        assert least < difference.max() < most


@pytest.mark.slow
def test_fit_becomes_a_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("eko")
    fit = write_fit(tmp_path / "my_fit")
    with pytest.raises(SystemExit) as ended:
        main(["evolve", str(fit)])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "4 members" in said
    assert "no vetoes have been applied" in said
    place = fit / "nnfit" / "my_fit"
    assert sorted(file.name for file in place.iterdir()) == [
        "my_fit.info", *(f"my_fit_000{number}.dat" for number in range(4))
    ]  # fmt: skip
    assert (place / "my_fit_0002.dat").resolve() == fit.resolve() / "nnfit/replica_2/my_fit.dat"
    assert "NumMembers: 4" in (place / "my_fit.info").read_text()
    assert "NumMembers: REPLACE_NREP" in (fit / "nnfit" / "my_fit.info").read_text()

    # at Q0 the set is what went in
    monkeypatch.setenv("LHAPDF_DATA_PATH", str(place.parent))
    x = export_xgrid()[::3]
    expected = toy(x)
    expected[:, [2, 9]] *= 1.2
    np.testing.assert_allclose(evolution_grid("my_fit", x, 1.65), expected, atol=1e-6, rtol=1e-6)

    # the second time operators are there already, and the set may go elsewhere
    monkeypatch.setattr(operators, "_compute", None)
    made = evolve.evolve_fit(fit, tmp_path / "sets")
    assert made.folder == tmp_path / "sets" / "my_fit"
    files = {file.name: file for file in made.folder.iterdir()}
    assert not any(file.is_symlink() for file in files.values())
    for name, file in files.items():
        assert file.read_bytes() == (place / name).read_bytes(), name
    momentum = [each for each in made.sum_rules if each.rule == "momentum"]
    # a third of the nodes; with all of them it is some 1e-6
    assert max(each.drift for each in momentum) < 1e-3
    assert momentum[0].std > 0.01
    valence = [each for each in made.sum_rules if each.rule == "u valence"]
    assert all(abs(each.mean - 2) < 1e-3 for each in valence)


@pytest.mark.slow
def test_set_of_the_replicas_that_passed(tmp_path: Path) -> None:
    pytest.importorskip("eko")
    fit = write_fit(tmp_path / "my_fit")
    for place, number in enumerate((1, 3), 1):
        (fit / "postfit").mkdir(exist_ok=True)
        (fit / "postfit" / f"replica_{place}").symlink_to(f"../nnfit/replica_{number}")
    made = evolve.evolve_fit(fit)
    assert made.selected
    assert made.folder == fit / "postfit" / "my_fit"
    assert made.members == 3
    second = made.folder / "my_fit_0002.dat"
    assert second.resolve().parent.name == "replica_3"
    assert "FromMCReplica: 3" in second.read_text()[:60]
    assert not (fit / "nnfit/replica_2/my_fit.dat").exists()


@pytest.mark.slow
def test_read_by_another_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("eko")
    neopdf = pytest.importorskip("neopdf")
    fit = write_fit(tmp_path / "my_fit")
    made = evolve.evolve_fit(fit, tmp_path / "sets")
    monkeypatch.setenv("NEOPDF_DATA_PATH", str(tmp_path / "sets"))
    pdf = neopdf.pdf.PDF.mkPDF("my_fit", 1)
    for grid in read_member(made.folder / "my_fit_0001.dat"):
        q = float(grid.q[len(grid.q) // 2])
        for x in (1e-5, 3e-3, 0.2, 0.6):
            ours = grid.evaluate(np.array([x]), q)[0]
            theirs = [pdf.xfxQ2(int(pid), x, q * q) for pid in grid.pids]
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_sum_rules_of_the_toy() -> None:
    x = export_xgrid()
    found = sum_rules(x, in_order(toy(x) @ partons_of_evolution().T))
    assert found["momentum"] == pytest.approx(1.0, abs=1e-4)
    assert found["u valence"] == pytest.approx(2.0, abs=1e-4)
    assert found["d valence"] == pytest.approx(1.0, abs=1e-4)
    assert found["s valence"] == pytest.approx(0.0, abs=1e-12)


def test_replicas_that_do_not_belong_together(tmp_path: Path) -> None:
    fit = write_fit(tmp_path / "my_fit")
    grid = fit / "nnfit" / "replica_2" / "my_fit.exportgrid"
    text = grid.read_text()
    for change, said in (
        (text.replace("q20: 2.72", "q20: 3.72"), "Q0 is 1.9"),
        (text.replace("xgrid: [1.0e-09", "xgrid: [1.1e-09"), "other nodes"),
        (text.replace("- [0.0", "- [.nan", 1), "no numbers"),
    ):
        assert change != text
        grid.write_text(change)
        with pytest.raises(DataError, match=said):
            read_replicas(fit)


def test_wrong_input_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="not the folder of a fit"):
        read_replicas(tmp_path)
    (tmp_path / "scan" / "nnfit" / "replica_1").mkdir(parents=True)
    with pytest.raises(DataError, match="has no replicas"):
        read_replicas(tmp_path / "scan")
    fit = write_fit(tmp_path / "my_fit")
    monkeypatch.setattr(evolve, "require_eko", lambda: None)
    (fit / "filter.yml").write_text("theory: {}\n")
    with pytest.raises(RuncardError, match=r"theory\.theoryid"):
        evolve.evolve_fit(fit)
    (fit / "filter.yml").write_text("fitting: {fitbasis: POLARIZED_EVOL}\n")
    with pytest.raises(RuncardError, match="evolven3fit evolve --use_polarized"):
        evolve.evolve_fit(fit)
    (fit / "filter.yml").write_text("theory:\n  theoryid: 99\n")
    with pytest.raises(TheoryError, match="99 not found"):
        evolve.evolve_fit(fit)
    for file in fit.glob("nnfit/*/*.exportgrid"):
        file.write_text(file.read_text().replace("q20: 2.72", "q20: 3.72"))
    (fit / "filter.yml").write_text("theory:\n  theoryid: 1650\n")
    with pytest.raises(TheoryError, match=r"theory 1650 begins at 1\.65 GeV"):
        evolve.evolve_fit(fit)


def test_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolve, "_PACKAGES", ("no_such_package",))
    with pytest.raises(TheoryError, match=r"pip install 'n3hyper\[theory\]'"):
        evolve.evolve_fit(tmp_path)
