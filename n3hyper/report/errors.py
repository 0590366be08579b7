"""Errors of a report that its user can mend."""

from __future__ import annotations

from n3hyper.errors import N3HyperError


class ReportError(N3HyperError, ValueError):
    """Error of input that is no scan, or of an option that does not suit the scan."""

    exit_code = 2
