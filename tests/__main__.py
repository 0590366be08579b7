"""`python -m tests`: lint, format, types, the site, unit tests and doctests, in this order.

Arguments are handed to pytest: ``python -m tests -k runcard``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def checks(pytest_arguments: list[str]) -> list[list[str]]:
    """The commands that make up one full check, the quick ones first."""
    return [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["docs"],
        ["pytest", *pytest_arguments],
    ]


def main() -> int:
    """Run all checks and report the first failing status, so that one run shows every fault."""
    statuses = []
    for command in checks(sys.argv[1:]):
        print(f"== {' '.join(command)}", flush=True)
        statuses.append(subprocess.call([sys.executable, "-m", *command], cwd=ROOT))
    return next((status for status in statuses if status), 0)


if __name__ == "__main__":
    raise SystemExit(main())
