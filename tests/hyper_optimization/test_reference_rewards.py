"""Rewards against numbers that n3fit 4.1.5 and validphys computed, on real data and tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from n3hyper.data.covariance import build_covariance
from n3hyper.hyper_optimization.rewards import HyperLoss, fit_distance, future_test_loss
from n3hyper.hyper_optimization.scores.metrics import ExperimentalData
from n3hyper.physics.chi2 import chi2_per_replica, phi2
from n3hyper.theory.stack import TheoryStack
from tests.support.reference_cases import ReferenceCase

FOLDS = (0, 1)
NO_THEORY = TheoryStack(np.array([0.1]), None, (), (), 0)


def data_of(case: ReferenceCase, fold: int) -> ExperimentalData:
    """What a fold leaves out; predictions are given."""
    sets = case.datasets[2 * fold : 2 * fold + 2]
    central = np.concatenate([cd.central for cd in sets])
    mask = np.ones(central.size, dtype=bool)
    return ExperimentalData(NO_THEORY, mask, central, build_covariance(sets))


def stored(case: ReferenceCase, fold: int) -> tuple[dict[str, Any], np.ndarray, ExperimentalData]:
    """n3fit's numbers of a fold, the predictions (replicas, n), the data."""
    predictions = case.numbers[f"fold_{fold}_fit_{fold}"]
    return case.record["folds"][fold], predictions, data_of(case, fold)


@pytest.mark.parametrize("fold", FOLDS)
def test_phi2_and_chi2_are_those_of_validphys(rewards_case: ReferenceCase, fold: int) -> None:
    entry, predictions, data = stored(rewards_case, fold)
    expected = entry["validphys"]
    # calc_phi gives phi, and so does what n3fit calls phi2
    found = phi2(predictions, data.central, data.covariance)
    assert found == pytest.approx(expected["phi"] ** 2, rel=1e-8)
    assert found == pytest.approx(entry["fit"]["phi2"] ** 2, rel=1e-8)
    replicas = chi2_per_replica(predictions, data.central, data.covariance)
    np.testing.assert_allclose(replicas, expected["chi2_of_replicas"], rtol=1e-9)
    mean = data.metrics(predictions).chi2exp
    assert mean == pytest.approx(expected["chi2_of_mean"], rel=1e-9)


@pytest.mark.parametrize(
    ("fold", "loss_type"), [(0, "phi2"), (1, "phi2"), (1, "chi2p"), (1, "logp")]
)
def test_the_loss_of_a_fold_is_that_of_n3fit(
    rewards_case: ReferenceCase, fold: int, loss_type: str
) -> None:
    """Without penalties, which n3fit adds to phi2 as well; of the best 75 % of the replicas.

    Fold 0 has a W asymmetry, whose central prediction n3fit takes from the mean PDF: with random
    PDFs another number than the mean prediction. `tests/data/test_covariance.py` has that case.
    """
    entry, predictions, data = stored(rewards_case, fold)
    record = rewards_case.record
    hyper = HyperLoss(loss_type, reduce_proportion=record["reduce_proportion"])
    loss = hyper.compute_loss(
        {},
        np.ones(len(predictions)),
        experimental_data=data,
        validation_loss=record["validation"][fold],
        predictions=predictions,
    )
    power = 2 if loss_type == "phi2" else 1
    assert loss == pytest.approx(entry["losses"][loss_type] ** power, rel=1e-8)
    assert hyper.hyper_phi2_vector[0] == pytest.approx(entry["vectors"]["phi2"] ** 2, rel=1e-8)


def test_future_tests_are_sums_of_n3fits_chi2(rewards_case: ReferenceCase) -> None:
    """|chi2 of the last fit - chi2 of the fold with the covariance of its PDFs|, not per point."""
    entry, predictions, data = stored(rewards_case, 1)
    last = rewards_case.numbers["fold_1_fit_2"]
    expected = data.central.size * abs(entry["last_fit"]["chi2exp"] - entry["fit"]["chi2"])
    assert future_test_loss([predictions], [last], [data]) == pytest.approx(expected, rel=1e-7)


def test_fit_distance_is_the_largest_of_validphys(rewards_case: ReferenceCase) -> None:
    """n3fit 4.1.5's own function ends with an AttributeError; this is what it means to do."""
    # the stored PDFs are in the order of validphys' own evolution basis
    order = [
        "Sigma",
        "V",
        "T3",
        "V3",
        "T8",
        "V8",
        "T15",
        "V15",
        "T24",
        "V24",
        "T35",
        "V35",
        "g",
        "photon",
    ]
    ours = [
        "photon",
        "Sigma",
        "g",
        "V",
        "V3",
        "V8",
        "V15",
        "V24",
        "V35",
        "T3",
        "T8",
        "T15",
        "T24",
        "T35",
    ]
    pdfs = rewards_case.numbers["pdf"][..., [order.index(name) for name in ours]]
    # (fit, replica, node, flavour) to the (1, node, flavour, replica) of a PDF model
    models = [lambda x, pdf=pdf: np.moveaxis(pdf, 0, -1)[None] for pdf in pdfs]
    assert fit_distance(models) == pytest.approx(rewards_case.record["distance"], rel=1e-5)
