"""The loss of a trial as pure functions: slow twins, and one owner for each number."""

from __future__ import annotations

import ast
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n3hyper.hyper_optimization import rewards
from n3hyper.hyper_optimization.loss import (
    LossRule,
    best_replicas,
    enough,
    fold_loss,
    trial_loss,
)
from n3hyper.physics.objectives import LOSS_TYPES, N3FIT41, STATISTICS
from n3hyper.runcard import parse_runcard
from n3hyper.runcard.model import KFold
from tests.support.runcard_samples import good_card

REFERENCE = Path(__file__).parents[1] / "data" / "reference" / "objective.json"
CASES = json.loads(REFERENCE.read_text())["trials"]
rules = st.builds(
    LossRule,
    loss_type=st.sampled_from(sorted(LOSS_TYPES)),
    replica_statistic=st.sampled_from(sorted(STATISTICS)),
    fold_statistic=st.sampled_from(sorted(STATISTICS)),
    penalties_in_loss=st.booleans(),
    reduce_proportion=st.floats(0.01, 1.0),
)


def test_defaults_are_those_of_runcards() -> None:
    kfold, rule = KFold(partitions=()), LossRule()
    for name in vars(rule):
        assert getattr(rule, name) == getattr(kfold, name)


@pytest.mark.parametrize(
    ("loss_type", "statistic", "proportion", "penalties"),
    [
        ("chi2", "average", 1.0, True),
        ("chi2", "average_best", 0.85, True),
        ("phi2", "average", 1.0, False),
        ("logp", "average", 1.0, True),
        ("chi2p", "average", 1.0, True),
        (N3FIT41, "average", 0.85, False),
    ],
)
def test_a_silent_runcard_has_the_defaults_of_its_loss(
    loss_type: str, statistic: str, proportion: float, penalties: bool
) -> None:
    card = good_card()
    card["kfold"].update(loss_type=loss_type, replica_statistic=statistic)
    for key in ("reduce_proportion", "penalties_in_loss"):
        del card["kfold"][key]
    parsed = parse_runcard(card).kfold
    assert parsed is not None
    rule = rewards.HyperLoss(loss_type, replica_statistic=statistic).rule
    for each in (parsed, rule):
        assert (each.reduce_proportion, each.penalties_in_loss) == (proportion, penalties)


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


def slow_statistic(name: str, values: Any) -> float:
    mean = sum(values) / len(values)
    if name == "best_worst":
        return max(values)
    if name == "std":
        return (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
    return mean


def slow_loss(
    rule: LossRule, losses: Any, penalties: Any, best: Any, figure: float, validation: Any
) -> float:
    """Replica by replica."""
    sums = [sum(each[r] for each in penalties) for r in range(len(losses))]
    if not rule.penalties_in_loss:
        sums = [0.0] * len(losses)
    values = [losses[r] + sums[r] for r in range(len(losses))]
    name = rule.replica_statistic
    if rule.loss_type == "chi2":
        counted = best if name == "average_best" else range(len(losses))
        return slow_statistic(name, [values[r] for r in counted])
    if rule.loss_type == N3FIT41:
        share = max(1, math.ceil((1.0 - rule.reduce_proportion) * len(losses)))
        excess = slow_statistic(name, sorted(values)[:share]) - 2
        return slow_statistic(name, [validation[r] for r in best]) + max(excess, 0)
    mean = sum(sums[r] for r in best) / len(best)
    return 1 / (1 / figure + mean) if rule.loss_type == "phi2" else figure + mean


@given(rule=rules, replicas=st.integers(1, 12), seed=st.integers(0, 1000))
def test_the_loss_of_a_fold_agrees_with_its_slow_twin(
    rule: LossRule, replicas: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    losses, validation = rng.uniform(0.5, 3, replicas), rng.uniform(0.5, 3, replicas)
    penalties = list(rng.uniform(0, 2, (int(rng.integers(3)), replicas)))
    best = best_replicas(validation, replicas, rule.reduce_proportion)
    value = fold_loss(rule, losses, penalties, best, 1.7, validation)
    expected = slow_loss(rule, losses, penalties, best, 1.7, validation)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert type(value) is float


@given(rule=rules, folds=st.lists(st.floats(0.1, 10), min_size=1, max_size=5))
def test_the_loss_of_a_trial_is_that_of_the_weighted_folds(
    rule: LossRule, folds: list[float]
) -> None:
    weights = np.arange(1.0, len(folds) + 1)
    fitted = np.linspace(0.9, 1.9, len(folds))
    value = trial_loss(rule, folds, weights, fitted)
    expected = STATISTICS[rule.fold_statistic](np.array(folds) * weights)
    if rule.loss_type == "phi2":
        expected = 1 / expected if expected else np.inf
    if rule.loss_type == N3FIT41:
        expected += 100 * max(fitted.mean() - 1.2, 0)
    assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["replicas"]))
def test_the_objective_of_n3fit_4_1_gives_its_numbers(case: dict[str, Any]) -> None:
    """Its term for fitted data is in float32, and an elu that lies 1e-8 below zero at most."""
    rule = LossRule(N3FIT41, case["replica_statistic"], "average", case["penalties_in_loss"], 0.85)
    folds = []
    for k, validation in enumerate(case["validation"]):
        best = best_replicas(validation, len(validation), rule.reduce_proportion)
        penalties = [np.array(values[k]) for values in case["penalties"].values()]
        losses = np.array(case["experimental"][k])
        folds.append(fold_loss(rule, losses, penalties, best, validation=validation))
    expected = case["losses"]["chi2"]
    np.testing.assert_allclose(folds, expected["folds"], rtol=1e-12)
    found = trial_loss(rule, folds, fitted=case["fitted"])
    assert found == pytest.approx(expected["trial"], rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["replicas"]))
def test_penalties_of_logp_are_those_of_n3fit(case: dict[str, Any]) -> None:
    """It takes their mean over all replicas, as is done here where all are in the ensemble."""
    rule = LossRule("logp", penalties_in_loss=case["penalties_in_loss"])
    everyone = np.arange(case["replicas"])
    for k, (logp, expected) in enumerate(
        zip(case["logp"], case["losses"]["logp"]["folds"], strict=True)
    ):
        penalties = [np.array(values[k]) for values in case["penalties"].values()]
        found = fold_loss(rule, np.zeros(everyone.size), penalties, everyone, logp)
        assert found == pytest.approx(expected, rel=1e-12)


def test_penalties_make_what_is_minimised_of_phi2_larger() -> None:
    rule = LossRule("phi2", penalties_in_loss=True)
    found = fold_loss(rule, np.zeros(2), [np.array([1.0, 2.0])], np.arange(2), figure=0.5)
    assert trial_loss(rule, [found]) == pytest.approx(1 / 0.5 + 1.5)


def test_n3fit41_has_no_number_without_what_it_is_made_of() -> None:
    rule = LossRule(N3FIT41)
    assert math.isnan(fold_loss(rule, np.ones(2), [], np.arange(2)))
    assert math.isnan(trial_loss(rule, [1.0]))


def test_statistics_reduce_one_axis_of_many() -> None:
    numbers = np.random.default_rng(0).uniform(size=(5, 3))
    for reduce in STATISTICS.values():
        np.testing.assert_array_equal(
            reduce(numbers, axis=-1), [reduce(row) for row in numbers], strict=True
        )


@pytest.mark.parametrize(
    ("used", "counts"), [([], False), ([0, 0], False), ([1, 0], True), ([1, 0, 0], False)]
)
def test_half_of_the_replicas_have_to_be_usable(used: list[int], counts: bool) -> None:
    assert enough(np.array(used, dtype=bool)) is counts


def test_ensembles_are_of_all_replicas_where_no_validation_loss_is_known() -> None:
    for unknown in (None, np.full(3, np.nan)):
        assert best_replicas(unknown, 3, 0.5).tolist() == [0, 1, 2]
