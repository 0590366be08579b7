"""Report of a fit as one page; see `n3hyper.report.output.markup` for what all pages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from n3hyper.report.output.markup import document, figure_card, runcard, table, text, tiles
from n3hyper.report.output.writing import write_text
from n3hyper.report.pdfs.figures import draw_svg, plan_figures
from n3hyper.report.pdfs.tables import rows_of, setup_words
from n3hyper.report.pdfs.view import TABLE_X, FitView
from n3hyper.report.text import show, show_number


def write_page(view: FitView, path: Path) -> None:
    """Write the page.

    Raises
    ------
    ReportError
        It cannot be written.
    """
    write_text(path, page(view))


def page(view: FitView) -> str:
    """Return the page's text."""
    figures: dict[str, list[str]] = {}
    for number, plan in enumerate(plan_figures(view)):
        image = draw_svg(plan, view)
        if image is not None:
            card = figure_card(f"figure-{number}", plan.title, plan.caption, image)
            figures.setdefault(plan.section, []).append(card)
    sections = [
        ("pdfs", "PDFs", _cards(figures, "PDFs") + _pdf_table(view)),
        ("comparison", "Comparison", _cards(figures, "Comparison")),
        ("data", "Data", _cards(figures, "Data") + _chi2_table(view)),
        ("training", "Training", _cards(figures, "Training") + _failures(view)),
        ("setups", "Setups", _setup_table(view) + _cards(figures, "Setups")),
        ("runcard", "Runcard", runcard(view.fit.runcard)),
    ]
    return document(
        title=view.heading,
        lead=tiles(_tiles(view)) + f'<p class="soft">{text(view.counts)}.</p>',
        sections=sections,
        notes=view.fit.notes,
        author=view.author,
        keywords=view.keywords,
        command=view.command,
    )


def _cards(figures: dict[str, list[str]], section: str) -> str:
    cards = figures.get(section)
    return f'<div class="figures large">{"".join(cards)}</div>' if cards else ""


def _tiles(view: FitView) -> Iterator[tuple[str, str]]:
    fit = view.fit
    yield str(len(fit.chosen)), "replicas"
    if fit.total is not None:
        yield show_number(fit.total.chi2), f"χ² per point, {fit.total.ndata} points"
        yield show_number(fit.total.mean), "χ² of the replicas"
    if len(fit.setups) > 1:
        yield str(len(fit.setups)), "setups"
    yield f"{fit.pdfs.q:g} GeV", "Q0"


def _pdf_table(view: FitView) -> str:
    head = ["x f at Q0", *(f"x = {x:g}" for x in TABLE_X)]
    rows = [
        ("", [text(name), *(f"{mean:.4f} ± {std:.4f}" for mean, std in values)])
        for name, values in view.table
    ]
    return table(head, rows, set(range(1, len(head))))


def _chi2_table(view: FitView) -> str:
    rows = [
        ("key" if name == "total" else "", [text(name), text(experiment), *map(show, numbers)])
        for name, experiment, *numbers in rows_of(view)
    ]
    if not rows:
        return ""
    head = ("data set", "experiment", "points", "χ²", "of replicas", "±", "φ²")
    return table(head, rows, {2, 3, 4, 5, 6})


def _failures(view: FitView) -> str:
    failed = [replica for replica in view.fit.replicas if replica.failure]
    if not failed:
        return ""
    rows = [
        (
            "",
            [
                str(replica.number),
                *(
                    show_number(value)
                    for value in (replica.chi2, replica.training, replica.validation)
                ),
                text(replica.failure),
            ],
        )
        for replica in failed
    ]
    head = ("replica", "χ²", "training", "validation", "fails")
    return f"<h3>Replicas that are not in the set</h3>{table(head, rows, {0, 1, 2, 3})}"


def _setup_table(view: FitView) -> str:
    if not view.setups:
        return ""
    rows = [
        (
            "",
            [
                str(row.number + 1), str(row.fitted), str(row.passed), show_number(row.chi2),
                show_number(row.validation), text(setup_words(row.setup)),
            ],
        )
        for row in view.setups
    ]  # fmt: skip
    head = ("", "fitted", "in the set", "χ²", "validation χ²", "setup")
    return table(head, rows, {0, 1, 2, 3, 4})
