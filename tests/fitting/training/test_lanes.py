"""Models that train beside one another, one lane for each core."""

from __future__ import annotations

import numpy as np
import pytest

from n3hyper.fitting import backend
from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.fitting.result import Progress
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.training import engine
from n3hyper.fitting.training.batches import Training
from n3hyper.fitting.training.inputs import SharedArrays
from n3hyper.fitting.training.lanes import cut, each_alone, lanes_for
from n3hyper.fitting.training.trial import TrialModels
from n3hyper.system.cores import usable_cores
from tests.support.fitting_samples import (
    assert_same_bits,
    parameters,
    runcard,
    small_problem,
)

FOLDS, REPLICAS = 2, 10


@pytest.fixture(scope="module")
def problem():
    return small_problem(folds=FOLDS, replicas=REPLICAS)


def trainer_with(lanes, problem, monkeypatch, **options):
    monkeypatch.setattr("n3hyper.fitting.training.batches.lanes_at_most", lambda: lanes)
    return ModelTrainer(problem, runcard(), **options)


def test_lanes_change_no_bit(problem, monkeypatch):
    """Also where the last lane is filled up (7 models each), and models stop early."""
    fits, seen = [], {}
    for lanes in (1, 2, 3):
        seen[lanes] = []
        trainer = trainer_with(lanes, problem, monkeypatch, on_progress=seen[lanes].append)
        fits.append(trainer.fit(parameters(epochs=300, stopping_patience=0.1)))
    in_one_lane, *others = fits
    assert len(np.unique(in_one_lane.stop_epoch)) > 1
    for fit in others:
        assert fit.batches == 1
        assert_same_bits(in_one_lane, fit)
    # displays do not count those that fill up
    assert {progress.active for progress in (seen[1][0], seen[3][0])} == {FOLDS * REPLICAS}
    assert seen[1][1:] == seen[2][1:] == seen[3][1:]


@pytest.mark.parametrize("lanes", [1, 2])
def test_models_that_stop_are_left_behind(problem, monkeypatch, lanes):
    """As soon as it saves time, with the same bits."""
    asked = parameters(epochs=1500, stopping_patience=0.05)
    told: tuple[list[Progress], list[Progress]] = ([], [])
    unchanged = trainer_with(lanes, problem, monkeypatch, on_progress=told[0].append)
    monkeypatch.setattr(unchanged.training, "without_stopped", lambda trial, lanes, *_: lanes)
    expected = unchanged.fit(asked)
    seen = []
    trainer = trainer_with(lanes, problem, monkeypatch, on_progress=told[1].append)
    trainer.training.compilation = 0.0
    real = trainer.training.without_stopped

    def spy(*arguments):
        after = real(*arguments)
        seen.append(sum(len(lane.models) for lane in after.lanes))
        # what was measured here counts for nothing
        trainer.training.compilation = 0.0
        return after

    monkeypatch.setattr(trainer.training, "without_stopped", spy)
    found = trainer.fit(asked)
    assert min(seen) < FOLDS * REPLICAS / 2
    assert seen == sorted(seen, reverse=True)
    assert_same_bits(expected, found)
    # nor does a display show which models were left behind
    trains = [[each for each in part if each.stage == "train" and each.active] for part in told]
    assert trains[0] == trains[1]


def test_compilations_that_do_not_pay_are_left_out(problem, monkeypatch):
    shallow = {"nodes_per_layer": [12, 8], "activation_per_layer": ["tanh", "linear"]}
    asked = parameters(epochs=1500, stopping_patience=0.05, **shallow)
    monkeypatch.setattr(Training, "compile", lambda self, lanes: lanes.compile())
    compilations = []
    for expected in (1e9, 0.0):
        trainer = trainer_with(1, problem, monkeypatch)
        trainer.training.compilation = expected
        before = engine.compilations()
        trainer.fit(asked)
        compilations.append(engine.compilations() - before)
    assert compilations[0] == 1
    assert compilations[1] > 0


def test_errors_in_a_lane_are_raised(problem, monkeypatch):
    trainer = trainer_with(2, problem, monkeypatch)
    trial = TrialModels.of(trainer.inputs, FitSettings.from_params(parameters()))
    lanes = trainer.training.lanes(trial, np.arange(FOLDS * REPLICAS))
    lanes.compile()
    lanes.lanes[1].arrays = lanes.lanes[1].arrays._replace(update=())
    with pytest.raises(AttributeError, match="'tuple' object"):
        lanes.run(5)


@pytest.mark.parametrize("together", [1, 2, 3, 4, 6])
def test_models_of_a_unit_stay_together(together):
    for units in range(1, 40):
        models = np.arange(units * together).reshape(together, units).T.ravel()
        for most in range(1, 9):
            lanes = cut(models, together, most, 4)
            assert len(lanes) <= most
            assert len({len(lane) for lane in lanes}) == 1
            assert len(lanes) == 1 or len(lanes[0]) >= 4
            for lane in lanes:
                assert (np.bincount(lane % units, minlength=units) % together == 0).all()
            assert set(np.concatenate(lanes)) == set(models)


def test_small_batches_are_not_cut():
    """Below three models the bits would depend on the number."""
    assert [len(lane) for lane in cut(np.arange(7), 1, 8, 4)] == [7]
    assert [len(lane) for lane in cut(np.arange(8), 1, 8, 4)] == [4, 4]


def test_large_tables_are_read_once():
    small, large = np.zeros((2000, 300)), np.zeros((3000, 2000))
    assert lanes_for(SharedArrays((), (small, (small, small))), 4) == 4
    assert lanes_for(SharedArrays((), (small, (small, large))), 4) == 1


def test_there_are_as_many_lanes_as_threads(monkeypatch):
    if backend.tensorflow().config.list_physical_devices("GPU"):
        assert backend.lanes_at_most() == 1
        return
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    assert backend.lanes_at_most() == usable_cores()
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert backend.lanes_at_most() == 3


def test_few_models_with_large_tables_train_one_by_one(monkeypatch):
    """With the bits of each alone, on any number of cores."""
    problem = small_problem(folds=2, replicas=2)
    monkeypatch.setattr("n3hyper.fitting.training.lanes.LARGE_FOR_FEW", 0)
    asked = parameters(epochs=60)
    fits = []
    for cores in (1, 3):
        trainer = trainer_with(cores, problem, monkeypatch)
        assert trainer.training.alone
        trial = TrialModels.of(trainer.inputs, FitSettings.from_params(asked))
        lanes = trainer.training.lanes(trial, np.arange(4), idle=True).lanes
        assert [lane.models.tolist() for lane in lanes] == [[0], [1], [2], [3]]
        fits.append(trainer.fit(asked))
    assert_same_bits(*fits)
    together = trainer_with(1, problem, monkeypatch, few_alone=False)
    assert not together.training.alone
    # rounding grows with each epoch
    few_epochs = parameters(epochs=5)
    found, expected = trainer.fit(few_epochs), together.fit(few_epochs)
    np.testing.assert_allclose(found.training_chi2, expected.training_chi2, rtol=1e-4)
    np.testing.assert_array_equal(found.best_epoch, expected.best_epoch)


def test_many_models_do_not_train_one_by_one():
    large = SharedArrays((np.zeros(3_000_000),), ())
    assert [each_alone(large, models) for models in (1, 2, 7, 8)] == [False, True, True, False]
    assert not each_alone(SharedArrays((np.zeros(100),), ()), 4)
