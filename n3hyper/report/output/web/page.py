"""Report of a scan as one page; see `n3hyper.report.output.markup` for what all pages share.

The figures are drawn in the browser by the scripts in ``page_files``, with Apache ECharts, which
lies beside them as its project publishes it: the page is one file and works without a network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from n3hyper.report.analysis.view import View
from n3hyper.report.output.markup import document, file, runcard, text
from n3hyper.report.output.web import sections
from n3hyper.report.output.web.data import page_data
from n3hyper.report.output.writing import write_text

_LIBRARY: Final = "echarts/echarts.min.js"
_PROGRAM: Final = (
    "core.js", "look.js", "figure.js", "scan_figures.js", "parameter_figures.js", "parallel.js",
    "table.js", "page.js",
)  # fmt: skip
"""Parts of the page's program, in their order."""


def write_page(view: View, path: Path) -> None:
    """Write the page.

    Raises
    ------
    ReportError
        It cannot be written.
    """
    write_text(path, page(view))


def page(view: View, follows: Mapping[str, str] | None = None) -> str:
    """Return the page's text.

    Parameters
    ----------
    follows
        Attributes of a page that a server keeps up to date; None for a file.
    """
    found = pieces(view)
    figures = bool(view.scan.good) or follows is not None
    return document(
        title=view.heading,
        lead=f'<div id="lead">{found["lead"]}</div>',
        after=sections.switches(follows is not None) + f'<div id="notes">{found["notes"]}</div>',
        sections=[
            ("best", "Best setup", f'<div id="best-setup">{found["best-setup"]}</div>'),
            ("scan", "The scan", sections.places("scan-figures") if figures else ""),
            ("folds", "Folds and importance", _piece("fold-tables", found)),
            ("hyperparameters", "Hyperparameters", sections.parameter_places() if figures else ""),
            ("failed", "Failures", _piece("failure-table", found)),
            ("trials-section", "Trials", sections.trials_table()),
            ("runcard", "Runcard", runcard(view.scan.runcard_path)),
        ],
        author=view.author,
        keywords=view.keywords,
        command=view.command,
        said=_ran(view),
        scripts=(file(_LIBRARY), _program()),
        data=script_json(page_data(view)),
        styles=("page.css", "interactive.css"),
        follows=follows,
    )


def pieces(view: View) -> dict[str, str]:
    """Return the parts of the page that tell of the scan in words and numbers, by their ids."""
    return {
        "lead": sections.lead(view),
        "notes": sections.notes(view),
        "best-setup": sections.best_setup(view),
        "fold-tables": sections.folds(view),
        "failure-table": sections.failures(view),
    }


def _piece(name: str, found: Mapping[str, str]) -> str:
    return f'<div id="{name}">{found[name]}</div>'


def script_json(tree: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    words = json.dumps(tree, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return words.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _program() -> str:
    """Return the page's program: its parts share one scope, which nothing else can reach."""
    return "(function () {\n'use strict';\n" + "\n".join(map(file, _PROGRAM)) + "})();\n"


def _ran(view: View) -> str:
    versions = sorted({str(t.version) for t in view.scan.trials if t.version})
    return f" The scan was run by n3hyper {text(', '.join(versions[:5]))}." if versions else ""
