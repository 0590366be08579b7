"""Figures of the report of a fit."""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from n3hyper.physics.arrays import Array
from n3hyper.report.output import style
from n3hyper.report.pdfs.fit import DatasetChi2, curves
from n3hyper.report.pdfs.partons import SHOWN
from n3hyper.report.pdfs.pdfset import PDFs, X
from n3hyper.report.pdfs.view import FitView

Axis = Literal["log", "linear"]
Mask = NDArray[np.bool_]

_PANEL: Final = (3.5, 2.75)
"""Inches."""
_COLUMNS: Final = 3
_MOST_REPLICAS: Final = 100
_FEW: Final = 10
"""Replicas that a vector figure draws as lines; of more it has an image."""
_RANGES: Final[dict[str, tuple[float, float]]] = {"log": (1e-5, 1.0), "linear": (0.1, 1.0)}


def pdfs(view: FitView, q: float, axis: Axis) -> Figure:
    """Draw x f with its band and replicas, and the other set's band."""
    mine, other = view.pdfs(q), view.compared(q)
    drawn, panels = _panels(q)
    for place, (combination, axes) in enumerate(zip(SHOWN, panels, strict=True)):
        shown = _shown(axis)
        for member in mine.members[:_MOST_REPLICAS] if mine.are_replicas else ():
            axes.plot(
                X, member[place], color=style.BLUE, linewidth=0.4, alpha=0.25, zorder=1,
                rasterized=len(mine.members) > _FEW,
            )  # fmt: skip
        _band(axes, mine, place, style.BLUE)
        if other is not None:
            _band(axes, other, place, style.ORANGE, hatch="////")
        _x_axis(axes, axis)
        low, high = _limits([mine] if other is None else [mine, other], place, shown)
        axes.set_ylim(low, high)
        axes.axhline(0.0, color="#999999", linewidth=0.8, zorder=0)
        _name(axes, f"${combination.xf}$")
    _legend(drawn, panels[0])
    return drawn


def ratio(view: FitView, q: float, axis: Axis) -> Figure | None:
    """Draw the fit and the other set over the other set's central value."""
    mine, other = view.pdfs(q), view.compared(q)
    if other is None:
        return None
    drawn, panels = _panels(q)
    for place, (combination, axes) in enumerate(zip(SHOWN, panels, strict=True)):
        base = other.central[place]
        # where x f is all but zero a ratio says nothing
        usable = np.abs(base) > 1e-3 * np.abs(base).max()
        for pdfs_of_set, color, hatch in ((other, style.ORANGE, "////"), (mine, style.BLUE, "")):
            _band(axes, pdfs_of_set, place, color, hatch=hatch, base=np.where(usable, base, np.nan))
        _x_axis(axes, axis)
        base = np.where(usable, base, np.nan)
        sizes = [pdf_set.sigma[place] / np.abs(base) for pdf_set in (mine, other)]
        sizes.append(np.abs(mine.central[place] / base - 1))
        reach = max(0.02, *(_typical(size, axis) for size in sizes))
        axes.set_ylim(1 - min(2.5 * reach, 1.5), 1 + min(2.5 * reach, 1.5))
        _name(axes, rf"${combination.latex}$")
    _legend(drawn, panels[0])
    drawn.supylabel(f"ratio to {style.plain(other.name)}")
    return drawn


def distances(view: FitView, q: float) -> Figure | None:
    """Draw distances of central values and of uncertainties between two sets of replicas."""
    found, other = view.distances(q), view.compared(q)
    if found is None or other is None:
        return None
    drawn = Figure(figsize=(10.0, 4.2), layout="constrained")
    FigureCanvasAgg(drawn)
    for number, (values, title) in enumerate(
        zip(found, ("Central value", "Uncertainty"), strict=True)
    ):
        axes = drawn.add_subplot(1, 2, number + 1)
        for combination, color, curve in zip(SHOWN, style.CYCLE, values, strict=False):
            axes.plot(X, curve, color=color, label=rf"${combination.latex}$", linewidth=1.6)
        _x_axis(axes, "log")
        axes.set_ylim(0, 1.3 * max(2.0, float(np.nanmax(values))))
        axes.set_title(title)
        axes.set_xlabel("$x$")
        _one_sigma(axes, view.pdfs(q), other)
        if number == 0:
            axes.set_ylabel("distance")
            axes.legend(ncols=3, loc="upper left")
    drawn.suptitle(
        f"Distances to {style.plain(other.name)} at Q = {q:g} GeV",
        x=0.01,
        ha="left",
    )
    return drawn


def _one_sigma(axes: Axes, first: PDFs, second: PDFs) -> None:
    """Return the distance of two central values that are one standard deviation apart."""
    level = 1 / math.sqrt(1 / len(first.members) + 1 / len(second.members))
    if level < axes.get_ylim()[1]:
        axes.axhline(level, color="#999999", linestyle="--", linewidth=1)
        axes.annotate(
            r"1 $\sigma$", (1.0, level), xycoords=("axes fraction", "data"),
            ha="right", va="bottom", color="#666666",
        )  # fmt: skip


def chi2(view: FitView) -> Figure | None:
    """Draw chi2 per point of each data set."""
    rows = view.fit.datasets
    if not rows:
        return None
    others = _other_chi2(view)
    height = max(2.2, 0.26 * len(rows) + 1.1)
    drawn = Figure(figsize=(9.0, min(height, 40.0)), layout="constrained")
    FigureCanvasAgg(drawn)
    axes = drawn.add_subplot()
    places = np.arange(len(rows))[::-1]
    thick = 0.36 if others else 0.68
    axes.barh(
        places + (0.2 if others else 0), [row.chi2 for row in rows], thick, color=style.BLUE,
        label=style.plain(view.fit.name),
    )  # fmt: skip
    axes.errorbar(
        [row.mean for row in rows], places + (0.2 if others else 0),
        xerr=[row.std for row in rows], fmt="o", color="#222222", markersize=3, linewidth=1,
        label="replicas",
    )  # fmt: skip
    if others:
        values = [others[row.name].chi2 if row.name in others else math.nan for row in rows]
        assert view.other is not None
        axes.barh(
            places - 0.2, values, thick, color=style.ORANGE, label=style.plain(view.other.name)
        )
    axes.axvline(1.0, color="#999999", linewidth=1, zorder=0)
    largest = float(np.nanmax([row.mean + row.std for row in rows] + [row.chi2 for row in rows]))
    axes.set_xlim(0, 1.08 * max(largest, 1.2))
    labels = [f"{style.plain(row.name)}  ({row.ndata})" for row in rows]
    axes.set_yticks(places, labels)
    axes.set_ylim(-0.8, len(rows) - 0.2)
    axes.set_xlabel(r"$\chi^2$ per point")
    axes.grid(visible=False, axis="y")
    style.legend_above(axes)
    return drawn


def _other_chi2(view: FitView) -> dict[str, DatasetChi2]:
    rows = getattr(view.other, "datasets", ())
    return {row.name: row for row in rows}


def training(view: FitView) -> Figure | None:
    """Draw training and validation chi2 of each replica along its fit."""
    replicas = curves(view.fit)
    if not replicas:
        return None
    members = {replica.number for replica in view.fit.members}
    drawn = Figure(figsize=(10.0, 4.0), layout="constrained")
    FigureCanvasAgg(drawn)
    ends: list[float] = []
    starts: list[float] = []
    pair = [drawn.add_subplot(1, 2, number) for number in (1, 2)]
    for axes, column, title in zip(pair, (1, 2), ("Training", "Validation"), strict=True):
        for replica in replicas:
            points = np.array(replica.curve)
            inside = replica.number in members
            axes.plot(
                points[:, 0], points[:, column], linewidth=0.7, alpha=0.55 if inside else 0.8,
                color=style.BLUE if inside else style.RED, zorder=2 if inside else 3,
            )  # fmt: skip
            ends.append(float(np.nanmin(points[:, column])))
            starts.append(float(np.nanquantile(points[:, column], 0.97)))
            if column == 2 and math.isfinite(replica.best_epoch):
                where = np.argmin(np.abs(points[:, 0] - replica.best_epoch))
                axes.plot(
                    points[where, 0], points[where, 2], ".", color="#222222", markersize=4, zorder=4
                )
        axes.set_title(title)
        axes.set_xlabel("epoch")
    low, high = 0.9 * min(ends), max(np.nanmedian(starts) * 1.5, 1.3 * max(ends))
    for axes in pair:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        ticks = _ticks(low, high)
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    pair[0].set_ylabel(r"$\chi^2$ per point")
    handles = [
        pair[1].plot([], [], color=style.BLUE, label="in the set")[0],
        pair[1].plot([], [], ".", color="#222222", label="best epoch")[0],
    ]
    if len(members) < len(replicas):
        handles.append(pair[1].plot([], [], color=style.RED, label="not in the set")[0])
    pair[1].legend(handles=handles)
    return drawn


def _ticks(low: float, high: float) -> list[float]:
    """Return about six round numbers between two, evenly spaced in the logarithm.

    >>> _ticks(0.9, 30)
    [1.0, 2.0, 5.0, 10.0, 20.0]
    """
    for mantissas in ((1, 2, 5), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)):
        found = [
            float(f"{mantissa * 10.0**power:.3g}")
            for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for mantissa in mantissas
            if low <= mantissa * 10.0**power <= high
        ]
        if len(found) >= 3:
            break
    return found


def replicas(view: FitView) -> Figure | None:
    """Draw training against validation chi2 of the replicas, by setup."""
    members = [
        replica
        for replica in view.fit.members
        if math.isfinite(replica.training + replica.validation)
    ]
    if len(members) < 2:
        return None
    drawn, axes = style.figure()
    several = len(view.fit.setups) > 1
    for number in sorted({replica.setup for replica in members}):
        mine = [replica for replica in members if replica.setup == number]
        axes.scatter(
            [replica.training for replica in mine], [replica.validation for replica in mine], s=22,
            color=style.CYCLE[number % len(style.CYCLE)], linewidths=0, alpha=0.85,
            label=f"setup {number + 1}" if several else None,
        )  # fmt: skip
    axes.plot(
        np.mean([replica.training for replica in members]),
        np.mean([replica.validation for replica in members]),
        "s", color="#222222", markersize=8, label="mean",
    )  # fmt: skip
    axes.set_xlabel(r"training $\chi^2$")
    axes.set_ylabel(r"validation $\chi^2$")
    if len(view.fit.setups) <= 12:
        style.legend_above(axes)
    return drawn


def setups(view: FitView, axis: Axis = "log") -> Figure | None:
    """Draw the mean of each setup's replicas, in standard deviations of all replicas."""
    groups = view.setup_groups
    if len(groups) < 2:
        return None
    pdfs_, (drawn, panels) = view.fit.pdfs, _panels(view.fit.pdfs.q)
    for place, (combination, axes) in enumerate(zip(SHOWN, panels, strict=True)):
        sigma = np.where(pdfs_.sigma[place] > 0, pdfs_.sigma[place], np.nan)
        for number, places in groups.items():
            shift = (pdfs_.members[places, place].mean(axis=0) - pdfs_.central[place]) / sigma
            axes.plot(
                X, shift, color=style.CYCLE[number % len(style.CYCLE)], linewidth=1.5,
                label=f"setup {number + 1} ({len(places)})",
            )  # fmt: skip
        typical = 1 / math.sqrt(np.mean([len(places) for places in groups.values()]))
        axes.axhspan(-typical, typical, color="#dddddd", zorder=0)
        _x_axis(axes, axis)
        axes.set_ylim(-2.2, 2.2)
        _name(axes, rf"${combination.latex}$")
    _legend(drawn, panels[0])
    drawn.supylabel(r"(mean of a setup $-$ mean of all) / $\sigma$")
    return drawn


def setup_share(view: FitView) -> Figure | None:
    """Draw the share of the replicas' variance that lies between the setups."""
    found = view.between_setups
    if found is None:
        return None
    share, chance = found
    drawn, axes = style.figure(1.1)
    for combination, color, curve in zip(SHOWN, style.CYCLE, share, strict=False):
        axes.plot(X, curve, color=color, label=rf"${combination.latex}$", linewidth=1.6)
    axes.axhline(chance, color="#555555", linestyle="--", linewidth=1.2, label="chance")
    _x_axis(axes, "log")
    axes.set_ylim(0, 1)
    axes.set_xlabel("$x$")
    axes.set_ylabel("share of the variance between setups")
    style.legend_above(axes, 7)
    return drawn


# ---------------------------------------------------------------- pieces
def _panels(q: float) -> tuple[Figure, list[Axes]]:
    rows = -(-len(SHOWN) // _COLUMNS)
    size = (_PANEL[0] * _COLUMNS, _PANEL[1] * rows + 0.4)
    drawn = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(drawn)
    panels = [drawn.add_subplot(rows, _COLUMNS, place + 1) for place in range(len(SHOWN))]
    for axes in panels[-_COLUMNS:]:
        axes.set_xlabel("$x$")
    drawn.suptitle(f"Q = {q:g} GeV", x=0.01, ha="left")
    return drawn, panels


def _band(
    axes: Axes, pdfs_: PDFs, place: int, color: str, *, hatch: str = "", base: Array | None = None
) -> None:
    """Draw the 68 % band and the central value, divided by `base` if there is one."""
    low, high = (edge[place] for edge in pdfs_.band)
    central = pdfs_.central[place]
    if base is not None:
        low, high, central = low / base, high / base, central / base
        low, high = np.minimum(low, high), np.maximum(low, high)
    axes.fill_between(
        X, low, high, facecolor=color, alpha=0.28, edgecolor=color, linewidth=0.0, hatch=hatch,
        zorder=2,
    )  # fmt: skip
    axes.plot(X, central, color=color, linewidth=1.7, label=style.plain(pdfs_.name), zorder=3)


def _x_axis(axes: Axes, axis: Axis) -> None:
    axes.set_xscale(axis)
    axes.set_xlim(*_RANGES[axis])
    if axis == "log":
        axes.set_xticks([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])
        axes.minorticks_off()


def _shown(axis: Axis) -> Mask:
    low, high = _RANGES[axis]
    return (low <= X) & (high >= X)


def _limits(sets: list[PDFs], place: int, shown: Mask) -> tuple[float, float]:
    """Return the range of the bands that are shown; single replicas may leave it."""
    lows = [pdf_set.band[0][place][shown] for pdf_set in sets]
    highs = [pdf_set.band[1][place][shown] for pdf_set in sets]
    low, high = float(np.min(lows)), float(np.max(highs))
    margin = 0.12 * max(high - low, 1e-6)
    return min(low, 0.0) - margin, high + 1.6 * margin


def _typical(values: Array, axis: Axis) -> float:
    """Return a bound above most of the values along an axis."""
    low, high = _RANGES[axis]
    even = np.geomspace(low, 0.9, 50) if axis == "log" else np.linspace(low, high, 50)
    along = np.interp(even, X, values)
    finite = along[np.isfinite(along)]
    return float(np.quantile(finite, 0.7)) if finite.size else 0.0


def _name(axes: Axes, text: str) -> None:
    axes.text(
        0.96, 0.94, text, transform=axes.transAxes, ha="right", va="top", zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1.5},
    )  # fmt: skip


def _legend(drawn: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    drawn.legend(
        handles, labels, loc="outside upper right", ncols=min(len(labels), 6),
        frameon=False,
    )  # fmt: skip
