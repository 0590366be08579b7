"""Tests of operations against plain formulas and nnpdf_data's metadata."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from n3hyper.data.commondata import commondata_folder
from n3hyper.errors import TheoryError
from n3hyper.theory.operations import OPERATIONS, apply_operation, check_operation


def random_operands(name: str, ndata: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return list(rng.uniform(0.5, 2.0, size=(OPERATIONS[name][0], ndata)))


def test_each_operation_is_its_formula() -> None:
    a, b, c, d = np.array([1.0]), np.array([-2.0]), np.array([4.0]), np.array([-7.0])
    assert apply_operation("NULL", [a]) == 1.0
    assert apply_operation("ADD", [a, b]) == -1.0
    assert apply_operation("RATIO", [a, b]) == -0.5
    assert apply_operation("ASY", [a, b]) == -3.0
    assert apply_operation("SMN", [a, b, c, d]) == pytest.approx(-1.0 / -3.0)
    assert apply_operation("SUBTRACT_ABS", [a, b]) == -1.0
    assert apply_operation("SUBTRACT_ABSPAIR", [a, b, c, d]) == -4.0


def test_operations_sum_many_operands() -> None:
    ten = random_operands("SMT")
    assert np.allclose(apply_operation("SMT", ten), np.sum(ten, axis=0), rtol=1e-15)
    twenty = random_operands("COM")
    expected = np.sum(twenty[:10], axis=0) / np.sum(twenty[10:], axis=0)
    assert np.allclose(apply_operation("COM", twenty), expected, rtol=1e-15)


@given(arrays(float, 4, elements=st.floats(0.1, 10)), arrays(float, 4, elements=st.floats(0.1, 10)))
def test_asymmetry_is_odd_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    asymmetry = apply_operation("ASY", [a, b])
    assert np.array_equal(asymmetry, -apply_operation("ASY", [b, a]))
    assert (np.abs(asymmetry) < 1).all()


@pytest.mark.parametrize("name", OPERATIONS)
def test_leading_axes_are_kept(name: str) -> None:
    flat = random_operands(name, 6)
    folded = [operand.reshape(2, 3) for operand in flat]
    assert np.array_equal(apply_operation(name, folded), apply_operation(name, flat).reshape(2, 3))


def test_all_operations_of_nnpdf_data_are_known() -> None:
    found = set()
    for metadata in commondata_folder().glob("*/metadata.yaml"):
        text = metadata.read_text(encoding="utf-8")
        found |= set(re.findall(r"""^\s*operation:\s*["']?(\w+)""", text, re.MULTILINE))
    assert len(found) > 5
    assert {name.upper() for name in found} <= set(OPERATIONS)


def test_wrong_operations_are_errors() -> None:
    with pytest.raises(TheoryError, match=r"SET: unknown operation 'RATIOS'; did you mean 'RATIO'"):
        check_operation("RATIOS", 2, "SET")
    with pytest.raises(TheoryError, match="SET: operation ASY takes 2 operands, not 3"):
        check_operation("asy", 3, "SET")
    assert check_operation(None, 1, "SET") == "NULL"
