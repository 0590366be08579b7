"""Report as tables for LaTeX, with the package booktabs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from n3hyper.report.analysis.importance import METHOD
from n3hyper.report.analysis.view import View, cell
from n3hyper.report.output.formats import top_columns
from n3hyper.report.text import number, show_number
from n3hyper.report.trials.columns import column

_SPECIAL: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "\"": "''",
}  # fmt: skip
_QUANTITIES: Final = {
    "1/φ²": r"$1/\varphi^2$",
    "χ²": r"$\chi^2$",
    "φ²": r"$\varphi^2$",
    "-log p": r"$-\log p$",
    "-logp": r"$-\log p$",
    "R²": r"$R^2$",
    "chi2": r"$\chi^2$",
}
"""How quantities stand in the heads of tables."""


def to_latex(view: View) -> str:
    """Return the report as LaTeX: best setup, folds, importances and the best trials."""
    parts = [
        f"% {_comment(view.heading)}: {_comment(view.counts)}; made by n3hyper report\n"
        r"% \usepackage{booktabs}",
    ]
    if view.best_setup:
        rows = [[in_latex(column(name).label), _value(value)] for name, value, _ in view.best_setup]
        parts.append(latex_table(["hyperparameter", "value"], rows, "ll", _best_words(view)))
    if view.folds:
        parts.append(_folds(view))
    if view.importances is not None:
        rows = [
            [in_latex(column(entry.name).label), f"{100 * entry.share:.0f}"]
            for entry in view.importances.entries
        ]
        caption = f"{METHOD}; {view.importances.trials} trials."
        parts.append(latex_table(["hyperparameter", r"share (\%)"], rows, "lr", caption))
    if view.top_trials:
        parts.append(_trials(view))
    return "\n\n".join(parts) + "\n"


def _best_words(view: View) -> str:
    best = view.scan.best
    assert best is not None
    words = f"The best of {len(view.scan)} trials, number {best.tid}: loss {show_number(best.loss)}"
    return f"{words} ({view.loss_words})."


def _folds(view: View) -> str:
    rows = [
        [
            str(fold.number),
            *(_value(show_number(value)) for value in (fold.loss, fold.chi2, fold.phi2, fold.logp)),
            "" if math.isnan(fold.decides) else f"{100 * fold.decides:.0f}",
        ]
        for fold in view.folds
    ]
    head = ["fold", "loss", in_latex("χ²"), in_latex("φ²"), in_latex("-log p"), r"decides (\%)"]
    return latex_table(head, rows, "rrrrrr", "Folds of the best trial.")


def _trials(view: View) -> str:
    """Return the best trials, a column for each: a page is higher than it is wide."""
    part = view.scan.with_trials(view.top_trials)
    rows = []
    for name in top_columns(view.scan, part):
        values = part.column(name)
        if name != "tid" and any(value is not None for value in values):
            rows.append([in_latex(column(name).label), *(_value(cell(name, v)) for v in values)])
    head = ["trial", *(str(trial.tid) for trial in view.top_trials)]
    caption = f"The best {len(view.top_trials)} trials."
    return latex_table(head, rows, "l" + "r" * len(view.top_trials), caption)


def latex_table(head: Sequence[str], rows: Sequence[Sequence[str]], form: str, caption: str) -> str:
    """Return a table; head and cells are LaTeX already, the caption is words."""
    body = "\n".join(f"    {' & '.join(row)} \\\\" for row in rows)
    return (
        "\\begin{table}\n  \\centering\n"
        f"  \\begin{{tabular}}{{{form}}}\n    \\toprule\n    {' & '.join(head)} \\\\\n"
        f"    \\midrule\n{body}\n    \\bottomrule\n  \\end{{tabular}}\n"
        f"  \\caption{{{in_latex(caption)}}}\n\\end{{table}}"
    )


def escape(words: str) -> str:
    r"""Return words such that LaTeX sets them as they are.

    Examples
    --------
    >>> print(escape("glorot_normal & 50%"))
    glorot\_normal \& 50\%
    """
    return "".join(_SPECIAL.get(character, character) for character in words)


def in_latex(words: str) -> str:
    """Return words, escaped, with the quantities in them as mathematics."""
    for quantity, formula in _QUANTITIES.items():
        if quantity in words:
            before, _, after = words.partition(quantity)
            return f"{in_latex(before)}{formula}{in_latex(after)}"
    return escape(words)


def _value(words: str) -> str:
    r"""Return a value; powers of ten as mathematics.

    >>> print(_value("1.401e-06"), _value("-1.7"), _value("tanh"))
    $1.401 \times 10^{-6}$ $-1.7$ tanh
    """
    if not math.isfinite(number(words)):
        return escape(words)
    digits, _, power = words.partition("e")
    if power:
        return f"${digits} \\times 10^{{{int(power)}}}$"
    return f"${digits}$" if digits.startswith("-") else digits


def _comment(words: str) -> str:
    return " ".join(words.split())
