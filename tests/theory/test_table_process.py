"""Tests of the process that reads tables: in any order, and with files that are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from n3hyper.errors import TheoryError
from n3hyper.theory.folders import SHIPPED
from n3hyper.theory.raw_table import read_raw
from n3hyper.theory.table_process import TableProcess

TABLES = sorted((SHIPPED / "theory_1650" / "fastkernel").glob("*.pineappl.lz4"))[:3]


@pytest.fixture(scope="module")
def process() -> Iterator[TableProcess]:
    with TableProcess() as process:
        yield process


def assert_read(process: TableProcess, path: Path, then: Path | None = None) -> None:
    np.testing.assert_array_equal(process.read(path, then).table, read_raw(path).table)


def test_tables_are_read_before_they_are_asked_for(process: TableProcess) -> None:
    first, second, third = TABLES
    assert_read(process, first, then=second)
    assert_read(process, second, then=third)
    assert_read(process, third)


def test_another_table_may_follow_than_was_said(process: TableProcess) -> None:
    first, second, third = TABLES
    assert_read(process, first, then=second)
    assert_read(process, third, then=first)
    assert_read(process, first)


def test_errors_are_those_of_the_file_that_has_them(process: TableProcess, tmp_path: Path) -> None:
    missing = tmp_path / "none.pineappl.lz4"
    assert_read(process, TABLES[0], then=missing)
    with pytest.raises(TheoryError, match=r"none\.pineappl"):
        process.read(missing, TABLES[1])
    assert_read(process, TABLES[1], then=missing)
    assert_read(process, TABLES[2])


def test_a_process_that_has_ended_is_replaced() -> None:
    with TableProcess() as process:
        assert_read(process, TABLES[0])
        process._process.kill()
        process._process.wait()
        with pytest.raises(TheoryError, match="PineAPPL cannot read it"):
            process.read(TABLES[1], TABLES[2])
        assert_read(process, TABLES[1])
        assert_read(process, TABLES[2])
