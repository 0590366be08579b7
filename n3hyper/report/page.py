"""The report as one page: everything is inside the file, and nothing is asked of a network.

Whatever comes from files is escaped. The page forbids itself all else than its own script, by a
content security policy that names the script's hash, so that nothing in a name of a file of trials
can run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import json
import math
import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from n3hyper import __version__
from n3hyper.report.columns import column
from n3hyper.report.deliver import write_text
from n3hyper.report.figures import draw_svg, plan_figures
from n3hyper.report.formats import table_columns
from n3hyper.report.importance import METHOD
from n3hyper.report.text import show, show_number, span
from n3hyper.report.view import View

_LARGE: Final = 6
"""Figures of the scan as a whole; those of hyperparameters follow, in smaller size."""
_LONGEST_RUNCARD: Final = 300_000
_LIBRARIES: Final = ("numpy", "matplotlib", "rich", "hyperopt", "tensorflow", "nnpdf-data")


def write_page(view: View, path: Path) -> None:
    """Write the page.

    Raises
    ------
    ReportError
        It cannot be written.
    """
    write_text(path, page(view))


def page(view: View) -> str:
    """The page's text."""
    style, script = _file("page.css"), _file("page.js")
    sections = [
        _section("best", "Best setup", _best(view)),
        _section("folds", "Folds and importance", _folds(view)),
        *_figures(view),
        _section("trials-section", "Trials", _trials()),
        _section("runcard", "Runcard", _runcard(view)),
    ]
    present = [(name, title, body) for name, title, body in sections if body]
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title, _ in present)
    body = "".join(
        f'<section id="{name}"><h2>{title}</h2>{body}</section>' for name, title, body in present
    )
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8">{_meta(view, script)}'
        f"<title>{_text(view.heading)}</title><style>{style}</style></head><body>"
        f"<header><h1>{_text(view.heading)}</h1>{_byline(view)}{_tiles(view)}<nav>{links}</nav>"
        f"</header><main>{_notes(view)}{body}</main>{_footer(view)}"
        f'<script type="application/json" id="data">{_data(view)}</script>'
        f"<script>{script}</script></body></html>\n"
    )


def _file(name: str) -> str:
    files = importlib.resources.files("n3hyper.report") / "page_files"
    return (files / name).read_text(encoding="utf-8")


def _text(value: Any) -> str:
    return html.escape(str(value), quote=True)


def _section(name: str, title: str, body: str) -> tuple[str, str, str]:
    return name, title, body


def _meta(view: View, script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    named = [("viewport", "width=device-width, initial-scale=1"), ("generator", "n3hyper")]
    if view.author:
        named.append(("author", view.author))
    if view.keywords:
        named.append(("keywords", ", ".join(view.keywords)))
    tags = "".join(f'<meta name="{name}" content="{_text(text)}">' for name, text in named)
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">{tags}'


def _byline(view: View) -> str:
    parts = [_text(view.author)] if view.author else []
    parts.append(datetime.now().astimezone().strftime("%d %B %Y, %H:%M"))
    if view.keywords:
        parts.append(_text(", ".join(view.keywords)))
    return f'<p class="soft">{" · ".join(parts)}</p>'


def _tiles(view: View) -> str:
    scan, times = view.scan, view.times
    best = scan.best
    failed = sum(scan.failures.values())
    reasons = ", ".join(f"{count} {name}" for name, count in scan.failures.most_common(4))
    tiles = [
        (str(len(scan)), "trials"),
        (str(len(scan.good)), "ok"),
        (str(failed), f"failed{f' ({reasons})' if reasons else ''}"),
    ]
    if best is not None:
        tiles.insert(0, (show_number(best.loss, 5), f"best loss, trial {best.tid}"))
    tiles += [
        (text, label)
        for text, label in (
            (span(times.spent), "of fits"),
            (show_number(times.per_hour, 3), "trials an hour"),
        )
        if text
    ]
    entries = "".join(
        f'<div class="tile"><b>{_text(text)}</b><span>{_text(label)}</span></div>'
        for text, label in tiles
    )
    words = f'<p class="soft">Loss: {_text(view.loss_words)}.</p>' if best is not None else ""
    return f'<div class="tiles">{entries}</div>{words}'


def _notes(view: View) -> str:
    return "".join(f'<p class="note">Note: {_text(note)}.</p>' for note in view.scan.notes)


def _table(
    head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], numbers: set[int]
) -> str:
    """A table; each row with its class, cells already escaped."""

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if place in numbers else ''}>{cell}</{tag}>"
            for place, cell in enumerate(cells)
        )

    top = f"<thead><tr>{line('th', head)}</tr></thead>" if head else ""
    body = "".join(f'<tr class="{kind}">{line("td", cells)}</tr>' for kind, cells in rows)
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _best(view: View) -> str:
    setup = view.best_setup
    if not setup:
        return "<p>No trial has a loss.</p>"
    rows = [
        ("" if scanned else "fixed", [_text(column(name).label), f"<b>{_text(value)}</b>"])
        if scanned
        else ("fixed", [_text(column(name).label), _text(value)])
        for name, value, scanned in setup
    ]
    half = (len(rows) + 1) // 2
    tables = "".join(_table((), part, set()) for part in (rows[:half], rows[half:]) if part)
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
                    _text(fold.datasets),
                ],
            )
            for fold in view.folds
        ]
        head = ("fold", "loss", "χ²", "φ²", "-log p", "decides", "leaves out")
        parts.append(
            f"<div>{_table(head, rows, {0, 1, 2, 3, 4, 5})}<p class='soft'>Of the best trial. "
            "Decides: share of the trials in which no fold has a larger loss.</p></div>"
        )
    found = view.importances
    if found is not None:
        rows = [
            (
                "",
                [
                    _text(column(entry.name).label),
                    f"{100 * entry.share:.0f}%",
                    f'<span class="bar" style="width:{max(1, round(260 * entry.share))}px"></span>',
                ],
            )
            for entry in found.entries
        ]
        rows.append(("fixed", ["combinations of several", f"{100 * found.together:.0f}%", ""]))
        parts.append(
            f"<div>{_table((), rows, {1})}<p class='soft'>{_text(METHOD)} by each one alone; "
            f"{found.trials} trials, R² {found.score:.2f} on trials the forest has not seen."
            "</p></div>"
        )
    return f'<div class="pair">{"".join(parts)}</div>' if parts else ""


def _figures(view: View) -> list[tuple[str, str, str]]:
    drawn = [(plan, draw_svg(plan, view)) for plan in plan_figures(view)]
    cards = {
        plan.name: (
            f'<figure id="figure-{number}"><b>{_text(plan.title)}</b>'
            f'<img alt="{_text(plan.title)}" src="data:image/svg+xml;base64,'
            f'{base64.b64encode(image).decode()}"><figcaption>{_text(plan.caption)}</figcaption>'
            "</figure>"
        )
        for number, (plan, image) in enumerate(drawn)
        if image is not None
    }
    whole = [card for name, card in cards.items() if not name.startswith("parameter_")]
    each = [card for name, card in cards.items() if name.startswith("parameter_")]
    found = []
    if whole:
        found.append(("scan", "The scan", f'<div class="figures large">{"".join(whole)}</div>'))
    if each:
        body = f'<div class="figures">{"".join(each)}</div>'
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
    """The trials for the script, in JSON that cannot end the element it stands in."""
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


def _runcard(view: View) -> str:
    path = view.scan.runcard_path
    if path is None:
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST_RUNCARD)
    except OSError:
        return ""
    return f"<details><summary>{_text(path.name)}</summary><pre>{_text(text)}</pre></details>"


def _footer(view: View) -> str:
    versions = [f"n3hyper {__version__}", f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    ran = sorted({str(t.version) for t in view.scan.trials if t.version})
    said = f" The scan was run by n3hyper {_text(', '.join(ran[:5]))}." if ran else ""
    command = f"<p>Made by <code>{_text(view.command)}</code></p>" if view.command else ""
    return (
        f'<footer class="soft">{command}<p>{_text(", ".join(versions))}; {_text(sys.platform)}.'
        f"{said}</p></footer>"
    )
