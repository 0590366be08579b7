"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.is_dir():
        pytest.skip(f"{path} is not here")
    return path


@pytest.fixture(scope="session")
def shared_theory() -> Path:
    """NNLO tables that are not part of the repository: a folder ``theory_40000000``."""
    return _shared("theory_40000000")


@pytest.fixture(scope="session")
def shared_lhapdf() -> Path:
    """A folder of PDF sets that holds ``toy_t0``."""
    return _shared("lhapdf")


@pytest.fixture(scope="session")
def shared_baseline() -> Path:
    """Runcards that n3fit was timed with."""
    return _shared("baseline")
