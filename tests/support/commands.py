"""Commands of n3hyper, run in this process."""

from __future__ import annotations

import pytest

from n3hyper.cli import main


def run(*arguments: object) -> int:
    """Run the command line and return its exit status."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code
