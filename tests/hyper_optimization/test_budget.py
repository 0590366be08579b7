"""The time that a scan is given."""

from __future__ import annotations

import os
import time
from pathlib import Path

from n3hyper.scanning.budget import Budget


def test_a_budget_expects_what_it_has_seen() -> None:
    now = [0.0]
    budget = Budget(100.0, clock=lambda: now[0])
    assert budget.spent() == ""
    for seconds in (30.0, 10.0):
        budget.begin()
        now[0] += seconds
        budget.end()
        assert budget.spent() == ""
    budget.begin()
    now[0] += 31.0
    budget.end()
    assert "expected to take 31 s, and 29 s are left of 100 s" in budget.spent()


def test_a_budget_learns_from_the_trials_before_a_restart() -> None:
    budget = Budget(50.0, clock=lambda: 0.0)
    budget.learn(
        [
            {"result": {"seconds": {"train": 1.0, "total": 51.0}}},
            {"result": {"seconds": None}},
            {"result": {}},
        ]
    )
    assert "expected to take 51 s" in budget.spent()


def test_the_time_is_that_of_the_wall(tmp_path: Path) -> None:
    budget = Budget(0.05)
    time.sleep(0.06)
    assert "0 s are left" in budget.spent()
    assert os.listdir(tmp_path) == []
