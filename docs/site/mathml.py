"""Formulas as MathML, which browsers draw without a script and without a network."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert


def mathml(formula: str, display: str) -> str:
    """Return a formula as MathML; ValueError where it has a command that is not known.

    >>> mathml("x^2", "inline").startswith("<math")
    True
    """
    made: str = convert(formula, display=display)
    unknown = re.search(r"\\[A-Za-z]+", made)
    if unknown:
        raise ValueError(f"{unknown[0]} is not known in {formula}")
    return made


def _inline(writer: Any, node: Any) -> None:
    writer.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(writer: Any, node: Any) -> None:
    writer.body.append(f'<div class="math">{mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup_math(app: Any) -> None:
    """Register the renderer ``mathml``."""
    app.add_html_math_renderer(
        "mathml", inline_renderers=(_inline, None), block_renderers=(_block, None)
    )
