"""Translation of a runcard from old spellings, with a record of the changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from n3hyper.errors import RuncardError
from n3hyper.runcard.model import located


@dataclass
class Translation:
    """Runcard in today's spelling, and the changes that were made to it."""

    card: dict[str, Any]
    source: str | None
    notes: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    """Where a key path of `card` stands in the file."""

    def place(self, path: str) -> str:
        """Return the path in the file of a path in `card`."""
        return located(path, self.moved)

    def move(self, source: Any, old: str, target: Any, new: str, where: tuple[str, str]) -> None:
        """Move key `old` of `source` to key `new` of `target`; `where` holds their two paths."""
        if not isinstance(source, dict) or old not in source or not isinstance(target, dict):
            return
        here, there = (".".join(filter(None, pair)) for pair in zip(where, (old, new), strict=True))
        if target.get(new) is not None:
            raise RuncardError(
                "given twice",
                source=self.source,
                key=self.place(here),
                hint=f"it is the old spelling of {there}, which is there as well: remove one",
            )
        target[new] = source.pop(old)
        self.moved[there] = self.place(here)
        self.notes.append(f"{self.moved[there]}: old spelling, read as {there}")
