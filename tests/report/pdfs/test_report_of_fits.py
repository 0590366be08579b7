"""The report of a fit, n3hyper's and n3fit's."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.cli import main
from n3hyper.physics.xgrid import export_xgrid
from n3hyper.replicas.files.exportgrid import ExportGrid
from n3hyper.report.errors import ReportError
from n3hyper.report.pdfs import distances
from n3hyper.report.pdfs.figures import plan_figures, write_figures
from n3hyper.report.pdfs.fit import read_fit
from n3hyper.report.pdfs.page import page
from n3hyper.report.pdfs.pdfset import PDFs, X, read_set
from n3hyper.report.pdfs.tables import to_json
from n3hyper.report.pdfs.view import view_fit
from n3hyper.report.trials.sources import is_fit

SETUPS = [
    {
        "nodes_per_layer": [25, nodes, 8],
        "activation_per_layer": ["tanh", "tanh", "linear"],
        "optimizer": {"optimizer_name": "Nadam", "learning_rate": rate},
    }
    for nodes, rate in ((10, 0.001), (20, 0.002))
]
DATASETS = ("NMC_NC_NOTFIXED_P_EM-SIGMARED", "HERA_CC_318GEV_EP-SIGMARED")


def grid_of(number: int, shift: float, scale: float = 1.0) -> ExportGrid:
    """A replica whose partons all are (1 + shift) x^0.5 (1 - x)^3, antiquarks half of it."""
    x = export_xgrid()
    values = np.repeat((scale * (1 + shift) * x**0.5 * (1 - x) ** 3)[:, None], 14, axis=1)
    values[:, :6] *= 0.5
    return ExportGrid(number, 1.65, x, values)


def write_fit(folder: Path, count: int = 12, scale: float = 1.0, seed: int = 1) -> Path:
    """A fit of two setups, which differ by a tenth of the PDFs; every fifth replica is vetoed."""
    rng = np.random.default_rng(seed)
    rows = []
    (folder / "postfit").mkdir(parents=True)
    place = 0
    for number in range(1, count + 1):
        replica = folder / "nnfit" / f"replica_{number}"
        replica.mkdir(parents=True)
        grid = grid_of(number, 0.1 * (number % 2) + 0.02 * rng.normal(), scale)
        (replica / f"{folder.name}.exportgrid").write_text(grid.text())
        epochs = np.arange(100, 1000, 100)
        log = {
            str(epoch): {
                "training_loss": 1 + 500 / epoch,
                "validation_loss": [1.1 + 500 / epoch],
                "validation_chi2s": {},
            }
            for epoch in epochs.tolist()
        }
        (replica / "chi2exps.log").write_text(json.dumps(log))
        failed = number % 5 == 0
        if not failed:
            place += 1
            (folder / "postfit" / f"replica_{place}").symlink_to(f"../nnfit/replica_{number}")
        rows.append(
            {
                "number": number,
                "setup": number % 2,
                "chi2": 1.2 + 0.01 * number,
                "training_chi2": 1.1 + 0.01 * number,
                "validation_chi2": 1.3 - 0.01 * number,
                "best_epoch": 700,
                "stop_epoch": 900,
                "arc_lengths": [1.0] * 5,
                "integrability": [0.0] * 5,
                "failure": "ChiSquared, ArcLength_0" if failed else "",
            }
        )
    chi2 = [
        {"name": name, "experiment": name.split("_")[0], "ndata": 100 * (i + 1),
         "chi2": 1.5 - 0.4 * i, "mean": 1.6 - 0.4 * i, "std": 0.05, "phi2": 0.04}
        for i, name in enumerate(DATASETS)
    ]  # fmt: skip
    total = {"name": "total", "experiment": "", "ndata": 300, "chi2": 1.25, "mean": 1.35}
    content = {
        "version": "0", "theory": 1650, "q0": 1.65, "setups": SETUPS, "replicas": rows,
        "chi2": [*chi2, {**total, "std": 0.03, "phi2": 0.05}],
    }  # fmt: skip
    (folder / "fit.json").write_text(json.dumps(content))
    (folder / "filter.yml").write_text("theory:\n  theoryid: 1650\n# <script>alert(1)</script>\n")
    return folder


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["report", *args])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def fit(tmp_path: Path) -> Path:
    return write_fit(tmp_path / "my_fit")


def test_short_table(
    fit: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    status, out, _ = run(capsys, str(fit))
    assert status == 0
    assert "10 replicas of 12 passed the vetoes, 2 setups, theory 1650" in out
    assert "not in the set: 2 ChiSquared, 2 ArcLength_0" in out
    assert "1.250 per point of the mean" in out
    assert "not evolved yet: n3hyper evolve" in out
    assert re.search(r"^charm +0\.0", out, flags=re.MULTILINE)
    for name in DATASETS:
        assert name in out
    assert "25-20-8, tanh-tanh-linear, Nadam, 0.002" in out


def test_numbers_for_other_programs(fit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, str(fit), "--format", "json")
    content = json.loads(out)
    assert status == 0
    x = np.array(content["pdfs"]["x"])
    # 10 replicas, of which 5 are a tenth higher: u valence is half of a quark
    expected = 0.5 * 1.05 * x**0.5 * (1 - x) ** 3
    np.testing.assert_allclose(content["pdfs"]["u valence"]["mean"], expected, rtol=0.02, atol=1e-6)
    assert [row["passed"] for row in content["setups"]] == [5, 5]
    assert content["chosen"] == [1, 2, 3, 4, 6, 7, 8, 9, 11, 12]

    status, out, _ = run(capsys, str(fit), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["dataset"] for row in rows] == [*DATASETS, "total"]
    assert float(rows[0]["chi2_mean"]) == 1.6
    status, out, _ = run(capsys, str(fit), "--format", "markdown")
    assert out.count("\n") == 5


def test_the_share_of_variance_between_setups(fit: Path) -> None:
    view = view_fit(fit)
    assert view.between_setups is not None
    share, chance = view.between_setups
    assert chance == pytest.approx(1 / 9)
    assert share.min() > 0.6  # the setups differ by 5 standard deviations of their replicas
    pdfs = view.fit.pdfs
    groups = [pdfs.members[places, 0] for places in view.setup_groups.values()]
    between = groups[0].mean(axis=0) - groups[1].mean(axis=0)
    np.testing.assert_allclose(np.abs(between), 0.1 * X**0.5 * (1 - X) ** 3, rtol=0.3)


def test_figures_and_page_are_written(
    fit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_fit(tmp_path / "other", scale=1.1, seed=2)
    page_file, folder = tmp_path / "page.html", tmp_path / "figures"
    status, _, err = run(
        capsys, str(fit), "--compare", str(other), "--html", str(page_file), "--figures",
        str(folder), "--figure-format", "pdf",
    )  # fmt: skip
    assert status == 0
    names = {
        "pdfs_1.65_log", "pdfs_1.65_linear", "ratio_1.65_log", "ratio_1.65_linear",
        "distances_1.65", "chi2", "training", "replicas", "setups", "setup_share",
    }  # fmt: skip
    assert {file.stem for file in folder.glob("*.pdf")} == names
    assert f"figures   {len(names)} in {folder}" in err
    text = page_file.read_text()
    _Closed().check(text)
    assert text.count("<img ") == len(names)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "script-src" not in text
    assert "default-src 'none'" in text
    for place in ("pdfs", "comparison", "data", "training", "setups", "runcard"):
        assert f'id="{place}"' in text


class _Closed(HTMLParser):
    """Sees to it that elements are closed in order."""

    def check(self, text: str) -> None:
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_evolved_pdfs_are_shown(fit: Path) -> None:
    write_set(fit / "postfit" / "my_fit", members=10)
    view = view_fit(fit)
    assert view.scales == (1.65, 10.0, 100.0)
    np.testing.assert_allclose(view.pdfs(10.0).central[0], toy_gluon(10.0), rtol=1e-3, atol=1e-4)
    assert {plan.name for plan in plan_figures(view)} >= {"pdfs_10_log", "pdfs_100_linear"}


def test_comparison_with_a_set(fit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_set(tmp_path / "sets" / "toy_set", members=6, lowest=2.0)
    view = view_fit(fit, compare=str(folder))
    assert view.compared(1.65) is None  # the set begins above
    write_set(fit / "postfit" / "my_fit", members=10)
    monkeypatch.setenv("LHAPDF_DATA_PATH", str(tmp_path / "sets"))
    view = view_fit(fit, compare="toy_set")
    other = view.compared(10.0)
    assert other is not None
    assert len(other.members) == 6
    assert view.distances(10.0) is not None


def toy_gluon(q: float) -> np.ndarray:
    return np.asarray(np.log(q) * X**-0.1 * (1 - X) ** 5)


def write_set(folder: Path, members: int, lowest: float = 1.0, errors: str = "replicas") -> Path:
    """A set in LHAPDF's format, of gluons that grow with log Q."""
    folder.mkdir(parents=True)
    x, q = np.geomspace(1e-6, 1, 300), np.geomspace(lowest, 1e3, 40)
    for member in range(members + 1):
        shift = 0.01 * (member - (members + 1) / 2) if member else 0.0
        values = (1 + shift) * np.multiply.outer(x**-0.1 * (1 - x) ** 5, np.log(q))
        pids = (-2, -1, 21, 1, 2)
        rows = "\n".join(" ".join([f"{v:.8e}"] * len(pids)) for v in values.ravel())
        grid = [" ".join(f"{v:.8e}" for v in knots) for knots in (x, q)]
        text = f"PdfType: replica\nFormat: lhagrid1\n---\n{grid[0]}\n{grid[1]}\n"
        text += f"{' '.join(map(str, pids))}\n{rows}\n---\n"
        (folder / f"{folder.name}_{member:04d}.dat").write_text(text)
    info = f"SetDesc: toy\nNumMembers: {members + 1}\nErrorType: {errors}\nErrorConfLevel: 90\n"
    (folder / f"{folder.name}.info").write_text(info)
    return folder


def test_uncertainties_of_hessian_sets(tmp_path: Path) -> None:
    """Of two directions: +-1.5 %, +-0.5 % of the central value, at 90 % confidence."""
    found = read_set(write_set(tmp_path / "eigen", members=4, errors="hessian")).at(10.0)
    # members -1.5, -0.5, 0.5, 1.5 %, in pairs
    sigma = 0.5 * math.hypot(1.0, 1.0) / 1.6448536 * 0.01
    np.testing.assert_allclose(found.sigma[0], sigma * np.abs(found.central[0]), rtol=1e-3)
    found = read_set(write_set(tmp_path / "symmetric", members=4, errors="symmhessian")).at(10.0)
    sigma = math.sqrt(2 * (1.5**2 + 0.5**2)) / 1.6448536 * 0.01
    np.testing.assert_allclose(found.sigma[0], sigma * np.abs(found.central[0]), rtol=1e-3)
    assert not found.are_replicas


def test_distances_of_the_same_population() -> None:
    """They are about 1 in the mean of squares, whatever the number of replicas."""
    rng = np.random.default_rng(3)

    def pdfs(count: int, shift: float = 0.0) -> PDFs:
        return PDFs("toy", 1.65, shift + rng.normal(size=(count, 6, len(X))))

    for count in (20, 100):
        first, second = pdfs(count), pdfs(count)
        assert (distances.of_means(first, second) ** 2).mean() == pytest.approx(1, abs=0.15)
        # of few replicas, the estimate of the variance of a variance is too small
        assert (distances.of_sigmas(first, second) ** 2).mean() == pytest.approx(
            1, abs=0.1 + 6 / count
        )
        # one sigma apart: the square root of half the number
        away = distances.of_means(first, pdfs(count, 1.0)).mean()
        assert away == pytest.approx(math.sqrt(count / 2), rel=0.1)


def test_fit_of_n3fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No fit.json, no vetoes yet: what n3fit writes of each replica is enough."""
    folder = tmp_path / "n3fit_run"
    for number in (1, 2, 3):
        replica = folder / "nnfit" / f"replica_{number}"
        replica.mkdir(parents=True)
        (replica / "n3fit_run.exportgrid").write_text(grid_of(number, 0.01 * number).text())
        content = {
            "erf_tr": 1.1, "erf_vl": 1.2, "chi2": 1.15, "best_epoch": 90, "stop_epoch": 100,
            "pos_state": "POS_PASS" if number < 3 else "POS_VETO",
            "hyperparameters": {"optimizer": "Adam", "learning_rate": 0.01 * (number % 2)},
        }  # fmt: skip
        (replica / "n3fit_run.json").write_text(json.dumps(content))
        (replica / "version.json").write_text("{}")
        (replica / "chi2exps.log").write_text("{}")
    (folder / "filter.yml").write_text("theory:\n  theoryid: 40000000\n")
    assert is_fit(folder)
    status, out, _ = run(capsys, str(folder))
    assert status == 0
    assert "3 replicas of 3 with PDFs, no vetoes applied, 2 setups, theory 40000000" in out
    assert "1.1500" in out
    view = view_fit(folder)
    assert [plan.name for plan in plan_figures(view) if plan.draw(view) is not None] == [
        "pdfs_1.65_log", "pdfs_1.65_linear", "replicas"
    ]  # fmt: skip


def test_the_newest_fit_below_a_folder_is_found(
    fit: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a path: the fit, not the store of its jobs, unless a scan was written later."""
    (fit / "jobs").mkdir()
    (fit / "jobs" / "tries.json").write_text("[]")
    monkeypatch.chdir(fit.parent)
    status, out, _ = run(capsys)
    assert status == 0
    assert "10 replicas of 12" in out
    scan = fit.parent / "scan" / "nnfit" / "replica_1" / "tries.json"
    scan.parent.mkdir(parents=True)
    scan.write_text("[]")
    later = (fit / "fit.json").stat().st_mtime + 10
    os.utime(scan, (later, later))
    status, _, err = run(capsys)
    assert status == 2
    assert "scan: no trial has finished yet" in err


def test_options_of_scans_are_refused_for_fits(
    fit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, str(fit), "--top", "3")
    assert status == 2
    assert "--top belongs to scans" in err
    status, _, err = run(capsys, str(fit.parent), "--compare", "x")
    assert status == 2
    assert "--compare goes with the folder of a fit" in err


@pytest.mark.parametrize(
    ("compare", "said"),
    [("no_such_set", "not found"), (".", "neither the folder of a fit nor that of an LHAPDF set")],
)
def test_a_set_that_is_nowhere_is_named(fit: Path, compare: str, said: str) -> None:
    with pytest.raises(ReportError, match=said):
        view_fit(fit, compare=compare)


def test_set_that_is_not_whole(fit: Path, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "toy_set", members=3)
    (folder / "toy_set_0002.dat").unlink()
    with pytest.raises(ReportError, match="3 members of 4"):
        view_fit(fit, compare=str(folder))


def test_files_may_be_anything(fit: Path) -> None:
    summary = fit / "fit.json"
    for text in ("[]", "{}", '{"replicas": 3, "chi2": "x", "setups": [1]}', '{"chi2": [[]]}'):
        summary.write_text(text)
        assert json.loads(to_json(view_fit(fit)))["chosen"]
    _Closed().check(page(view_fit(fit)))
    for text in ("", "{", "\x00"):
        summary.write_text(text)
        with pytest.raises(ReportError, match=r"fit\.json: cannot be read"):
            read_fit(fit)
    summary.unlink()
    for log in fit.glob("nnfit/*/chi2exps.log"):
        log.write_text('{"100": {"training_loss": null, "validation_loss": "x"}, "y": 3}')
    assert len(read_fit(fit).replicas) == 0
    grid = fit / "nnfit" / "replica_1" / "my_fit.exportgrid"
    grid.write_text(grid.read_text().replace("- [", "- [.nan, ", 1))
    with pytest.raises(ReportError, match="not an export grid"):
        read_fit(fit)


def test_replica_that_is_no_number(fit: Path) -> None:
    grid = grid_of(1, 0.0)
    grid.values[3] = np.nan
    (fit / "nnfit" / "replica_1" / "my_fit.exportgrid").write_text(grid.text())
    found = read_fit(fit)
    assert 1 not in found.chosen
    assert "replica 1: PDFs that are no numbers" in found.notes[0]


def test_figures_that_cannot_be_written_are_one_line(fit: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot be written"):
        write_figures(view_fit(fit), tmp_path / "file", ("png",))
