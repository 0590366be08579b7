"""Sections of the page of a scan, as HTML: words, numbers, tables, and places for its figures."""

from __future__ import annotations

import math

from n3hyper.physics.arrays import Array
from n3hyper.report.analysis.importance import METHOD
from n3hyper.report.analysis.summary import fold_correlations, fold_matrix
from n3hyper.report.analysis.view import View
from n3hyper.report.output.markup import table, text, tiles, warned
from n3hyper.report.text import show, show_number, span
from n3hyper.report.trials.columns import column


def lead(view: View) -> str:
    """Return the scan in a few numbers."""
    scan, times = view.scan, view.times
    best = scan.best
    failed = sum(scan.failures.values())
    reasons = ", ".join(f"{group.count} {group.label}" for group in view.failure_groups[:4])
    found = [
        (str(len(scan)), "trials"),
        (str(len(scan.good)), "ok"),
        (str(failed), f"failed{f' ({reasons})' if reasons else ''}"),
    ]
    if best is not None:
        found.insert(0, (show_number(best.loss, 5), f"best loss, trial {best.tid}"))
    found += [
        (said, label)
        for said, label in (
            (span(times.spent), "of fits"),
            (show_number(times.per_hour, 3), "trials an hour"),
        )
        if said
    ]
    words = ""
    if best is not None:
        made = f" {show_number(best.loss, 5)} = {view.best_parts}." if view.best_parts else ""
        words = f'<p class="soft">Loss: {text(view.loss_words)}.{text(made)}</p>'
    return f"{tiles(found)}{words}"


def notes(view: View) -> str:
    """Return what the reader should know."""
    return warned(view.scan.notes)


def switches(follows: bool) -> str:
    """Return the switches of all figures, and the place of the marked trials."""
    state = '<span id="following" class="soft" role="status"></span>' if follows else ""
    return (
        '<div id="switches" role="toolbar" aria-label="switches of all figures">'
        '<label><input type="checkbox" id="show-failed"> failed trials</label>'
        '<label><input type="checkbox" id="log-loss"> log losses</label>'
        '<label><input type="checkbox" id="whole-range"> whole range</label>'
        '<label for="colour">colour <select id="colour"></select></label>'
        '<span id="chosen" aria-live="polite"></span>'
        f'<button type="button" id="clear-all" hidden>show all, unmark all</button>{state}</div>'
        '<noscript><p class="note">Figures and the table of trials need JavaScript.</p></noscript>'
        '<p id="spoken" class="hidden" aria-live="polite"></p>'
        '<section id="marked" aria-label="marked trials" hidden></section>'
    )


def places(name: str) -> str:
    """Return the place of the figures of the scan."""
    return f'<div class="figures large" id="{name}"></div><div id="parallel-figure"></div>'


def parameter_places() -> str:
    """Return the places of the figures of hyperparameters."""
    return (
        '<div class="figures large" id="contour-figure"></div>'
        "<h3>The loss over each hyperparameter</h3>"
        '<div class="figures" id="parameter-figures"></div>'
    )


def best_setup(view: View) -> str:
    """Return the hyperparameters of the best trial."""
    setup = view.best_setup
    if not setup:
        return "<p>No trial has a loss.</p>"
    rows = [
        ("" if scanned else "fixed", [text(column(name).label), f"<b>{text(value)}</b>"])
        if scanned
        else ("fixed", [text(column(name).label), text(value)])
        for name, value, scanned in setup
    ]
    half = (len(rows) + 1) // 2
    tables = "".join(table((), part, set()) for part in (rows[:half], rows[half:]) if part)
    return f'<div class="pair">{tables}</div><p class="soft">Grey: the same in all trials.</p>'


def folds(view: View) -> str:
    """Return the folds of the best trial, their correlations, and the importances."""
    tables = (_folds(view), _fold_parts(view), _importance(view), _correlations(view))
    parts = [part for part in tables if part]
    return f'<div class="pair">{"".join(parts)}</div>' if parts else ""


def _folds(view: View) -> str:
    if not view.folds:
        return ""
    deciding = view.deciding_fold
    rows = [
        (
            "key" if fold is deciding else "",
            [
                str(fold.number),
                *(show(number) for number in (fold.loss, fold.chi2, fold.phi2, fold.logp)),
                "" if math.isnan(fold.decides) else f"{100 * fold.decides:.0f}%",
                f'<div class="names">{text(fold.datasets)}</div>',
            ],
        )
        for fold in view.folds
    ]
    head = ("fold", "loss", "χ²", "φ²", "-log p", "decides", "leaves out")
    return (
        f"<div>{table(head, rows, {0, 1, 2, 3, 4, 5})}<p class='soft'>Of the best trial. "
        "Decides: share of the trials in which no fold has a larger loss.</p></div>"
    )


def _fold_parts(view: View) -> str:
    found = view.best_fold_parts
    if found is None or not (found.parts or found.replicas):
        return ""
    names = [name for name, values in found.parts.items() if any(values)]
    count = len(found.replicas) or len(next(iter(found.parts.values())))
    rows = []
    for fold in range(count):
        cells = [str(fold + 1), *(show_number(found.parts[name][fold]) for name in names)]
        used = found.replicas[fold] if fold < len(found.replicas) else None
        cells.append("" if used is None else f"{used[0]} of {used[1]}")
        rows.append(("warn" if used is not None and used[0] < used[1] else "", cells))
    head = ("fold", *map(text, names), "replicas")
    return (
        f"<div>{table(head, rows, set(range(len(head))))}<p class='soft'>What the losses of the "
        "folds of the best trial are made of, and how many replicas count.</p></div>"
    )


def _correlations(view: View) -> str:
    losses = fold_matrix(view.scan, view.settings, view.rescored)
    if losses is None or losses.shape[1] < 2 or _complete(losses) < 3:
        return ""
    matrix = fold_correlations(losses)
    head = ("", *(f"fold {number + 1}" for number in range(len(matrix))))
    cells = "".join(f"<th scope=col>{name}</th>" for name in head)
    rows = "".join(
        f"<tr><th scope=row>fold {number + 1}</th>{''.join(map(_shaded, row))}</tr>"
        for number, row in enumerate(matrix.tolist())
    )
    return (
        f"<div><table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"
        "<p class='soft'>Rank correlations of the folds' losses over the trials: folds that agree "
        "test the same.</p></div>"
    )


def _complete(losses: Array) -> int:
    return sum(all(map(math.isfinite, row)) for row in losses.tolist())


def _shaded(value: float) -> str:
    if not math.isfinite(value):
        return "<td class=shade></td>"
    colour = "0,114,178" if value > 0 else "213,94,0"
    style = f"background:rgba({colour},{0.55 * abs(value):.2f})"
    return f'<td class=shade style="{style}">{value:.2f}</td>'


def _importance(view: View) -> str:
    found = view.importances
    if found is None:
        return ""
    rows = [
        (
            "",
            [
                text(column(entry.name).label),
                f"{100 * entry.share:.0f}%",
                f'<span class="bar" style="width:{max(1, round(160 * entry.share))}px"></span>',
            ],
        )
        for entry in found.entries
    ]
    rows.append(("fixed", ["combinations of several", f"{100 * found.together:.0f}%", ""]))
    return (
        f"<div>{table((), rows, {1})}<p class='soft'>{text(METHOD)} by each one alone; "
        f"{found.trials} trials, R² {found.score:.2f} on trials the forest has not seen"
        f"{_doubt(found.score)}.</p></div>"
    )


def _doubt(score: float) -> str:
    return ": too little for the shares to mean much" if score < 0.2 else ""


def failures(view: View) -> str:
    """Return why trials failed, grouped by what decided, with advice."""
    rows = [
        (
            "",
            [
                text(group.label),
                str(group.count),
                ", ".join(map(str, group.tids[:8])) + (", …" if group.count > 8 else ""),
                text(group.text),
                text(group.advice),
            ],
        )
        for group in view.failure_groups
    ]
    head = ("reason", "trials", "which", "the last one says", "may help")
    return f'<div class="spread">{table(head, rows, {1})}</div>' if rows else ""


def trials_table() -> str:
    """Return the frame of the table of trials, which the page's program fills."""
    return (
        '<div class="controls"><span id="said" aria-live="polite"></span>'
        '<button type="button" id="back">back</button><button type="button" id="on">on</button>'
        '<button type="button" id="clear">clear filters</button>'
        '<span class="soft">A click on a column sorts by it, one on a row marks the trial; below '
        "a column type text, or &lt;0.01, &gt;=3, =Nadam, !=tanh: the figures follow.</span></div>"
        '<div class="scroll"><table id="trials"><thead><tr></tr><tr id="filters"></tr></thead>'
        "<tbody></tbody></table></div>"
    )
