"""Parts of a loss, what replicas that do not count do to it, and failures that name a part."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from n3hyper.hyper_optimization.loss import LossRule, best_replicas, fold_loss, trial_loss
from n3hyper.hyper_optimization.scores.failures import fold_failure
from n3hyper.hyper_optimization.scores.loss_parts import (
    DROPPED,
    UNCOVERED,
    UNFITTED,
    VALIDATION,
    FoldNumbers,
    in_words,
    split,
    trial_parts,
    whole_fold_loss,
)
from n3hyper.physics.objectives import LOSS_TYPES, N3FIT41, STATISTICS

REPLICAS = 5
VALUES = st.lists(st.floats(0.1, 1e6), min_size=REPLICAS, max_size=REPLICAS).map(np.array)
MASKS = st.lists(st.booleans(), min_size=REPLICAS, max_size=REPLICAS).map(np.array)


def numbers(chi2: Any, penalty: Any, used: Any, known: Any = None) -> FoldNumbers:
    used = np.array(used, dtype=bool)
    known = np.ones_like(used) if known is None else np.array(known, dtype=bool)
    chi2 = np.array(chi2, dtype=float)
    return FoldNumbers(chi2, {"patience": np.array(penalty, dtype=float)}, chi2, used, known)


def alone(rule: LossRule, fold: FoldNumbers, which: Any) -> float:
    """The loss of a fold that has no other replicas than these."""
    best = best_replicas(fold.validation[which], int(which.sum()), rule.reduce_proportion)
    penalties = [values[which] for values in fold.penalties.values()]
    return fold_loss(rule, fold.losses[which], penalties, best)


@given(VALUES, VALUES, MASKS, MASKS, st.sampled_from(sorted(STATISTICS)), st.floats(0.3, 1.0))
def test_dropping_replicas_makes_no_loss_smaller(
    chi2: Any, penalty: Any, used: Any, known: Any, statistic: str, proportion: float
) -> None:
    used[0] = True
    known = known | used
    rule = LossRule("chi2", replica_statistic=statistic, reduce_proportion=proportion)
    fold = numbers(chi2, penalty, used, known)
    found = whole_fold_loss(rule, fold)
    assert sum(found.parts.values()) == pytest.approx(found.value)
    assert found.parts[DROPPED] >= -1e-9 * found.value
    for which in (used, known):
        assert found.value >= alone(rule, fold, which) * (1 - 1e-12)


def test_a_replica_without_numbers_is_as_bad_as_the_worst_and_as_the_threshold() -> None:
    rule = LossRule("chi2", threshold=20.0)
    chi2 = [1.0, 3.0, np.nan, 1.0]
    found = whole_fold_loss(rule, numbers(chi2, [0, 0, np.nan, 0], [1, 1, 0, 1], [1, 1, 0, 1]))
    assert found.value == pytest.approx((5.0 + 20.0) / 4)
    chi2 = [1.0, 50.0, np.nan, 1.0]
    found = whole_fold_loss(rule, numbers(chi2, [0, 0, np.nan, 0], [1, 1, 0, 1], [1, 1, 0, 1]))
    assert found.value == pytest.approx((52.0 + 50.0) / 4)


def test_the_best_replicas_alone_may_lose_the_others() -> None:
    rule = LossRule("chi2", replica_statistic="average_best", reduce_proportion=0.75)
    fold = numbers([1.0, 1.0, 1.0, np.nan], [0, 0, 0, np.nan], [1, 1, 1, 0], [1, 1, 1, 0])
    assert whole_fold_loss(rule, fold).parts == {"chi2": 1.0, "patience": 0.0, DROPPED: 0.0}
    one_more = numbers([1.0, 1.0, np.nan, np.nan], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0])
    assert whole_fold_loss(rule, one_more).parts[DROPPED] > 0


@given(
    st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4),
    st.builds(
        LossRule,
        st.sampled_from(sorted(LOSS_TYPES)),
        *[st.sampled_from(sorted(STATISTICS))] * 2,
        st.booleans(),
        st.floats(0.3, 1.0),
    ),
)
def test_the_parts_of_any_loss_add_up(values: Any, rule: LossRule) -> None:
    folds = []
    for chi2, penalty in values:
        fold = numbers(chi2, penalty, [1, 1, 1, 0, 1])
        folds.append(
            whole_fold_loss(rule, dataclasses.replace(fold, figure=2.0, figure_of_all=3.0))
        )
    fitted = np.linspace(1.0, 2.0, len(folds))
    loss = trial_loss(rule, [fold.value for fold in folds], 1.0, fitted)
    # the reciprocal of a standard deviation of zero is not finite, and has no parts
    assume(rule.loss_type != "phi2" or rule.fold_statistic != "std")
    parts = trial_parts(rule, [fold.parts for fold in folds], [1.0] * len(folds), fitted)
    assert sum(parts.values()) == pytest.approx(loss, rel=1e-6, abs=1e-6)


def test_the_parts_of_n3fits_objective() -> None:
    rule = LossRule(N3FIT41, penalties_in_loss=True, reduce_proportion=0.6)
    chi2, validation = np.array([2.0, 3.0, 4.0, 5.0, 9.0]), np.array([1.0, 1.2, 1.4, 3.0, 4.0])
    fold = FoldNumbers(
        chi2, {"patience": np.full(5, 0.25)}, validation, np.ones(5, bool), np.ones(5, bool)
    )
    parts = whole_fold_loss(rule, fold).parts
    assert parts == pytest.approx({VALIDATION: 1.2, UNCOVERED: 0.5, "patience": 0.25, DROPPED: 0.0})
    assert trial_parts(rule, [parts], [1.0], [1.25])[UNFITTED] == pytest.approx(5.0)
    failure = fold_failure(LossRule(N3FIT41, threshold=1.0), parts, {})
    assert failure is not None
    assert "the validation chi2 is 1.20: it takes the loss to 1.95" in failure.text


@given(VALUES, VALUES, st.sampled_from(sorted(STATISTICS)))
def test_the_parts_of_any_statistic_add_up(one: Any, other: Any, statistic: str) -> None:
    parts = split(statistic, {"chi2": one, "patience": other})
    whole = STATISTICS[statistic](one + other)
    assert sum(parts.values()) == pytest.approx(whole, abs=1e-6)


def test_a_penalty_that_ran_away_hides_no_other_part() -> None:
    folds = [{"chi2": 1.15, "integrability": 1.3e21, "patience": 2.0}]
    assert trial_parts(LossRule("chi2"), folds, [1.0]) == folds[0]


@pytest.mark.parametrize(
    ("parts", "figures", "reason", "quantity", "text"),
    [
        ({"1/phi2": 1.0}, {"chi2": 1.0}, None, "", ""),
        ({"1/phi2": np.nan}, {}, "nan", "1/phi2", "1/phi2 in the loss is nan"),
        ({"1/phi2": 1.0}, {"logp": np.inf}, "nan", "logp", "logp of the ensemble"),
        ({"1/phi2": 100.0}, {}, "threshold", "1/phi2", "is 100, above kfold.threshold 50"),
        ({"1/phi2": 1.0, DROPPED: 99.0}, {}, "threshold", DROPPED, "that do not count add 99.0"),
    ],
)
def test_a_fold_fails_with_its_reason(
    parts: Any, figures: Any, reason: str | None, quantity: str, text: str
) -> None:
    failure = fold_failure(LossRule("phi2"), parts, figures)
    if reason is None:
        assert failure is None
        return
    assert failure is not None
    assert (failure.reason, failure.quantity) == (reason, quantity)
    assert text in failure.text


def test_parts_in_words() -> None:
    assert in_words({"logp": -1.5, "patience": 0.0, "saturation": -0.25}) == (
        "logp -1.50 - saturation 0.250"
    )
