"""The trials as the page's program reads them: one JSON object, column by column.

Columns with texts are lists of places in a list of distinct texts, so that the page of 10,000
trials stays small. What is not there is null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from n3hyper.report.analysis.importance import is_log
from n3hyper.report.analysis.ranges import groups_of, values_of
from n3hyper.report.analysis.summary import fold_matrix, running_means
from n3hyper.report.analysis.view import TABLE_SCORES, View
from n3hyper.report.output.formats import table_columns
from n3hyper.report.text import show
from n3hyper.report.trials.columns import PART, SCORES, column
from n3hyper.report.trials.scan import Scan

_MOST_NAMES: Final = 40
"""Names of a hyperparameter that fit on an axis."""
_DERIVED: Final = ("activation", "mean_width", "number_of_layers")
"""Columns that say no more than the lists beside them, which figures cannot show."""


def page_data(view: View) -> dict[str, Any]:
    """Return what figures and table of the page are made of."""
    scan = view.scan
    parts = [name for name in scan.part_columns if any(scan.column(name))]
    columns = _columns(scan, parts)
    present = set(columns)
    factors = [name for name in scan.factors if name in present and _fits(scan, name)]
    texts = list(dict.fromkeys(trial.failure for trial in scan.trials))
    place = {text: number for number, text in enumerate(texts)}
    hidden = {"iteration", "good", *(() if len(scan.scans) > 1 else ("scan",))}
    best = scan.best
    return {
        "columns": list(columns.values()),
        "ok": [int(trial.ok) for trial in scan.trials],
        "best": None if best is None else scan.trials.index(best),
        "failedAt": [trial.iteration for trial in scan.trials if not trial.ok],
        "failedShown": view.include_failures,
        "texts": texts,
        "text": [place[trial.failure] for trial in scan.trials],
        "began": _rounded((trial.began for trial in scan.trials), 1),
        "ended": _rounded((trial.ended for trial in scan.trials), 1),
        "table": [name for name in columns if name not in hidden],
        "shown": [name for name in columns if name not in {*hidden, *parts, "loss", "tid"}],
        "scanned": [name for name in scan.scanned if name in present and name not in _DERIVED],
        "scores": [
            name
            for name in (*TABLE_SCORES, "seconds", *parts)
            if name in present
        ],
        "factors": factors,
        "important": _important(view, factors),
        "parts": [{"name": part, "label": part.removeprefix(PART)} for part in parts],
        "hasPhi2": "hyper_loss_phi2" in present,
        "sort": "loss" if "loss" in present else "tid",
        "folds": _folds(view),
        "running": _running(view),
    }  # fmt: skip


def _columns(scan: Scan, parts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the columns that have a value somewhere, those of the table in its order."""
    names = table_columns(scan)
    after = names.index("loss") + 1
    found: dict[str, dict[str, Any]] = {}
    raw = {name: scan.column(name) for name in (*names[:after], *parts, *names[after:])}
    for name, values in raw.items():
        plain = [_plain(value) for value in values]
        if all(value is None for value in plain) and name != "loss":
            continue
        about = column(name)
        score = name in SCORES or name in parts
        entry: dict[str, Any] = {
            "name": name,
            "short": about.short,
            "label": about.label,
            "meaning": about.meaning,
            "score": score,
            "log": not score and _is_log(scan, name),
            "whole": all(isinstance(value, int) for value in plain if value is not None),
        }
        if all(value is None or isinstance(value, (int, float)) for value in plain):
            found[name] = {**entry, "kind": "number", "values": plain}
        else:
            levels = list(dict.fromkeys(str(v) for v in plain if v is not None))
            at = {level: number for number, level in enumerate(levels)}
            places = [None if value is None else at[str(value)] for value in plain]
            found[name] = {**entry, "kind": "text", "levels": levels, "values": places}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return show(value, 12)
    return value


def _fits(scan: Scan, name: str) -> bool:
    """Return whether a hyperparameter can be an axis: a number, or one of few names."""
    values = {value for value in scan.column(name) if not isinstance(value, (int, float))}
    return len(values - {None}) <= _MOST_NAMES


def _is_log(scan: Scan, name: str) -> bool:
    if name not in scan.factors:
        return False
    groups = groups_of(scan, name)
    columns = [(group, values_of(scan.trials, name, group)) for group in groups]
    return any(is_log(scan, name, group, values) for group, values in columns if values.size)


def _important(view: View, factors: Sequence[str]) -> list[str]:
    """Return hyperparameters, the most important first; in their order while that is not known."""
    found = view.importances
    order = [] if found is None else [entry.name for entry in found.entries]
    return [*(name for name in order if name in factors), *(n for n in factors if n not in order)]


def _folds(view: View) -> dict[str, Any]:
    losses = fold_matrix(view.scan, view.settings, view.rescored)
    if losses is None:
        return {"names": [], "losses": []}
    names = view.scan.fold_names
    rows = iter(losses.tolist())
    return {
        "names": [
            names[fold] if fold < len(names) else "" for fold in range(losses.shape[1])
        ],
        "losses": [_rounded(next(rows)) if trial.ok else None for trial in view.scan.trials],
    }  # fmt: skip


def _rounded(numbers: Iterable[float], places: int | None = None) -> list[float | None]:
    return [
        None
        if not math.isfinite(value)
        else float(f"{value:.6g}") if places is None else round(value, places)
        for value in numbers
    ]  # fmt: skip


def _running(view: View) -> list[dict[str, Any]]:
    means = running_means(view.scan, view.chi2_below, view.chi2exp_below)
    about = (
        ("loss", "mean of the loss", f"fitted χ² < {view.chi2exp_below:g}"),
        ("logp", "mean of -log p", f"χ² < {view.chi2_below:g}"),
        ("chi2", "mean of χ²", f"χ² < {view.chi2_below:g}"),
    )
    return [
        {"name": name, "label": label, "condition": words, "values": _rounded(means[name].tolist())}
        for name, label, words in about
        if means[name].size
    ]
