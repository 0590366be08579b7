"""Report of a scan as one page; see `n3hyper.report.output.markup` for what all pages share."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from n3hyper.report.analysis.importance import METHOD
from n3hyper.report.analysis.view import View
from n3hyper.report.output.figures import draw_svg, plan_figures
from n3hyper.report.output.formats import table_columns
from n3hyper.report.output.markup import document, figure_card, file, runcard, table, text, tiles
from n3hyper.report.output.writing import write_text
from n3hyper.report.text import show, show_number, span
from n3hyper.report.trials.columns import column


def write_page(view: View, path: Path) -> None:
    """Write the page.

    Raises
    ------
    ReportError
        It cannot be written.
    """
    write_text(path, page(view))


def page(view: View) -> str:
    """Return the page's text."""
    return document(
        title=view.heading,
        lead=_tiles(view),
        sections=[
            ("best", "Best setup", _best(view)),
            ("folds", "Folds and importance", _folds(view)),
            *_figures(view),
            ("trials-section", "Trials", _trials()),
            ("runcard", "Runcard", runcard(view.scan.runcard_path)),
        ],
        notes=view.scan.notes,
        author=view.author,
        keywords=view.keywords,
        command=view.command,
        said=_ran(view),
        script=file("page.js"),
        data=_data(view),
    )


def _tiles(view: View) -> str:
    scan, times = view.scan, view.times
    best = scan.best
    failed = sum(scan.failures.values())
    reasons = ", ".join(f"{count} {name}" for name, count in scan.failures.most_common(4))
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
    words = f'<p class="soft">Loss: {text(view.loss_words)}.</p>' if best is not None else ""
    return f"{tiles(found)}{words}"


def _best(view: View) -> str:
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


def _folds(view: View) -> str:
    parts = []
    if view.folds:
        deciding = view.deciding_fold
        rows = [
            (
                "key" if fold is deciding else "",
                [
                    str(fold.number),
                    *(show(number) for number in (fold.loss, fold.chi2, fold.phi2, fold.logp)),
                    "" if math.isnan(fold.decides) else f"{100 * fold.decides:.0f}%",
                    text(fold.datasets),
                ],
            )
            for fold in view.folds
        ]
        head = ("fold", "loss", "χ²", "φ²", "-log p", "decides", "leaves out")
        parts.append(
            f"<div>{table(head, rows, {0, 1, 2, 3, 4, 5})}<p class='soft'>Of the best trial. "
            "Decides: share of the trials in which no fold has a larger loss.</p></div>"
        )
    found = view.importances
    if found is not None:
        rows = [
            (
                "",
                [
                    text(column(entry.name).label),
                    f"{100 * entry.share:.0f}%",
                    f'<span class="bar" style="width:{max(1, round(260 * entry.share))}px"></span>',
                ],
            )
            for entry in found.entries
        ]
        rows.append(("fixed", ["combinations of several", f"{100 * found.together:.0f}%", ""]))
        parts.append(
            f"<div>{table((), rows, {1})}<p class='soft'>{text(METHOD)} by each one alone; "
            f"{found.trials} trials, R² {found.score:.2f} on trials the forest has not seen."
            "</p></div>"
        )
    return f'<div class="pair">{"".join(parts)}</div>' if parts else ""


def _figures(view: View) -> list[tuple[str, str, str]]:
    drawn = [(plan, draw_svg(plan, view)) for plan in plan_figures(view)]
    cards = {
        plan.name: figure_card(f"figure-{number}", plan.title, plan.caption, image)
        for number, (plan, image) in enumerate(drawn)
        if image is not None
    }
    scan_cards = [card for name, card in cards.items() if not name.startswith("parameter_")]
    parameter_cards = [card for name, card in cards.items() if name.startswith("parameter_")]
    found = []
    if scan_cards:
        found.append(
            ("scan", "The scan", f'<div class="figures large">{"".join(scan_cards)}</div>')
        )
    if parameter_cards:
        body = f'<div class="figures">{"".join(parameter_cards)}</div>'
        found.append(("hyperparameters", "Hyperparameters", body))
    return found


def _trials() -> str:
    return (
        '<div class="controls"><span id="said" aria-live="polite"></span>'
        '<button id="back">back</button><button id="on">on</button>'
        '<button id="clear">clear filters</button>'
        '<span class="soft">A click on a column sorts by it; below it type text, '
        "or &lt;0.01, &gt;=3, =Nadam, !=tanh.</span></div>"
        '<div class="scroll"><table id="trials"><thead><tr></tr><tr id="filters"></tr></thead>'
        "<tbody></tbody></table></div>"
    )


def _data(view: View) -> str:
    """Return the trials as JSON that cannot end the element it stands in."""
    scan = view.listed
    names = [name for name in table_columns(scan) if name != "iteration"]
    columns = {name: [_plain(value) for value in scan.column(name)] for name in names}
    if len(scan.scans) < 2:
        columns.pop("scan")
    if not view.include_failures:
        columns.pop("good")
    shown = {
        name: values
        for name, values in columns.items()
        if any(value is not None for value in values)
    }
    best = scan.best
    found = {
        "columns": [
            {
                "name": name,
                "short": column(name).short,
                "meaning": column(name).meaning,
                "whole": all(isinstance(v, int) for v in values if v is not None),
            }
            for name, values in shown.items()
        ],
        "rows": [list(row) for row in zip(*shown.values(), strict=True)],
        "sort": list(shown).index("loss") if "loss" in shown else 0,
        "best": None if best is None else scan.trials.index(best),
        "failed": [place for place, trial in enumerate(scan.trials) if not trial.ok],
    }
    text = json.dumps(found, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return show(value, 12)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value


def _ran(view: View) -> str:
    versions = sorted({str(t.version) for t in view.scan.trials if t.version})
    return f" The scan was run by n3hyper {text(', '.join(versions[:5]))}." if versions else ""
