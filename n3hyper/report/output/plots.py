"""Figures of a report, drawn from a view of the scan."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from n3hyper.physics.arrays import Array
from n3hyper.report.analysis import summary
from n3hyper.report.analysis.importance import is_log
from n3hyper.report.analysis.ranges import in_group
from n3hyper.report.analysis.view import View, cell
from n3hyper.report.output import style
from n3hyper.report.trials.columns import column
from n3hyper.report.trials.trial import Value

_TOP = 0.93
"""Losses above this quantile are drawn at the upper edge."""


def loss_label(view: View) -> str:
    """Return the label of the axis of losses."""
    settings = view.settings
    if not view.rescored and (view.loss_words.startswith("as") or view.loss_words == "loss"):
        return "loss"
    kind = {
        "chi2": "χ²",
        "phi2": "1/φ²",
        "logp": "-log p",
        "chi2p": "χ² with PDF covariance",
        "n3fit41": "n3fit 4.1's",
    }
    extra = " + penalties" if settings.penalties_in_loss else ""
    return f"loss ({kind[settings.loss_type]}{extra})"


def loss_limits(losses: Array) -> tuple[float, float]:
    """Return the range of losses to be shown, without the worst, which would leave no room."""
    low, high = float(losses.min()), float(np.quantile(losses, _TOP))
    if high <= low:
        high = low + max(abs(low), 1.0) * 0.05
    margin = 0.06 * (high - low)
    return low - margin, high + margin


def _show_losses(axes: Axes, view: View, losses: Array) -> None:
    low, high = loss_limits(losses)
    axes.set_ylim(low, high)
    axes.set_ylabel(loss_label(view))
    count_above(axes, losses, high)


def count_above(axes: Axes, losses: Array, high: float) -> None:
    """Write at the upper edge how many losses lie above it."""
    above = int((losses > high).sum())
    if above:
        axes.plot([], [], linestyle="none", label=f"{above} above the range")


def convergence(view: View) -> Figure | None:
    """Draw losses over trials, the best so far, and the failures."""
    data = view.convergence
    if not data.loss.size:
        return None
    drawn, axes = style.figure(1.25)
    axes.scatter(
        data.iteration, data.loss, s=16, color=style.SKY, alpha=0.75, linewidths=0,
        label="trial", rasterized=data.loss.size > style.RASTER,
    )  # fmt: skip
    axes.step(
        data.iteration, data.best, where="post", color=style.BLUE, linewidth=2.2,
        label="best so far",
    )  # fmt: skip
    best = view.scan.best
    assert best is not None
    style.mark_best(axes, best.iteration, best.loss)
    _show_losses(axes, view, data.loss)
    if data.failed.size:
        axes.plot(
            data.failed, np.full(data.failed.size, 0.012), "|", color=style.RED, markersize=7,
            transform=axes.get_xaxis_transform(), label=f"failed ({data.failed.size})",
        )  # fmt: skip
    axes.set_xlabel("trial")
    style.legend_above(axes)
    drawn.suptitle(
        style.plain(f"{view.heading}: {len(view.scan)} trials, best loss {best.loss:.4g}"),
        x=0.01, ha="left", fontweight="bold",
    )  # fmt: skip
    return drawn


def running(view: View) -> Figure | None:
    """Draw running means of loss, -log p and chi2."""
    means = summary.running_means(view.scan, view.chi2_below, view.chi2exp_below)
    panels = [
        ("loss", "mean loss", f"fitted χ² < {view.chi2exp_below:g}"),
        ("logp", "mean of -log p", f"χ² < {view.chi2_below:g}"),
        ("chi2", "mean of χ²", f"χ² < {view.chi2_below:g}"),
    ]
    panels = [panel for panel in panels if means[panel[0]].size]
    if not panels:
        return None
    drawn, first = style.figure(0.62 * len(panels) + 0.3, 0.9)
    first.remove()
    for place, (name, label, condition) in enumerate(panels):
        axes = drawn.add_subplot(1, len(panels), place + 1)
        values = means[name]
        color = style.CYCLE[place]
        axes.plot(np.arange(1, values.size + 1), values, color=color, linewidth=2.2)
        axes.set_xlabel(f"trials with {condition}")
        axes.set_title(label)
        if values.size == 1:
            axes.plot([1], values, "o", color=color)
    return drawn


def chi2_phi2(view: View) -> Figure | None:
    """Draw chi2 against phi2 of the data left out, with the front."""
    part = view.scan.with_trials(view.scan.good)
    chi2, phi2 = part.numbers("hyper_loss_chi2"), part.numbers("hyper_loss_phi2")
    known = np.isfinite(chi2) & np.isfinite(phi2)
    if not known.any():
        return None
    trials = [trial for trial, is_known in zip(part.trials, known, strict=True) if is_known]
    chi2, phi2 = chi2[known], phi2[known]
    drawn, axes = style.figure(1.1, 1.05)
    losses = np.array([trial.loss for trial in trials])
    low, high = loss_limits(losses)
    cloud = axes.scatter(
        chi2, phi2, c=losses, cmap="viridis_r", vmin=low, vmax=high, s=24, linewidths=0,
        alpha=0.85, rasterized=chi2.size > style.RASTER,
    )  # fmt: skip
    front = summary.pareto(chi2, phi2)
    if front.size > 1:
        axes.step(
            chi2[front], phi2[front], where="post", color=style.RED, linewidth=1.4, alpha=0.8,
            label="front: lower χ², larger φ²",
        )  # fmt: skip
        axes.scatter(
            chi2[front], phi2[front], s=46, facecolors="none", edgecolors=style.RED, linewidths=1.4
        )
    if view.scan.best in trials:
        place = trials.index(view.scan.best)
        style.mark_best(axes, chi2[place], phi2[place])
    axes.set_xlim(*_inner(chi2, front))
    axes.set_ylim(*_inner(phi2, front))
    axes.set_xlabel("χ² per point, data left out")
    axes.set_ylabel("φ² per point, data left out")
    style.legend_above(axes)
    drawn.colorbar(cloud, ax=axes, label="loss", extend="max", pad=0.02)
    return drawn


def _inner(values: Array, always: NDArray[np.intp]) -> tuple[float, float]:
    """Return limits that hold nearly all values, and those of `always` that lie near them."""
    low, high = float(values.min()), float(np.quantile(values, 0.97))
    high = max(high, float(np.median(values[always]))) if always.size else high
    if high <= low:
        high = low + max(abs(low), 1.0) * 0.05
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def importance(view: View) -> Figure | None:
    """Draw the shares of the hyperparameters."""
    found = view.importances
    if found is None:
        return None
    entries = found.entries[:14][::-1]
    drawn, axes = style.figure(1.15, max(0.55, 0.2 + 0.075 * len(entries)))
    places = np.arange(len(entries))
    shares = np.array([100 * entry.share for entry in entries])
    spreads = np.array([100 * entry.spread for entry in entries])
    axes.barh(places, shares, color=style.BLUE, height=0.65)
    axes.errorbar(
        shares, places, xerr=[np.minimum(spreads, shares), spreads], fmt="none",
        ecolor="#444444", elinewidth=1, capsize=2.5,
    )  # fmt: skip
    axes.set_yticks(places, [style.plain(column(entry.name).label) for entry in entries])
    axes.grid(visible=False, axis="y")
    axes.set_xlim(left=0)
    axes.set_xlabel("share of the variance of the loss's rank (%)")
    drawn.supxlabel(
        f"combinations of several: {100 * found.together:.0f}%; random forest of {found.trials} "
        f"trials, R² {found.score:.2f} on trials that it has not seen"
    )
    return drawn


def folds(view: View) -> Figure | None:
    """Draw the losses of the folds."""
    losses = summary.fold_matrix(view.scan, view.settings, view.rescored)
    if losses is None:
        return None
    count = losses.shape[1]
    groups = [losses[np.isfinite(losses[:, fold]), fold] for fold in range(count)]
    if not all(group.size for group in groups):
        return None
    best = view.scan.best
    assert best is not None
    drawn, axes = style.figure(max(1.1, 0.36 * count))
    top = loss_limits(np.concatenate(groups))
    _violins(axes, [group[group <= top[1]] for group in groups])
    place = view.scan.good.index(best)
    for fold in range(count):
        label = "best trial" if fold == 0 else "_nolegend_"
        style.mark_best(axes, fold, losses[place, fold], label)
    axes.set_ylim(*top)
    names = view.scan.fold_names
    ticks = [_fold_label(f + 1, names[f] if f < len(names) else "") for f in range(count)]
    axes.set_xticks(range(count), ticks)
    axes.set_ylabel("loss of the fold")
    deciding = view.deciding_fold
    title = "Losses of the folds"
    if deciding is not None and math.isfinite(deciding.decides):
        title += f": fold {deciding.number} decides in {100 * deciding.decides:.0f}% of the trials"
    drawn.suptitle(title, x=0.01, ha="left", fontweight="bold")
    axes.grid(visible=False, axis="x")
    style.legend_above(axes)
    return drawn


def _fold_label(number: int, datasets: str) -> str:
    """Return the number of a fold above at most two of its data sets, shortened."""
    names = [name.strip() for name in datasets.split(",") if name.strip()]
    lines = [style.plain(n if len(n) <= 24 else f"{n[:23]}…") for n in names[:2]]
    if len(names) > 2:
        lines.append(f"and {len(names) - 2} more")
    return "\n".join([f"fold {number}", *lines])


def fold_correlations(view: View) -> Figure | None:
    """Draw rank correlations of the folds' losses."""
    losses = summary.fold_matrix(view.scan, view.settings, view.rescored)
    if losses is None or losses.shape[1] < 2:
        return None
    if np.isfinite(losses).all(axis=1).sum() < 3:
        return None
    matrix = summary.fold_correlations(losses)
    count = len(matrix)
    drawn, axes = style.figure(0.85, 1.05)
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    for i in range(count):
        for j in range(count):
            value = matrix[i, j]
            dark = abs(value) > 0.6
            axes.text(
                j, i, f"{value:.2f}" if math.isfinite(value) else "", ha="center", va="center",
                color="white" if dark else "black",
            )  # fmt: skip
    labels = [f"fold {number + 1}" for number in range(count)]
    axes.set_xticks(range(count), labels)
    axes.set_yticks(range(count), labels)
    axes.grid(visible=False)
    axes.set_title("Rank correlation of the folds")
    drawn.colorbar(image, ax=axes, shrink=0.8)
    return drawn


def violins(view: View, name: str) -> Figure | None:
    """Draw the losses for each of the few values of a hyperparameter."""
    good, best = view.scan.good, view.scan.best
    if best is None:
        return None
    groups: dict[tuple[str, Value], list[float]] = {}
    for trial in good:
        value = trial.values.get(name)
        groups.setdefault((cell(name, value) or "none", None), []).append(trial.loss)
    numeric = all(_is_number(key[0]) for key in groups)
    order = sorted(
        groups, key=lambda key: float(key[0]) if numeric else float(np.median(groups[key]))
    )[:12]
    losses = np.array([trial.loss for trial in good])
    high = loss_limits(losses)[1]
    drawn, axes = style.figure(max(0.9, 0.3 + 0.2 * len(order)))
    arrays = [np.array(groups[key]) for key in order]
    _violins(axes, [array[array <= high] for array in arrays])
    rng = np.random.default_rng(0)
    for place, array in enumerate(arrays):
        shift = rng.uniform(-0.16, 0.16, array.size)
        axes.scatter(
            place + shift, array, s=9, color="#333333", alpha=0.45, linewidths=0,
            rasterized=losses.size > style.RASTER,
        )  # fmt: skip
    mine = (cell(name, best.values.get(name)) or "none", None)
    if mine in order:
        style.mark_best(axes, order.index(mine), best.loss)
    _show_losses(axes, view, losses)
    failed = _failed_share(view, name)
    ticks = [
        f"{style.plain(key[0][:24])}\n{array.size} ok{failed.get(key[0], '')}"
        for key, array in zip(order, arrays, strict=True)
    ]
    axes.set_xticks(range(len(order)), ticks)
    axes.set_xlim(-0.6, len(order) - 0.4)
    axes.set_xlabel(style.plain(column(name).label))
    axes.grid(visible=False, axis="x")
    style.legend_above(axes)
    return drawn


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _failed_share(view: View, name: str) -> dict[str, str]:
    counts: dict[str, int] = {}
    for trial in view.scan.trials:
        if not trial.ok:
            value = cell(name, trial.values.get(name)) or "none"
            counts[value] = counts.get(value, 0) + 1
    return {value: f", {count} failed" for value, count in counts.items()}


def _violins(axes: Axes, groups: list[Array]) -> None:
    """Draw violins at 0, 1, ... with their medians; neither for fewer than five numbers."""
    for place, group in enumerate(groups):
        color = style.CYCLE[place % len(style.CYCLE)]
        if group.size >= 5 and np.ptp(group) > 1e-9 * max(1.0, float(np.abs(group).max())):
            bodies = axes.violinplot([group], [place], widths=0.75, showextrema=False)["bodies"]
            for body in bodies:  # type: ignore[attr-defined]
                body.set(facecolor=color, edgecolor=color, alpha=0.4)
        if group.size >= 5:
            median = float(np.median(group))
            axes.plot([place - 0.22, place + 0.22], [median] * 2, color=color, linewidth=2.5)


def scatter(view: View, name: str, group: str = "") -> Figure | None:
    """Draw losses over a hyperparameter of many values, for one optimizer if it belongs to one."""
    good, best = view.scan.good, view.scan.best
    trials = [
        trial
        for trial in good
        if in_group(trial, group) and isinstance(trial.values.get(name), (int, float))
    ]
    if not trials or best is None:
        return None
    x = np.array([float(_value(trial.values.get(name))) for trial in trials])
    losses = np.array([trial.loss for trial in trials])
    order = np.array([trial.iteration for trial in trials], dtype=np.float64)
    drawn, axes = style.figure()
    cloud = axes.scatter(
        x, losses, c=order, cmap="cividis", s=22, alpha=0.85, linewidths=0,
        rasterized=x.size > style.RASTER,
    )  # fmt: skip
    if is_log(view.scan, name, group, x):
        style.log_x(axes)
    if best in trials:
        style.mark_best(axes, float(_value(best.values.get(name))), best.loss)
    _show_losses(axes, view, np.array([trial.loss for trial in good]))
    style.legend_above(axes)
    axes.set_xlabel(style.plain(column(name).label + (f" of {group}" if group else "")))
    drawn.colorbar(cloud, ax=axes, label="trial", pad=0.02)
    return drawn


def _value(value: Value) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
