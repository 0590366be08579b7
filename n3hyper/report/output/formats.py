"""Report for other programs: JSON, CSV, Markdown.

Columns of CSV, and keys of a trial in JSON, are those of `n3hyper.report.trials.columns`: first the
scores, then the hyperparameters by vp-hyperoptplot's names, then what else was in the setups by its
path, then ``chi2_fold_1`` and so on, then the parts of the loss, ``loss_chi2`` and so on, and how
many replicas count in each fold. A cell is empty (null) where a trial has no such value. Names
stay what they are; new columns may be added at the end of a group.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import Any, Final

from n3hyper import __version__
from n3hyper.report.analysis.importance import METHOD
from n3hyper.report.analysis.summary import running_means
from n3hyper.report.analysis.view import TABLE_SCORES, View, cell
from n3hyper.report.text import show
from n3hyper.report.trials.columns import PARAMETERS, SCORES
from n3hyper.report.trials.scan import METRICS, Scan
from n3hyper.report.trials.trial import Trial, runcard_setup

SCHEMA: Final = 1
"""Raised when a key of the JSON or a column of the CSV changes its meaning."""


def table_columns(scan: Scan) -> list[str]:
    """Return the columns of a table of trials; the known ones are always there."""
    others = [name for name in scan.parameters if name not in PARAMETERS]
    return [*SCORES, *PARAMETERS, *others]


def to_csv(view: View) -> str:
    """Return all trials as CSV, one a row, below a row with the names of the columns."""
    scan = view.listed
    names = table_columns(scan)
    columns = [scan.column(name) for name in names]
    for metric in METRICS:
        rows = scan.folds(f"hyper_losses_{metric}")
        for fold in range(scan.fold_count):
            names.append(f"{metric}_fold_{fold + 1}")
            columns.append([None if r is None or fold >= r.size else r[fold] for r in rows])
    names += scan.part_columns
    columns += [scan.column(name) for name in scan.part_columns]
    replicas = [trial.replicas for trial in scan.trials]
    for fold in range(scan.fold_count):
        for place, word in enumerate(("used", "asked")):
            names.append(f"replicas_{word}_fold_{fold + 1}")
            columns.append([r[fold][place] if fold < len(r) else None for r in replicas])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_plain_cell(name) for name in names])
    writer.writerows([_plain_cell(value) for value in row] for row in zip(*columns, strict=True))
    return text.getvalue()


def _plain_cell(value: Any) -> str:
    """Return a value with all its digits; text that a spreadsheet would run is quoted.

    >>> _plain_cell(-1.5), _plain_cell("=1+1"), _plain_cell(["-x", 2]), _plain_cell([20, 8])
    ('-1.5', "'=1+1", "'-x-2", '20-8')
    """
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(float(value))
    text = show(value, 12) if isinstance(value, (list, tuple)) else show(value)
    runs = isinstance(value, (str, list, tuple)) and text.startswith(("=", "+", "-", "@"))
    return f"'{text}" if runs else text


def to_json(view: View) -> str:
    """Return the whole report as one JSON object, each trial on a line of its own."""
    head = json.dumps(_finite(as_dict(view)), indent=1, allow_nan=False)
    lines = [
        json.dumps(_finite(trial), allow_nan=False) for trial in _trials(view.listed, view.rescored)
    ]
    trials = ",\n  ".join(lines)
    return f'{head[: head.rindex("}")].rstrip()},\n "trials": [\n  {trials}\n ]\n}}\n'


def as_dict(view: View) -> dict[str, Any]:
    """Return the report, without its trials, as plain data."""
    scan, best = view.scan, view.scan.best
    weights = view.importances
    return {
        "schema": SCHEMA,
        "version": __version__,
        "scan": scan.name,
        "trials_total": len(scan),
        "trials_ok": len(scan.good),
        "failures": dict(scan.failures),
        "failure_groups": [
            {**vars(group), "label": group.label, "advice": group.advice}
            for group in view.failure_groups
        ],
        "loss": view.loss_words,
        "best_tid": None if best is None else best.tid,
        "best_loss": None if best is None else best.loss,
        "best_loss_parts": None if best is None else dict(scan.parts_of(best)),
        "best_parameters": None if best is None else runcard_setup(best),
        "seconds_spent": view.times.spent,
        "seconds_busy": view.times.busy,
        "trials_per_hour": view.times.per_hour,
        "folds": [vars(fold) for fold in view.folds],
        "replica_shares": view.replica_shares.tolist(),
        "deciding_fold": None if view.deciding_fold is None else view.deciding_fold.number,
        "importance_method": METHOD,
        "importance_r2": None if weights is None else weights.score,
        "importance": {} if weights is None else {e.name: e.share for e in weights.entries},
        "running_means": {
            name: values.tolist()
            for name, values in running_means(scan, view.chi2_below, view.chi2exp_below).items()
        },
        "notes": list(scan.notes),
    }


def _trials(scan: Scan, rescored: bool) -> Iterator[dict[str, Any]]:
    names = table_columns(scan)
    columns = [scan.column(name) for name in names]
    folds = {metric: scan.folds(f"hyper_losses_{metric}") for metric in METRICS}
    for place, row in enumerate(zip(*columns, strict=True)):
        found = dict(zip(names, row, strict=True))
        for metric, rows in folds.items():
            numbers = rows[place]
            found[f"{metric}_folds"] = None if numbers is None else numbers.tolist()
        trial = scan.trials[place]
        found["loss_parts"] = dict(scan.parts_of(trial)) or None
        of_folds = {name: values.tolist() for name, values in trial.group("fold_parts").items()}
        found["fold_parts"] = None if rescored else of_folds or None
        found["replicas_used"] = [used for used, _ in trial.replicas] or None
        found["replicas_asked"] = [asked for _, asked in trial.replicas] or None
        found["failure"] = trial.failure or None
        found["failure_quantity"] = trial.quantity or None
        yield found


def _finite(value: Any) -> Any:
    """Replace NaN and infinity by None, which is null in JSON."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def to_markdown(view: View) -> str:
    """Return the report in the pipe tables that wikis and issue trackers show."""
    scan, best = view.scan, view.scan.best
    lines = [f"# {_md(view.heading)}", "", f"{_md(view.counts)}."]
    if view.time_words:
        lines[-1] += f" {view.time_words}."
    if best is not None:
        lines += [
            "",
            f"Best loss **{show(best.loss, 5)}** in trial {best.tid} ({view.loss_words})"
            + (f" = {view.best_parts}." if view.best_parts else "."),
        ]
        lines += ["", "## Best setup", "", "| | |", "|---|---|"]
        lines += [f"| {_md(name)} | {_md(value)} |" for name, value, _ in view.best_setup]
    if view.folds:
        lines += ["", "## Folds of the best trial", ""]
        lines += _md_table(
            ["fold", "loss", "χ²", "φ²", "-log p", "decides", "leaves out"],
            [
                [
                    str(f.number),
                    show(f.loss),
                    show(f.chi2),
                    show(f.phi2),
                    show(f.logp),
                    show(f.decides, 2),
                    f.datasets,
                ]
                for f in view.folds
            ],
        )
    if view.failure_groups:
        lines += ["", "## Why trials failed", ""]
        lines += _md_table(
            ["trials", "reason", "the last one says", "may help"],
            [[str(g.count), g.label, g.text, g.advice] for g in view.failure_groups],
        )
    if view.importances is not None:
        lines += ["", "## Importance of the hyperparameters", "", f"{METHOD}.", ""]
        lines += _md_table(
            ["hyperparameter", "share"],
            [[entry.name, f"{100 * entry.share:.0f}%"] for entry in view.importances.entries],
        )
    lines += ["", f"## The best {len(view.top_trials)} trials", ""]
    lines += _top_table(scan, view.top_trials)
    if scan.notes:
        lines += ["", *(f"- {_md(note)}" for note in scan.notes)]
    return "\n".join(lines) + "\n"


def top_columns(scan: Scan, part: Scan) -> list[str]:
    """Return the columns of the table of the best trials `part` of a scan."""
    hidden = ("mean_width", "activation_per_layer", "number_of_layers")
    return [
        "tid",
        "loss",
        *part.part_columns,
        *TABLE_SCORES[1:],
        *(name for name in scan.scanned if name not in hidden),
    ]


def _top_table(scan: Scan, trials: tuple[Trial, ...]) -> list[str]:
    part = scan.with_trials(trials)
    names = top_columns(scan, part)
    columns = [[cell(name, value) for value in part.column(name)] for name in names]
    return _md_table(names, [list(row) for row in zip(*columns, strict=True)])


def _md_table(head: list[str], rows: list[list[str]]) -> list[str]:
    def line(cells: list[str]) -> str:
        return f"| {' | '.join(_md(cell) for cell in cells)} |"

    return [line(head), "|" + "---|" * len(head), *map(line, rows)]


def _md(text: str) -> str:
    """Escape what Markdown would take for a link or a tag."""
    for character in "\\|`*[]<>":
        text = text.replace(character, f"\\{character}")
    return text
