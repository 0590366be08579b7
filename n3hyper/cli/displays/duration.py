"""Durations in words."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Return a duration in words.

    >>> clock(42), clock(3 * 60 + 5), clock(7384)
    ('42 s', '3 m 05 s', '2 h 03 m')
    """
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} m {rounded % 60:02d} s"
    return f"{rounded // 3600} h {rounded % 3600 // 60:02d} m"
