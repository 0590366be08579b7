"""The pages that are made from the code, and where they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from docs.site.commands import commands_page
from docs.site.keys import keys_page

PAGES: Mapping[str, Callable[[], Iterable[str]]] = {
    "commands.md": commands_page,
    "runcard_keys.md": keys_page,
}
FOLDER = Path("reference")


def write_pages(docs: Path) -> None:
    """Write the pages below a folder; a page that has not changed is left alone."""
    for name, lines in PAGES.items():
        path = docs / FOLDER / name
        text = "\n".join(lines()) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
