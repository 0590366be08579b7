"""Figures and tables for print: what is in them can be read, and nothing is claimed too much."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from n3hyper.report.analysis.prepare import Request, prepare
from n3hyper.report.analysis.view import View
from n3hyper.report.errors import ReportError
from n3hyper.report.output import plots
from n3hyper.report.output.figures import plan_figures
from n3hyper.report.output.latex import to_latex
from n3hyper.report.output.paper import SCREEN, Paper, finish, parse_width
from n3hyper.report.output.style import styled
from tests.support.make_trials import make_records, write_scan, write_tries


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    folder = write_scan(tmp_path_factory.mktemp("scan") / "dis", 90, folds=4, replicas=3)
    return prepare(Request(paths=(folder,)))


@pytest.fixture(scope="module", params=[Paper(parse_width("86mm")), SCREEN], ids=["86mm", "screen"])
def drawn(request: pytest.FixtureRequest, view: View) -> list[tuple[str, Figure, Paper]]:
    found = []
    with styled(request.param.size):
        for plan in plan_figures(view):
            figure = plan.draw(view)
            if figure is not None:
                finish(figure, request.param)
                found.append((plan.name, figure, request.param))
    return found


def texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text().strip()]


def test_all_letters_have_one_size(drawn: list[tuple[str, Figure, Paper]]) -> None:
    for name, figure, paper in drawn:
        assert {text.get_fontsize() for text in texts(figure)} == {paper.size}, name


def test_no_label_is_cut(drawn: list[tuple[str, Figure, Paper]]) -> None:
    assert len(drawn) > 15
    for name, figure, paper in drawn:
        if paper.width is not None:
            assert figure.get_size_inches()[0] == paper.width
        with styled(paper.size):
            figure.draw_without_rendering()
        free = [*figure.texts, *(t for legend in figure.legends for t in legend.get_texts())]
        for text in free:
            box = text.get_window_extent()
            assert box.x0 > -1.5, (name, text)
            assert box.x1 < figure.bbox.width + 1.5, (name, text)
        for axes in figure.axes:
            for label in (axes.xaxis.label, axes.yaxis.label):
                box = label.get_window_extent()
                assert box.x0 > -1.5, (name, label)
                assert box.x1 < figure.bbox.width + 1.5, (name, label)
                assert box.y0 > -1.5, (name, label)


def test_quantities_are_mathematics(drawn: list[tuple[str, Figure, Paper]]) -> None:
    words = {text.get_text() for _, figure, _ in drawn for text in texts(figure)}
    assert not [each for each in words if "χ" in each or "φ" in each]
    assert any(r"$\chi^2$" in each for each in words)


def test_a_single_trial_has_no_bar_and_no_front(tmp_path: Path) -> None:
    path = write_tries(tmp_path / "tries.json", make_records(1, replicas=2))
    view = prepare(Request(paths=(path,)))
    with styled():
        figure = plots.folds(view)
        assert figure is not None
        lines = [line for line in figure.axes[0].lines if len(np.atleast_1d(line.get_xdata())) > 1]
        assert lines == []
        cloud = plots.chi2_phi2(view)
        assert cloud is not None
        assert not [line for line in cloud.axes[0].lines if "front" in str(line.get_label())]


def test_there_is_no_front_without_phi2(tmp_path: Path) -> None:
    records = make_records(20, replicas=1)
    for record in records:
        meta = record["result"].get("kfold_meta")
        if meta:
            meta["hyper_losses_phi2"] = [None] * len(meta["hyper_losses_chi2"])
    view = prepare(Request(paths=(write_tries(tmp_path / "tries.json", records),)))
    with styled():
        assert plots.chi2_phi2(view) is None


@pytest.mark.parametrize("width", ["86", "mm", "0mm", "5m", "10000mm", "-3cm", "nanmm"])
def test_widths_that_are_none(width: str) -> None:
    with pytest.raises(ReportError, match="--width"):
        parse_width(width)


def test_tables_are_latex(view: View, tmp_path: Path) -> None:
    text = to_latex(view)
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 4
    assert r"glorot\_" in text
    assert text.isascii(), "any engine sets it"
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex here")
    whole = (
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{text}\end{{document}}"
    )
    (tmp_path / "t.tex").write_text(whole)
    subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip


def test_names_from_files_are_no_latex(tmp_path: Path) -> None:
    records = make_records(14)
    for record in records:
        record["misc"]["space_vals"]["initializer"] = r"\input{/etc/passwd}%" + str(record["tid"])
    text = to_latex(prepare(Request(paths=(write_tries(tmp_path / "tries.json", records),))))
    assert r"\input" not in text
    assert r"\textbackslash{}input\{/etc/passwd\}\%" in text
