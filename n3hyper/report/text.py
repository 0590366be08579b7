"""Text and numbers from files that anybody may have written, made fit to be shown."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any, Final

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LONGEST: Final = 300
"""Characters that are kept of a text."""
LARGEST: Final = 1e100
"""No number of a scan is larger; squares of smaller ones can be added up."""


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """Return `text` on one line, encodable and without what a terminal would obey.

    Examples
    --------
    >>> clean("Nadam" + chr(27) + "[31m" + chr(10) + "x")
    'Nadam [31m x'
    """
    if not text.isprintable():
        text = _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def clean_tree(value: Any, depth: int = 0) -> Any:
    """Return a tree of JSON with clean texts; what lies very deep is left out."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        if depth > 20:
            return None
        return {clean(str(key)): clean_tree(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [] if depth > 20 else [clean_tree(item, depth + 1) for item in value]
    return value


def number(value: Any) -> float:
    """Return `value` as a float, NaN if it is neither a finite number nor the text of one.

    Examples
    --------
    >>> number("2.4351041"), number(None), number(True), number(10**400)
    (2.4351041, nan, nan, nan)
    """
    if isinstance(value, float):
        return value if abs(value) < LARGEST else math.nan
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return math.nan
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return math.nan
    return found if abs(found) < LARGEST else math.nan


def show(value: Any, digits: int = 4) -> str:
    """Return a value as a table shows it: numbers short, lists joined, nothing for None.

    Examples
    --------
    >>> show(0.00260884), show(1234.5678), show([25, 20, 8]), show(None), show(7), show(2e-5)
    ('0.002609', '1235', '25-20-8', '', '7', '2.000e-05')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return show_number(value, digits)
    if isinstance(value, (list, tuple)):
        return "-".join(show(item, digits) for item in value)
    return str(value)


def show_number(value: float, digits: int = 4) -> str:
    """Return a number with a given number of significant digits.

    Examples
    --------
    >>> show_number(1.5), show_number(0.25), show_number(float("nan")), show_number(3.0)
    ('1.500', '0.2500', '', '3.000')
    """
    if not math.isfinite(value):
        return ""
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e6 or size < 1e-3:
        return f"{value:.{digits - 1}e}"
    places = max(0, digits - 1 - math.floor(math.log10(size)))
    return f"{value:.{places}f}"


def span(seconds: float) -> str:
    """Return a duration in words.

    Examples
    --------
    >>> span(42), span(185), span(7384), span(3 * 86400 + 7200), span(float("nan"))
    ('42 s', '3 m 05 s', '2 h 03 m', '3 d 02 h', '')
    """
    if not math.isfinite(seconds):
        return ""
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} m {rounded % 60:02d} s"
    if rounded < 2 * 86400:
        return f"{rounded // 3600} h {rounded % 3600 // 60:02d} m"
    return f"{rounded // 86400} d {rounded % 86400 // 3600:02d} h"
