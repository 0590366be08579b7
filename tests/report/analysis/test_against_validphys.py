"""The same folder in vp-hyperoptplot and here: the same numbers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from n3hyper.report.analysis.summary import running_means, top
from n3hyper.report.trials.autofilter import autofilter
from n3hyper.report.trials.filters import apply_filters
from n3hyper.report.trials.scan import Scan, load_scan

REFERENCE = Path(__file__).parents[1] / "reference"
CASES: dict[str, dict[str, Any]] = json.loads((REFERENCE / "validphys.json").read_text())


@pytest.fixture(scope="module")
def scan() -> Scan:
    return load_scan([REFERENCE / "tries.json"])


def iterations(scan: Scan) -> list[int]:
    return [trial.iteration for trial in scan.good]


@pytest.mark.parametrize("statistic", ["plain", "best_worst", "std"])
def test_the_table_is_that_of_validphys(scan: Scan, statistic: str) -> None:
    case = CASES[statistic]
    name = "average" if statistic == "plain" else statistic
    good = dataclasses.replace(scan.with_trials(scan.good), fold_statistic=name)
    assert iterations(good) == case["iterations"]
    assert good.best is not None
    assert good.best.iteration == case["best"]
    assert [trial.iteration for trial in top(good, "hyper_loss_chi2")] == case["table"]
    for column, expected in case["columns"].items():
        found = good.column(column)
        if isinstance(expected[0], float):
            np.testing.assert_allclose(good.numbers(column), expected, rtol=1e-13)
        else:
            assert found == expected, column


@pytest.mark.parametrize(("case", "thresholds"), [("plain", ()), ("thresholds", (1.6, 1.3))])
def test_running_means_are_those_of_validphys(
    scan: Scan, case: str, thresholds: tuple[float, ...]
) -> None:
    found = running_means(scan, *thresholds)
    for name, values in found.items():
        np.testing.assert_allclose(values, CASES[case][f"running_{name}"], rtol=1e-12)
    assert found["loss"].size < found["chi2"].size


@pytest.mark.parametrize(
    ("case", "conditions"),
    [
        ("filter_nadam", ["optimizer=Nadam"]),
        ("filter_lr", ["lr<0.001", "nl!=2"]),
        ("filter_epochs", ["epochs>5000"]),
    ],
)
def test_filters_are_those_of_validphys(scan: Scan, case: str, conditions: list[str]) -> None:
    found = apply_filters(scan, conditions)
    assert iterations(found) == CASES[case]["iterations"]
    assert found.best is not None
    assert found.best.iteration == CASES[case]["best"]


@pytest.mark.parametrize(
    ("case", "keys"),
    [
        ("autofilter_one", ["optimizer"]),
        ("autofilter_numbers", ["ste"]),
        ("autofilter_two", ["initializer", "optimizer"]),
    ],
)
def test_autofilter_is_that_of_validphys(scan: Scan, case: str, keys: list[str]) -> None:
    # vp-hyperoptplot never sees trials without scores
    seen = scan.with_trials(t for t in scan.trials if t.reason != "exception")
    assert iterations(autofilter(seen, keys)) == CASES[case]["iterations"]
