"""What a user of the report can get wrong."""

from __future__ import annotations

from n3hyper.errors import N3HyperError


class ReportError(N3HyperError, ValueError):
    """Input that is no scan, or an option that does not fit the scan."""

    exit_code = 2
