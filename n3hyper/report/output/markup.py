"""Parts that all pages share. A page is one file and asks nothing of a network; text from files is
escaped.

A page forbids itself all else than its own script, by a content security policy that names the
script's hash, so that nothing in a name of a file can run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from n3hyper import __version__

_LONGEST_RUNCARD: Final = 300_000
_LIBRARIES: Final = ("numpy", "matplotlib", "rich", "hyperopt", "tensorflow", "nnpdf-data")

Section = tuple[str, str, str]
"""Its name, title and body; one without a body is left out."""


def text(value: Any) -> str:
    """Return a value as text of a page."""
    return html.escape(str(value), quote=True)


def document(
    title: str,
    lead: str,
    sections: Iterable[Section],
    notes: Iterable[str] = (),
    author: str = "",
    keywords: Sequence[str] = (),
    command: str = "",
    said: str = "",
    scripts: Sequence[str] = (),
    data: str = "",
    styles: Sequence[str] = ("page.css",),
    after: str = "",
    follows: Mapping[str, str] | None = None,
) -> str:
    """Return a page.

    Parameters
    ----------
    lead
        What stands below the title, as HTML.
    said
        A last sentence of the foot, as HTML.
    scripts
        The page's programs, and `data` the JSON that they read.
    after
        What stands below the links to the sections, as HTML.
    follows
        Attributes of a page that asks the server it came from for news; None for a file.
    """
    style = "".join(map(file, styles))
    present = [(name, head, body) for name, head, body in sections if body]
    links = "".join(f'<a href="#{name}">{head}</a>' for name, head, _ in present)
    body = "".join(
        f'<section id="{name}"><h2>{head}</h2>{part}</section>' for name, head, part in present
    )
    program = ""
    if scripts:
        program = f'<script type="application/json" id="data">{data}</script>'
        program += "".join(f"<script>{script}</script>" for script in scripts)
    attributes = "".join(f' data-{name}="{text(v)}"' for name, v in (follows or {}).items())
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8">'
        f"{_meta(author, keywords, scripts, follows is not None)}"
        f"<title>{text(title)}</title><style>{style}</style></head><body{attributes}>"
        f"<header><h1>{text(title)}</h1>{_byline(author, keywords)}{lead}<nav>{links}</nav>"
        f"</header><main>{after}{warned(notes)}{body}</main>{_footer(command, said)}{program}"
        "</body></html>\n"
    )


def warned(notes: Iterable[str]) -> str:
    """Return notes as HTML."""
    return "".join(f'<p class="note">Note: {text(note)}.</p>' for note in notes)


def file(name: str) -> str:
    """Return a file of the package: a style sheet or a script."""
    files = importlib.resources.files("n3hyper.report.output") / "page_files"
    return files.joinpath(*name.split("/")).read_text(encoding="utf-8")


def _meta(author: str, keywords: Sequence[str], scripts: Sequence[str], asks: bool) -> str:
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    if scripts:
        digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
        hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
        policy += f"script-src {hashes}; "
    if asks:
        policy += "connect-src 'self'; "
    policy += "base-uri 'none'; form-action 'none'"
    named = [("viewport", "width=device-width, initial-scale=1"), ("generator", "n3hyper")]
    if author:
        named.append(("author", author))
    if keywords:
        named.append(("keywords", ", ".join(keywords)))
    tags = "".join(f'<meta name="{name}" content="{text(value)}">' for name, value in named)
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">{tags}'


def _byline(author: str, keywords: Sequence[str]) -> str:
    parts = [text(author)] if author else []
    parts.append(datetime.now().astimezone().strftime("%d %B %Y, %H:%M"))
    if keywords:
        parts.append(text(", ".join(keywords)))
    return f'<p class="soft">{" · ".join(parts)}</p>'


def tiles(pairs: Iterable[tuple[str, str]]) -> str:
    """Return numbers with their labels, side by side."""
    entries = "".join(
        f'<div class="tile"><b>{text(value)}</b><span>{text(label)}</span></div>'
        for value, label in pairs
    )
    return f'<div class="tiles">{entries}</div>'


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], numbers: set[int]) -> str:
    """Return a table; each row with its class, cells already escaped."""

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if place in numbers else ''}>{cell}</{tag}>"
            for place, cell in enumerate(cells)
        )

    top = f"<thead><tr>{line('th', head)}</tr></thead>" if head else ""
    body = "".join(f'<tr class="{kind}">{line("td", cells)}</tr>' for kind, cells in rows)
    return f"<table>{top}<tbody>{body}</tbody></table>"


def figure_card(name: str, title: str, caption: str, image: bytes) -> str:
    """Return a figure (SVG) with its title and caption."""
    return (
        f'<figure id="{name}"><b>{text(title)}</b>'
        f'<img alt="{text(title)}" src="data:image/svg+xml;base64,'
        f'{base64.b64encode(image).decode()}"><figcaption>{text(caption)}</figcaption></figure>'
    )


def runcard(path: Path | None) -> str:
    """Return a runcard that can be unfolded; nothing if it cannot be read."""
    if path is None:
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            content = stream.read(_LONGEST_RUNCARD)
    except OSError:
        return ""
    return f"<details><summary>{text(path.name)}</summary><pre>{text(content)}</pre></details>"


def _footer(command: str, said: str) -> str:
    versions = [f"n3hyper {__version__}", f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    made = f"<p>Made by <code>{text(command)}</code></p>" if command else ""
    return (
        f'<footer class="soft">{made}<p>{text(", ".join(versions))}; {text(sys.platform)}.'
        f"{said}</p></footer>"
    )
