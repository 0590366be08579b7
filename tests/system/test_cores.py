"""Tests of work that is spread over cores."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from n3hyper.system import cores
from n3hyper.system.cores import on_all_cores, threads_at_most, usable_cores


def test_results_are_in_the_order_of_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "threads_at_most", lambda: 3)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    threads = set()

    def square(number: int) -> int:
        threads.add(threading.get_ident())
        return number**2

    assert on_all_cores(square, range(100)) == [number**2 for number in range(100)]
    assert threading.get_ident() not in threads


def test_threads_of_blas_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bits of calls at the same time would depend on chance."""
    monkeypatch.setattr(cores, "threads_at_most", lambda: 3)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert on_all_cores(lambda _: threading.get_ident(), range(9)) == [threading.get_ident()] * 9


@pytest.mark.parametrize("given", [[], [2.0]])
def test_little_is_done_at_once(given: list[float]) -> None:
    thread = threading.get_ident()
    assert on_all_cores(lambda _: threading.get_ident(), given) == [thread] * len(given)


def test_errors_come_out() -> None:
    def fail(number: int) -> None:
        raise ValueError(f"number {number}")

    with pytest.raises(ValueError, match="number 0"):
        on_all_cores(fail, range(5))


def test_bits_do_not_depend_on_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    matrices = np.random.default_rng(0).normal(size=(6, 80, 50))
    found = []
    for number in (1, 2, 4):
        monkeypatch.setattr(cores, "threads_at_most", lambda number=number: number)
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
        found.append(np.stack(on_all_cores(lambda m: np.linalg.inv(m.T @ m), matrices)))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_process_has_a_core() -> None:
    assert usable_cores() >= 1


@pytest.mark.parametrize(
    ("given", "expected"), [("2", 2), ("99", 4), ("3,1", 3), ("", 4), ("0", 4), ("many", 4)]
)
def test_threads_are_bounded_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, given: str, expected: int
) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert threads_at_most() == expected
