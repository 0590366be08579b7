"""The figure of what losses are made of shows each trial, or means of neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from n3hyper.report.analysis.parts import LossParts
from n3hyper.report.analysis.prepare import Request, prepare
from n3hyper.report.output import style
from n3hyper.report.output.part_plots import BARS, averaged, loss_parts
from tests.support.scored_scans import kfold, write


def parts(trials: int) -> LossParts:
    values = np.stack([np.arange(trials) + 1.0, np.full(trials, 2.0)], axis=1)
    return LossParts(("chi2", "patience"), np.arange(trials, dtype=np.float64), values)


def test_few_trials_have_bars_of_their_own() -> None:
    few = parts(BARS)
    middle, values, width = averaged(few, np.ones(BARS, dtype=bool))
    assert width == 1
    assert (middle == few.iteration).all()
    assert (values == few.values).all()


def test_many_trials_are_averaged_with_their_neighbours() -> None:
    many = parts(4 * BARS)
    shown = np.ones(4 * BARS, dtype=bool)
    shown[:4] = False  # a bar without a trial is left out
    middle, values, width = averaged(many, shown)
    assert (width, len(middle)) == (4, BARS - 1)
    assert values[0].tolist() == [np.mean([5.0, 6.0, 7.0, 8.0]), 2.0]
    assert middle[0] == pytest.approx(5.5)


@pytest.mark.parametrize("loss", [None, "logp"])
def test_the_bars_end_at_the_losses(tmp_path: Path, loss: str | None) -> None:
    view = prepare(Request(paths=(write(tmp_path, kfold()),), loss=loss))
    with style.styled():
        drawn = loss_parts(view)
    assert drawn is not None
    (axes,) = drawn.axes
    if loss == "logp" and (view.loss_parts.values < 0).any():
        drawn_parts = {line.get_label() for line in axes.lines}
        assert {style.plain(name) for name in view.loss_parts.names} <= drawn_parts
        return
    tops = [bar.get_y() + bar.get_height() for bar in axes.containers[-1]]
    assert tops == pytest.approx([trial.loss for trial in view.scan.good])
