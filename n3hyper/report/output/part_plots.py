"""Figure of what the losses of trials are made of."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.figure import Figure

from n3hyper.physics.arrays import Array
from n3hyper.report.analysis.parts import LossParts
from n3hyper.report.analysis.view import View
from n3hyper.report.output import style
from n3hyper.report.output.plots import count_above, loss_label, loss_limits

BARS: Final = 150
"""Bars of a figure at most; of more trials neighbours are averaged."""


def loss_parts(view: View) -> Figure | None:
    """Draw the parts of the losses over trials, one upon the other; points if one is negative."""
    parts = view.loss_parts
    if len(parts.names) < 2 or len(parts.iteration) < 2:
        return None
    losses = parts.values.sum(axis=1)
    _, high = loss_limits(losses)
    drawn, axes = style.figure(1.25)
    middle, values, width = averaged(parts, losses <= high)
    stacked = bool((values >= 0).all())
    bottom = np.zeros(len(values))
    for place, name in enumerate(parts.names):
        color, label = style.CYCLE[place % len(style.CYCLE)], style.plain(name)
        if stacked:
            axes.bar(middle, values[:, place], width, bottom, color=color, label=label)
            bottom += values[:, place]
        else:
            axes.plot(middle, values[:, place], "o", markersize=4, color=color, label=label)
    if stacked:
        axes.set_ylim(0, high)
    count_above(axes, losses, high)
    axes.set_xlabel("trial" if width == 1 else f"trial (means of {width:.0f})")
    axes.set_ylabel(loss_label(view))
    style.legend_above(axes, 5)
    return drawn


def averaged(parts: LossParts, shown: Array) -> tuple[Array, Array, float]:
    """Return places and parts of bars, and their width in trials.

    Parameters
    ----------
    shown
        (n,): which trials are averaged, where there are more than `BARS`; those far above the
        others would hide them.

    Returns
    -------
    middle, values, width
        (bars,), (bars, names), and a number.
    """
    span = parts.iteration[-1] - parts.iteration[0] + 1
    if span <= BARS:
        return parts.iteration, parts.values, 1.0
    width = float(np.ceil(span / BARS))
    bins = ((parts.iteration - parts.iteration[0]) // width).astype(int)
    counts = np.bincount(bins[shown])
    full = np.flatnonzero(counts)
    values = np.stack(
        [np.bincount(bins[shown], weights=column[shown])[full] for column in parts.values.T], axis=1
    )
    middle = parts.iteration[0] + (full + 0.5) * width - 0.5
    return middle, values / counts[full, None], width
