"""The loss of a trial as pure functions: slow twins, and one owner for each number."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.hyper_optimization import loss, rewards
from n3hyper.hyper_optimization.loss import (
    ENSEMBLE_FIGURE,
    LOSS_TYPES,
    STATISTICS,
    LossRule,
    best_replicas,
    enough,
    fold_failure,
    fold_loss,
    trial_loss,
)
from n3hyper.runcard import names, parse_runcard
from n3hyper.runcard.model import KFold
from tests.support.runcard_samples import good_card

rules = st.builds(
    LossRule,
    loss_type=st.sampled_from(LOSS_TYPES),
    replica_statistic=st.sampled_from(sorted(STATISTICS)),
    fold_statistic=st.sampled_from(sorted(STATISTICS)),
    penalties_in_loss=st.booleans(),
    reduce_proportion=st.floats(0.01, 1.0),
)


def test_names_and_defaults_are_those_of_runcards() -> None:
    assert (LOSS_TYPES, tuple(STATISTICS)) == (names.LOSS_TYPES, names.STATISTICS)
    assert (*STATISTICS, *loss.WHOLE_FITS) == names.FOLD_STATISTICS
    kfold, rule = KFold(partitions=()), LossRule()
    for name in vars(rule):
        assert getattr(rule, name) == getattr(kfold, name)
    card = good_card()
    card["kfold"]["replica_statistic"] = "average_best"
    del card["kfold"]["reduce_proportion"]
    parsed = parse_runcard(card).kfold
    assert parsed is not None
    assert parsed.reduce_proportion == loss.BEST_PROPORTION


def test_the_statistics_of_hyperloss_are_the_same_table() -> None:
    assert rewards.IMPLEMENTED_STATS is STATISTICS


def test_the_module_needs_nothing_but_numpy() -> None:
    """The report reads it, which loads no library of fits, runcards or databases."""
    code = (
        "import sys, numpy\n"
        "before = set(sys.modules)\n"
        "import n3hyper.hyper_optimization.loss\n"
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    ours = {name for name in loaded if name.split(".")[0] == "n3hyper"}
    assert {name.removeprefix("n3hyper.").split(".")[0] for name in ours} == {
        *("n3hyper", "errors", "physics", "hyper_optimization")
    }
    assert {name.split(".")[0] for name in loaded - ours} <= set(sys.stdlib_module_names)


def slow_loss(rule: LossRule, losses: Any, penalties: Any, best: Any, figure: float) -> float:
    """Replica by replica."""
    if rule.loss_type == "phi2":
        return figure
    sums = [sum(each[r] for each in penalties) for r in range(len(losses))]
    if not rule.penalties_in_loss:
        sums = [0.0] * len(losses)
    if rule.loss_type != "chi2":
        return figure + sum(sums[r] for r in best) / len(best)
    counted = best if rule.replica_statistic == "average_best" else range(len(losses))
    values = [losses[r] + sums[r] for r in counted]
    mean = sum(values) / len(values)
    if rule.replica_statistic == "best_worst":
        return max(values)
    if rule.replica_statistic == "std":
        return (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
    return mean


@given(rule=rules, replicas=st.integers(1, 12), seed=st.integers(0, 1000))
def test_the_loss_of_a_fold_agrees_with_its_slow_twin(
    rule: LossRule, replicas: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    losses, validation = rng.uniform(0.5, 3, replicas), rng.uniform(0.5, 3, replicas)
    penalties = list(rng.uniform(0, 2, (int(rng.integers(3)), replicas)))
    best = best_replicas(validation, replicas, rule.reduce_proportion)
    value = fold_loss(rule, losses, penalties, best, figure=1.7)
    expected = slow_loss(rule, losses, penalties, best, 1.7)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert type(value) is float


@given(rule=rules, folds=st.lists(st.floats(0.1, 10), min_size=1, max_size=5))
def test_the_loss_of_a_trial_is_that_of_the_weighted_folds(
    rule: LossRule, folds: list[float]
) -> None:
    weights = np.arange(1.0, len(folds) + 1)
    value = trial_loss(rule, folds, weights)
    reduced = STATISTICS[rule.fold_statistic](np.array(folds) * weights)
    inverse = 1 / reduced if reduced else np.inf
    assert value == (inverse if rule.loss_type == "phi2" else reduced)


def test_statistics_reduce_one_axis_of_many() -> None:
    numbers = np.random.default_rng(0).uniform(size=(5, 3))
    for reduce in STATISTICS.values():
        np.testing.assert_array_equal(
            reduce(numbers, axis=-1), [reduce(row) for row in numbers], strict=True
        )


@pytest.mark.parametrize(
    ("value", "figures", "reason", "text"),
    [
        (1.0, (1.0, 0.1, 2.0), None, ""),
        (np.nan, (), "nan", "the loss (phi2) is nan"),
        (1.0, (np.inf, 0.1, 2.0), "nan", "chi2, phi2 or logp of the ensemble is not finite"),
        (0.01, (1.0, 0.1, 2.0), "threshold", "the loss (1/phi2) 100 is above 50"),
        (0.0, (), "threshold", "the loss (1/phi2) inf is above 50"),
    ],
)
def test_a_fold_fails_with_its_reason(
    value: float, figures: Any, reason: str | None, text: str
) -> None:
    failure = fold_failure(LossRule("phi2"), value, figures)
    assert failure == (None if reason is None else (reason, text))


@pytest.mark.parametrize(
    ("used", "counts"), [([], False), ([0, 0], False), ([1, 0], True), ([1, 0, 0], False)]
)
def test_half_of_the_replicas_have_to_be_usable(used: list[int], counts: bool) -> None:
    assert enough(np.array(used, dtype=bool)) is counts


def test_ensembles_are_of_all_replicas_where_no_validation_loss_is_known() -> None:
    for unknown in (None, np.full(3, np.nan)):
        assert best_replicas(unknown, 3, 0.5).tolist() == [0, 1, 2]
    assert set(ENSEMBLE_FIGURE) == set(LOSS_TYPES) - {"chi2"}
