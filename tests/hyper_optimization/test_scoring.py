"""Scores of a trial: what stands in its record, which replicas count, how it fails."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from n3hyper.data.problem import Fold
from n3hyper.errors import RuncardError
from n3hyper.hyper_optimization.record import FOLD_SCORES, REPLICA_SCORES, finished_state
from n3hyper.hyper_optimization.rewards import fit_distance
from n3hyper.hyper_optimization.scores.metrics import compute_hyperopt_metrics
from n3hyper.hyper_optimization.scores.scoring import make_scorer, refuse_too_few_replicas
from n3hyper.runcard.model import KFold, Partition
from tests.support.synthetic import synthetic_problem
from tests.support.toy_trainer import ToyPDF, toy_fit

FOLDS, REPLICAS = 3, 4
PROBLEM = synthetic_problem(folds=FOLDS, replicas=REPLICAS)
SCALES = 1.0 + 0.02 * np.arange(1.0, 13.0).reshape(FOLDS, REPLICAS)


def kfold(**changes: Any) -> KFold:
    options: dict[str, Any] = {"threshold": 1e9, "reduce_proportion": 1.0, **changes}
    return KFold(partitions=tuple(Partition(f.datasets) for f in PROBLEM.folds), **options)


def score(fit: Any = None, problem: Any = PROBLEM, **changes: Any) -> dict[str, Any]:
    return make_scorer(problem, kfold(**changes))(toy_fit(PROBLEM, SCALES) if fit is None else fit)


def test_the_record_has_all_that_is_promised() -> None:
    penalties = ("saturation", "patience", "integrability")
    result = score(penalties=penalties)
    meta = result["kfold_meta"]
    for name in REPLICA_SCORES:
        assert np.shape(meta[name]) == (FOLDS, REPLICAS)
    for name in FOLD_SCORES:
        assert np.shape(meta[name]) == (FOLDS,)
    for values in meta["penalties"].values():
        assert np.shape(values) == (FOLDS, REPLICAS)
    assert set(meta["penalties"]) == set(penalties)
    assert (result["status"], finished_state(result)) == ("ok", 2)
    assert {"seconds", "epochs_run", "version", "validation_loss", "experimental_loss"} <= set(
        result
    )
    json.dumps(result, allow_nan=False)


def test_the_loss_is_the_average_of_the_held_out_chi2() -> None:
    fit = toy_fit(PROBLEM, SCALES)
    assert score(fit)["loss"] == pytest.approx(fit.experimental_chi2.mean())
    worst = score(fit, fold_statistic="best_worst", replica_statistic="std")["loss"]
    assert worst == pytest.approx(fit.experimental_chi2.std(axis=1).max())


def test_penalties_are_in_the_loss_and_not_in_the_scores() -> None:
    with_them, without = (
        score(penalties=("patience", "integrability"), penalties_in_loss=inside)
        for inside in (True, False)
    )
    added = sum(np.array(each) for each in with_them["kfold_meta"]["penalties"].values())
    assert with_them["loss"] - without["loss"] == pytest.approx(added.mean())
    for result in (with_them, without):
        result["kfold_meta"].pop("fold_losses")
        result["kfold_meta"].pop("fold_parts")
    assert with_them["kfold_meta"] == without["kfold_meta"]


@pytest.mark.parametrize("loss_type", ["phi2", "logp", "chi2p"])
def test_metrics_are_those_of_the_folds(loss_type: str) -> None:
    fit = toy_fit(PROBLEM, SCALES)
    result = score(fit, loss_type=loss_type)
    meta = result["kfold_meta"]
    for number, fold in enumerate(PROBLEM.folds):
        predictions = fit.predictions[number][:, : PROBLEM.ndata]
        for mask, prefix in ((fold.mask, "hyper_losses"), (~fold.mask, "trvl_losses")):
            expected = compute_hyperopt_metrics(
                predictions[:, mask], PROBLEM.central[mask], PROBLEM.exp_covariance.masked(mask)
            )
            for name in ("chi2", "phi2", "logp"):
                value = meta[f"{prefix}_{name}"][number]
                assert value == pytest.approx(getattr(expected, name))
        assert meta["trvl_losses_chi2exp"][number] == pytest.approx(expected.chi2exp)
    name = {"chi2p": "chi2"}.get(loss_type, loss_type)
    mean = np.mean(meta[f"hyper_losses_{name}"])
    assert result["loss"] == pytest.approx(1 / mean if loss_type == "phi2" else mean)


def test_the_best_replicas_make_the_ensemble() -> None:
    scales = SCALES.copy()
    scales[:, 2] = 4.0
    fit = toy_fit(PROBLEM, scales)
    best = score(fit, reduce_proportion=0.75, replica_statistic="average_best")
    others = score(toy_fit(PROBLEM, scales[:, [0, 1, 3]]))
    assert best["loss"] == pytest.approx(others["loss"])
    for name in ("hyper_losses_chi2", "hyper_losses_phi2", "hyper_losses_logp"):
        assert best["kfold_meta"][name] == pytest.approx(others["kfold_meta"][name])


def test_the_threshold_is_judged_in_the_order_of_folds() -> None:
    fit = toy_fit(PROBLEM, SCALES)
    losses = fit.experimental_chi2.mean(axis=1)
    limit = float(np.sort(losses)[0]) + 1e-9
    first = int(np.flatnonzero(losses > limit)[0])
    result = score(fit, threshold=limit)
    assert (result["status"], result["loss"]) == ("fail", None)
    assert result["failure"]["reason"] == "threshold"
    assert result["failure"]["text"].startswith(f"fold {first + 1}:")
    assert np.isfinite(result["kfold_meta"]["hyper_losses_chi2"]).all()
    assert finished_state(result) == 2


def test_the_threshold_of_phi2_is_for_its_reciprocal() -> None:
    """A wide spread on the data left out is what phi2 asks for, and must not fail."""
    wide = toy_fit(PROBLEM, 1.0 + 0.2 * (np.arange(12.0).reshape(3, 4) - 5.3))
    narrow = toy_fit(PROBLEM, 1.0 + 1e-6 * np.arange(12.0).reshape(3, 4))
    assert score(wide, loss_type="phi2", threshold=10.0)["status"] == "ok"
    failed = score(narrow, loss_type="phi2", threshold=10.0)
    assert failed["failure"]["reason"] == "threshold"
    assert "1/phi2" in failed["failure"]["text"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"loss_type": "phi2"}, "phi2"), ({"replica_statistic": "std"}, "std over replicas")],
)
def test_a_spread_of_one_replica_is_no_loss(changes: dict[str, Any], what: str) -> None:
    failure = score(toy_fit(PROBLEM, SCALES[:, :1]), **changes)["failure"]
    assert failure["reason"] == "replicas"
    assert failure["text"].startswith(f"fold 1: {what} needs 2 usable replicas, and 1 of 1 is")
    assert (failure["value"], failure["limit"], failure["fold"]) == (1, 2, 1)


def test_a_scan_of_a_spread_of_one_replica_is_refused() -> None:
    for changes in ({"loss_type": "phi2"}, {"replica_statistic": "std"}):
        refuse_too_few_replicas(kfold(**changes), 2)
        (key,) = changes
        with pytest.raises(RuncardError, match=rf"kfold\.{key}.*: -r 2"):
            refuse_too_few_replicas(kfold(**changes), 1)
    refuse_too_few_replicas(kfold(), 1)


def test_phi2_of_fewer_than_two_replicas_is_absent() -> None:
    alone = score(toy_fit(PROBLEM, SCALES[:, :1]))
    assert (alone["status"], finished_state(alone)) == ("ok", 2)
    meta = alone["kfold_meta"]
    assert (meta["hyper_losses_phi2"], meta["phi2_folds"]) == ([], [None] * FOLDS)
    assert meta["trvl_losses_phi2"] == []
    pairs = toy_fit(PROBLEM, SCALES[:, :2])
    passed = pairs.positivity_passed.copy()
    passed[1, 0] = False
    meta = score(replace(pairs, positivity_passed=passed))["kfold_meta"]
    assert meta["hyper_losses_phi2"] == []
    assert [value is None for value in meta["phi2_folds"]] == [False, True, False]
    # what NNPDF's program makes of it: no error, and no number
    with pytest.warns(RuntimeWarning):
        assert np.isnan(np.array(meta["hyper_losses_phi2"]).mean())


def with_some(kind: str, which: tuple[Any, Any]) -> Any:
    """A fit of which the replicas `which` are not usable."""
    fit = toy_fit(PROBLEM, SCALES)
    if kind in ("positivity", "threshold_chi2"):
        passed = fit.positivity_passed.copy()
        passed[which] = False
        limit = np.inf if kind == "positivity" else 0.05
        return replace(fit, positivity_passed=passed, threshold_chi2=limit)
    changes = {}
    for name in ("predictions", "experimental_chi2", "validation_chi2", "training_chi2"):
        values = getattr(fit, name).copy()
        values[which] = np.nan
        changes[name] = values
    nan = fit.nan.copy()
    nan[which] = True
    return replace(fit, nan=nan, **changes)


@pytest.mark.parametrize("kind", ["positivity", "nan"])
def test_some_replicas_may_fail_and_make_nothing_better(kind: str) -> None:
    fit = with_some(kind, (1, slice(0, 2)))
    result = score(fit, penalties=("saturation",), penalties_in_loss=False)
    used = np.array(result["kfold_meta"]["replicas_used"])
    assert result["status"] == "ok"
    assert used.sum() == 10
    assert not used[1, :2].any()
    good = toy_fit(PROBLEM, SCALES)
    chi2 = good.experimental_chi2
    folds = [np.mean(values[mask]) for values, mask in zip(chi2, used, strict=True)]
    if kind == "positivity":  # their last weights count where these are worse
        folds[1] = max(folds[1], np.mean(chi2[1]))
    else:  # without numbers a replica counts as a fold that fails
        folds[1] = (folds[1] + 1e9) / 2
    assert result["loss"] == pytest.approx(np.mean(folds))
    assert result["loss"] >= score(good, penalties=("saturation",), penalties_in_loss=False)["loss"]
    dropped = result["kfold_meta"]["fold_parts"]["dropped"]
    assert dropped[1] == pytest.approx(folds[1] - chi2[1][used[1]].mean())
    assert dropped[0] == dropped[2] == 0
    saturation = result["kfold_meta"]["penalties"]["saturation"][1][:2]
    assert all((value is None) == (kind == "nan") for value in saturation)
    mean = good.experimental_chi2[used].mean()
    assert result["experimental_loss"] == pytest.approx(mean)
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("kind", ["positivity", "threshold_chi2", "nan"])
@pytest.mark.parametrize("replicas", [slice(0, 3), slice(None)], ids=["most", "all"])
def test_a_fold_with_too_few_replicas_fails(kind: str, replicas: slice) -> None:
    result = score(with_some(kind, (1, replicas)), penalties=("patience",))
    assert (result["status"], result["loss"]) == ("fail", None)
    assert result["failure"]["reason"] == kind
    assert result["failure"]["text"].startswith("fold 2:")
    json.dumps(result, allow_nan=False)
    complete = not (kind == "nan" and replicas == slice(None))
    assert finished_state(result) == (2 if complete else 3)


def test_a_failure_for_threshold_chi2_says_value_and_limit() -> None:
    fit = with_some("threshold_chi2", (slice(None), slice(None)))
    lowest = f"{fit.validation_chi2[0].min():.6g}"
    assert score(fit)["failure"]["text"] == (
        f"fold 1: 0 of 4 replicas can be used; 4 with a validation chi2 of {lowest} or more at "
        "the end, which is not below parameters.threshold_chi2 0.05"
    )
    failure = score(fit)["failure"]
    assert (failure["quantity"], failure["key"]) == (
        "validation chi2",
        "parameters.threshold_chi2",
    )
    assert failure["value"] == pytest.approx(fit.validation_chi2[0].min())
    assert (failure["limit"], failure["fold"]) == (0.05, 1)
    # the last weights of one are good enough: it is positivity that it has not passed
    chi2 = fit.validation_chi2.copy()
    chi2[0, 1] = 0.01
    failure = score(replace(fit, validation_chi2=chi2))["failure"]
    assert failure["reason"] == "threshold_chi2"
    assert failure["text"].endswith("; 1 without an epoch that passed positivity")


def test_without_positivity_sets_nothing_fails_for_positivity() -> None:
    """Rounding may take the last chi2 to the other side of threshold_chi2."""
    problem = replace(PROBLEM, positivity=())
    fit = with_some("threshold_chi2", (slice(None), slice(None)))
    fit = replace(fit, threshold_chi2=float(fit.validation_chi2.max()) + 1e-9)
    assert score(fit, problem=problem)["failure"]["reason"] == "threshold_chi2"


def test_a_failure_for_positivity_says_which_set() -> None:
    fit = with_some("positivity", (1, slice(0, 3)))
    sets = len(PROBLEM.positivity)
    losses = np.zeros((FOLDS, REPLICAS, sets))
    losses[1, 2, sets - 1] = 0.25
    fit = replace(fit, positivity_losses=losses, threshold_positivity=1e-6)
    failure = score(fit)["failure"]
    assert failure["quantity"] == f"positivity of {PROBLEM.positivity[-1].name}"
    assert (failure["value"], failure["limit"]) == (0.25, 1e-6)
    assert failure["key"] == "parameters.positivity.threshold"
    assert "up to 0.25, not below parameters.positivity.threshold 1e-06" in failure["text"]


def test_the_threshold_names_the_part_of_the_loss_that_decided() -> None:
    """A good chi2 with a penalty that ran away."""
    fit = toy_fit(PROBLEM, SCALES)
    failure = score(fit, penalties=("integrability",), threshold=40.0)["failure"]
    assert (failure["reason"], failure["quantity"]) == ("threshold", "integrability")
    assert failure["value"] > failure["limit"] == 40.0
    assert failure["key"] == "kfold.threshold"
    assert failure["text"].startswith("fold 1: the penalty integrability is ")


@pytest.mark.parametrize("loss_type", ["chi2", "phi2", "logp", "chi2p"])
@pytest.mark.parametrize("fold_statistic", ["average", "best_worst", "std"])
@pytest.mark.parametrize("replica_statistic", ["average", "best_worst", "std", "average_best"])
def test_a_loss_is_the_sum_of_its_parts(
    loss_type: str, fold_statistic: str, replica_statistic: str
) -> None:
    result = score(
        with_some("positivity", (1, 0)),
        penalties=("patience", "saturation"),
        loss_type=loss_type,
        fold_statistic=fold_statistic,
        replica_statistic=replica_statistic,
    )
    assert sum(result["loss_parts"].values()) == pytest.approx(result["loss"])
    meta = result["kfold_meta"]
    losses = np.array(meta["fold_losses"])
    of_folds = np.sum(list(meta["fold_parts"].values()), axis=0)
    assert of_folds == pytest.approx(1 / losses if loss_type == "phi2" else losses)


@pytest.mark.parametrize("loss_type", ["chi2", "phi2"])
def test_parts_of_folds_have_their_weights(loss_type: str) -> None:
    folds = tuple(
        replace(fold, weight=weight)
        for fold, weight in zip(PROBLEM.folds, (1.0, 2.0, 0.5), strict=True)
    )
    result = score(
        problem=replace(PROBLEM, folds=folds), loss_type=loss_type, penalties=("patience",)
    )
    assert sum(result["loss_parts"].values()) == pytest.approx(result["loss"])
    meta = result["kfold_meta"]
    losses = np.array(meta["fold_losses"])
    of_folds = np.sum(list(meta["fold_parts"].values()), axis=0)
    assert of_folds == pytest.approx(1 / losses if loss_type == "phi2" else losses)


def test_a_batch_of_nan_is_a_failure_and_nothing_worse() -> None:
    result = score(with_some("nan", (slice(None), slice(None))), penalties=("saturation",))
    assert result["failure"]["reason"] == "nan"
    assert result["validation_loss"] is None


def test_folds_have_weights() -> None:
    fit = toy_fit(PROBLEM, SCALES)
    folds = tuple(
        replace(fold, weight=weight)
        for fold, weight in zip(PROBLEM.folds, (1.0, 2.0, 0.0), strict=True)
    )
    result = score(fit, problem=replace(PROBLEM, folds=folds))
    losses = fit.experimental_chi2.mean(axis=1)
    assert result["loss"] == pytest.approx((losses[0] + 2 * losses[1]) / 3)


def test_fit_distance_looks_at_the_fits() -> None:
    fit = toy_fit(PROBLEM, SCALES)
    expected = fit_distance([ToyPDF(row) for row in SCALES])
    assert score(fit, fold_statistic="fit_distance")["loss"] == pytest.approx(expected)


def test_fit_future_tests_ends_with_the_complete_fit() -> None:
    nothing = Fold((), np.zeros(PROBLEM.ndata, dtype=bool))
    problem = replace(PROBLEM, folds=(*PROBLEM.folds[:2], nothing))
    fit = toy_fit(PROBLEM, SCALES)
    result = make_scorer(problem, kfold(fold_statistic="fit_future_tests"))(fit)
    total = 0.0
    for number, fold in enumerate(PROBLEM.folds[:2]):
        central, covariance = PROBLEM.central[fold.mask], PROBLEM.exp_covariance.masked(fold.mask)
        future, last = (
            compute_hyperopt_metrics(
                fit.predictions[each][:, : PROBLEM.ndata][:, fold.mask], central, covariance
            )
            for each in (number, 2)
        )
        total += abs(last.chi2exp - future.chi2) * central.size
    assert result["loss"] == pytest.approx(total)


def test_scoring_is_the_same_the_second_time() -> None:
    scorer = make_scorer(PROBLEM, kfold(penalties=("saturation",)))
    fit = toy_fit(PROBLEM, SCALES)
    once = scorer(fit)
    scorer(toy_fit(PROBLEM, SCALES * 1.5))
    assert scorer(fit) == once
