"""Report of a fit as text: for a terminal, and for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from n3hyper.report.output.latex import escape, in_latex, latex_table
from n3hyper.report.pdfs.fit import DatasetChi2
from n3hyper.report.pdfs.partons import SHOWN
from n3hyper.report.pdfs.pdfset import X
from n3hyper.report.pdfs.view import DATA_REGION, TABLE_X, FitView
from n3hyper.report.text import show, show_number
from n3hyper.report.trials.columns import ASCII

_WORST: Final = 10
"""Data sets that a terminal shows."""
_COLUMNS: Final = ("dataset", "experiment", "ndata", "chi2", "chi2_mean", "chi2_std", "phi2")


def print_fit(view: FitView, console: Console) -> None:
    """Write the short table to a terminal."""
    fit = view.fit
    ascii_ = not console.encoding.lower().startswith("utf")

    def say(text: str) -> str:
        if not ascii_:
            return text
        return text.translate(ASCII).encode("ascii", "replace").decode()

    console.print(Text(say(view.heading), style="bold"))
    console.print(say(view.counts))
    for line in _lines(view):
        console.print(say(line), soft_wrap=True)
    console.print()
    table = _table(say(f"x f at Q0 = {fit.pdfs.q:g} GeV"), ["", *(f"x = {x:g}" for x in TABLE_X)])
    for name, values in view.table:
        table.add_row(name, *(say(f"{mean:.3f} ± {std:.3f}") for mean, std in values))
    console.print(table)
    if fit.datasets:
        console.print()
        console.print(_chi2_table(view, say))
    if view.setups:
        console.print()
        console.print(_setup_table(view, say))
    for note in fit.notes:
        console.print(Text(say(f"note: {note}"), style="yellow"), soft_wrap=True)


def _lines(view: FitView) -> list[str]:
    fit = view.fit
    lines = []
    if view.reasons:
        reasons = ", ".join(f"{count} {name}" for name, count in list(view.reasons.items())[:6])
        lines.append(f"not in the set: {reasons}")
    total = fit.total
    if total is not None:
        lines.append(
            f"χ² {show_number(total.chi2)} per point of the mean, replicas "
            f"{show_number(total.mean)} ± {show_number(total.std, 2)}, {total.ndata} points"
        )
    elif fit.members:
        values = [replica.chi2 for replica in fit.members]
        lines.append(f"χ² of the replicas {np.mean(values):.4f} ± {np.std(values):.4f}")
    names = {"training": "training", "validation": "validation"}
    means = {
        said: np.mean([getattr(replica, name) for replica in fit.members])
        for name, said in names.items()
        if fit.members
    }
    if means:
        lines.append(", ".join(f"{said} χ² {show_number(float(v))}" for said, v in means.items()))
    if fit.evolved is None:
        lines.append(f"not evolved yet: n3hyper evolve {fit.folder}")
    else:
        lines.append(f"evolved: {fit.evolved.folder}")
    compared = comparison(view)
    if compared:
        name = view.other.name if view.other is not None else ""
        shown = ", ".join(f"{combination} {value:.1f}" for combination, value in compared.items())
        lines.append(
            f"mean distance to {name} for {DATA_REGION[0]:g} < x < {DATA_REGION[1]:g}: {shown}"
        )
    return lines


def comparison(view: FitView) -> dict[str, float]:
    """Return the mean distance of central values over the region of the data, by combination."""
    for q in view.scales:
        found = view.distances(q)
        if found is not None:
            inside = (DATA_REGION[0] < X) & (DATA_REGION[1] > X)
            return {
                combination.name: float(curve[inside].mean())
                for combination, curve in zip(SHOWN, found[0], strict=True)
            }
    return {}


def _table(title: str, columns: list[str]) -> Table:
    table = Table(
        title=Text(title, style="bold"), title_justify="left", title_style="", box=None,
        header_style="dim", padding=(0, 2, 0, 0), pad_edge=False,
    )  # fmt: skip
    for place, column in enumerate(columns):
        words = place == 0 or column == "setup"
        # of too many columns for a terminal, the setups are folded
        table.add_column(column, justify="left" if words else "right", no_wrap=column != "setup")
    return table


def _chi2_table(view: FitView, say: Callable[[str], str]) -> Table:
    rows = sorted(view.fit.datasets, key=_tension, reverse=True)
    shown = rows[:_WORST]
    title = "χ² per point by data set"
    if len(shown) < len(rows):
        title += f", the {len(shown)} that are furthest from 1 of {len(rows)}"
    table = _table(say(title), ["data set", "points", say("χ²"), "replicas", say("φ²")])
    for row in shown:
        table.add_row(
            say(row.name), str(row.ndata), show_number(row.chi2),
            say(f"{show_number(row.mean)} ± {show_number(row.std, 2)}"), show_number(row.phi2),
        )  # fmt: skip
    return table


def _tension(row: DatasetChi2) -> float:
    """Return how many standard deviations chi2 is off; -1 if it is not known."""
    if not math.isfinite(row.chi2):
        return -1.0
    return abs(row.chi2 - 1) * math.sqrt(max(row.ndata, 1) / 2)


def _setup_table(view: FitView, say: Callable[[str], str]) -> Table:
    table = _table("setups", ["", "fitted", "in the set", say("χ²"), "validation", "setup"])
    for row in view.setups:
        table.add_row(
            str(row.number + 1), str(row.fitted), str(row.passed), show_number(row.chi2),
            show_number(row.validation), say(setup_words(row.setup)[:60]),
        )  # fmt: skip
    return table


def setup_words(setup: Any) -> str:
    """Return a setup in a line.

    >>> setup_words({"optimizer": {"optimizer_name": "Nadam", "learning_rate": 0.002},
    ...     "nodes_per_layer": [25, 8], "activation_per_layer": ["tanh", "linear"]})
    '25-8, tanh-linear, Nadam, 0.002'
    """
    optimizer = setup.get("optimizer")
    given = optimizer if isinstance(optimizer, dict) else setup
    name = given.get("optimizer_name", optimizer if isinstance(optimizer, str) else None)
    activation = setup.get("activation_per_layer", setup.get("activation"))
    parts = (setup.get("nodes_per_layer"), activation, name, given.get("learning_rate"))
    return ", ".join(_short(part) for part in parts if part is not None)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else show(value)


def rows_of(view: FitView) -> list[list[Any]]:
    """Return the chi2 of each data set and of all, in the order of the columns of `to_csv`."""
    fit = view.fit
    rows = [*fit.datasets, *([fit.total] if fit.total is not None else [])]
    return [
        [row.name, row.experiment, row.ndata, row.chi2, row.mean, row.std, row.phi2] for row in rows
    ]


def to_csv(view: FitView) -> str:
    """Return the chi2 by data set as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows_of(view):
        writer.writerow(["" if value != value else value for value in row])
    return text.getvalue()


def to_markdown(view: FitView) -> str:
    """Return the chi2 by data set as a table in Markdown."""
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    for row in rows_of(view):
        cells = (show(value).replace("|", r"\|") for value in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def to_latex(view: FitView) -> str:
    """Return the chi2 by data set as a table for LaTeX."""
    rows = [[escape(show(value)) for value in row] for row in rows_of(view)]
    head = [in_latex(name.replace("_", " ")) for name in _COLUMNS]
    return latex_table(head, rows, "ll" + "r" * (len(_COLUMNS) - 2), view.heading) + "\n"


def to_json(view: FitView) -> str:
    """Return the fit in numbers: replicas, chi2, setups, and PDFs at Q0."""
    fit, pdfs = view.fit, view.fit.pdfs
    content = {
        "name": fit.name,
        "theory": fit.theory,
        "chosen": list(fit.chosen),
        "replicas": [
            {name: value for name, value in vars(replica).items() if name != "curve"}
            for replica in fit.replicas
        ],
        "setups": [{**vars(row), "setup": dict(row.setup)} for row in view.setups],
        "chi2": [dict(zip(_COLUMNS, row, strict=True)) for row in rows_of(view)],
        "pdfs": {
            "q": pdfs.q,
            "x": X.tolist(),
            **{
                combination.name: {
                    "mean": pdfs.central[place].tolist(),
                    "low": pdfs.band[0][place].tolist(),
                    "high": pdfs.band[1][place].tolist(),
                }
                for place, combination in enumerate(SHOWN)
            },
        },
        "distances": comparison(view),
    }
    return json.dumps(_finite(content), indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
