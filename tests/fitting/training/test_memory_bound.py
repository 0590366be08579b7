"""Batches that are split where memory is short: the same bits, in less memory."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from n3hyper.errors import RuncardError
from n3hyper.fitting.backend import device_memory
from n3hyper.fitting.loss.likelihood import leaves, selected
from n3hyper.fitting.model_trainer import ModelTrainer
from n3hyper.fitting.training import memory
from n3hyper.fitting.training.trained import split
from n3hyper.system.memory import resident
from tests.support.fitting_samples import (
    arrays_of_step,
    assert_same_bits,
    make_trial,
    parameters,
    problem_of_modes,
    runcard,
    small_problem,
)

FOLDS, REPLICAS = 2, 10
EPOCHS = 110


@pytest.fixture(scope="module")
def problem():
    return small_problem(folds=FOLDS, replicas=REPLICAS)


@pytest.fixture(scope="module")
def modes():
    """Eigenmodes are split, and features stand for points."""
    problem = problem_of_modes(dis=(160, 110, 20), folds=FOLDS, replicas=REPLICAS)
    assert make_trial(problem).inputs.likelihood.features.size
    return problem


@pytest.fixture(scope="module")
def trial(problem):
    return make_trial(problem)


@pytest.fixture(scope="module")
def together(problem):
    return ModelTrainer(problem, runcard()).fit(parameters(epochs=EPOCHS))


def trainer_of_batches(problem, monkeypatch, size, **options):
    """A trainer that trains so many models at a time."""
    monkeypatch.setattr("n3hyper.fitting.training.batches.largest_batch", lambda *_: size)
    return ModelTrainer(problem, runcard(), **options)


@pytest.mark.parametrize(("size", "batches"), [(10, 2), (5, 4)])
def test_batches_give_the_same_bits(problem, together, monkeypatch, size, batches):
    assert together.batches == 1
    apart = trainer_of_batches(problem, monkeypatch, size).fit(parameters(epochs=EPOCHS))
    assert apart.batches == batches
    assert_same_bits(together, apart)


def test_batches_of_eigenmodes_give_the_same_bits(modes, monkeypatch):
    asked = parameters(epochs=EPOCHS)
    together = ModelTrainer(modes, runcard()).fit(asked)
    apart = trainer_of_batches(modes, monkeypatch, 7).fit(asked)
    assert (together.batches, apart.batches) == (1, 3)
    assert_same_bits(together, apart)


def test_a_bound_on_the_memory_splits(problem, together):
    apart = ModelTrainer(problem, runcard(), memory=1).fit(parameters(epochs=EPOCHS))
    assert apart.batches == FOLDS * REPLICAS // memory.SMALLEST
    assert_same_bits(together, apart)


def test_progress_says_which_batch(problem, monkeypatch):
    seen = []
    trainer = trainer_of_batches(problem, monkeypatch, 10, on_progress=seen.append)
    trainer.fit(parameters(epochs=EPOCHS, stopping_patience=1.0))
    assert [(progress.batch, progress.stage, progress.epoch) for progress in seen] == [
        (batch, stage, epoch)
        for batch in (1, 2)
        for stage, epoch in (("compile", 0), ("train", 100), ("train", EPOCHS))
    ]
    assert {progress.batches for progress in seen} == {2}


def test_a_hopeless_fold_ends_all_batches(problem, monkeypatch):
    """Models of the fold lie in two batches; those behind it are not trained."""
    data = problem.replica_data.copy()
    data[:, np.flatnonzero(~problem.folds[0].mask)] = np.nan
    broken = dataclasses.replace(problem, replica_data=data)
    seen = []
    trainer = trainer_of_batches(broken, monkeypatch, 5, on_progress=seen.append)
    fit = trainer.fit(parameters(epochs=3000))
    assert fit.nan[0].all()
    assert not fit.positivity_passed.any()
    assert max(progress.batch for progress in seen) == 2
    assert fit.epochs_run < 10


def test_want_of_memory_makes_batches_smaller(problem, together, monkeypatch):
    """What the machine cannot do at once it does in pieces; what is done stays done."""
    monkeypatch.setattr("n3hyper.fitting.training.batches.lanes_at_most", lambda: 1)
    trainer = ModelTrainer(problem, runcard())
    real, sizes = trainer.training.model_tensors, []

    def short_of_memory(models, keep):
        sizes.append(len(models))
        if len(models) > 5:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory while trying to allocate")
        return real(models, keep)

    monkeypatch.setattr(trainer.training, "model_tensors", short_of_memory)
    fit = trainer.fit(parameters(epochs=EPOCHS))
    assert sizes == [20, 10, 5, 5, 5, 5]
    assert_same_bits(together, fit)
    # the next trial knows
    assert trainer.training.batch_size(make_trial(problem)) == 5


def test_the_smallest_batch_that_lacks_memory_is_an_error(problem, monkeypatch):
    trainer = ModelTrainer(problem, runcard())

    def short_of_memory(models, keep):
        raise MemoryError

    monkeypatch.setattr(trainer.training, "model_tensors", short_of_memory)
    with pytest.raises(MemoryError):
        trainer.fit(parameters(epochs=EPOCHS))


def test_other_errors_are_not_taken_for_want_of_memory(problem, monkeypatch):
    trainer = ModelTrainer(problem, runcard())

    def broken(models, keep):
        raise RuntimeError("something else")

    monkeypatch.setattr(trainer.training, "model_tensors", broken)
    with pytest.raises(RuntimeError, match="something else"):
        trainer.fit(parameters(epochs=EPOCHS))


@pytest.mark.parametrize("kind", ["points", "features of eigenmodes", "eigenmodes"])
def test_arrays_of_some_models_are_those_of_all(problem, modes, kind):
    """Whether they are taken from those of all models or made alone."""
    models = np.array([3, 4, 11, 19])
    problems = {
        "points": problem,
        "features of eigenmodes": modes,
        "eigenmodes": problem_of_modes(folds=FOLDS, replicas=REPLICAS),
    }
    alone = make_trial(problems[kind]).inputs.arrays_of(models)
    inputs = make_trial(problems[kind]).inputs
    assert inputs.model_arrays
    assert inputs.keeps_arrays
    chosen = inputs.arrays_of(models)
    assert type(chosen) is type(alone)
    for expected, found in zip(leaves(alone), leaves(chosen), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_arrays_of_models_are_cut_to_a_part(trial):
    """Whatever grows with the number of models is an array of which some models have less."""
    part = trial.part(np.arange(4))
    for everyone, chosen in zip(
        leaves(arrays_of_step(trial)), leaves(arrays_of_step(part)), strict=True
    ):
        if np.ndim(everyone) and len(everyone) in (20, 40):
            assert len(chosen) * 5 == len(everyone)


def test_arrays_of_another_number_of_models_are_not_cut():
    with pytest.raises(ValueError, match="3 entries is not one of 4 models"):
        selected((np.zeros((8, 2)), (np.zeros(3),)), np.array([1, 2]), 4)


def test_batches_are_of_one_length():
    for models in range(1, 60):
        for size in range(1, 20):
            batches = split(np.arange(models)[:, None], size)
            assert len({len(batch) for batch in batches}) == 1
            assert len(batches[0]) <= size
            assert np.concatenate(batches)[:models].tolist() == list(range(models))


def test_estimate_grows_with_what_is_fitted(problem, trial):
    small = memory.model_bytes(trial, 4)
    assert memory.model_bytes(trial, 8) > small
    wide = make_trial(problem, nodes_per_layer=[100, 80, 8])
    assert memory.model_bytes(wide, 4) > small


def test_the_bound_counts_what_the_process_has(trial):
    needed, base = memory.model_bytes(trial, 4), resident() + memory.COMPILING
    assert memory.largest_batch(trial, 4, base + 300 * needed) == pytest.approx(300, abs=50)
    assert memory.largest_batch(trial, 4, base + 10**12, device=100 * needed) == 80
    assert memory.largest_batch(trial, 4, 1) == memory.SMALLEST


@pytest.mark.parametrize(
    ("changes", "hyperscan", "key"),
    [
        ({"nodes_per_layer": [10**30, 8]}, {}, "parameters.nodes_per_layer"),
        (
            {},
            {"parameters": [parameters(), parameters(nodes_per_layer=[10**6, 10**6, 8])]},
            "hyperscan_config.parameters[1].nodes_per_layer",
        ),
        (
            {},
            {"architecture": {"n_layers": [2, 3], "min_units": 5, "max_units": 10**6}},
            "hyperscan_config.architecture.max_units",
        ),
    ],
)
def test_networks_that_cannot_fit_name_the_key(changes, hyperscan, key):
    card = runcard(parameters=parameters(**changes), hyperscan=hyperscan, source="card.yml")
    with pytest.raises(RuncardError, match="too wide") as raised:
        memory.refuse_wide_networks(card, 2**32)
    assert (raised.value.key, raised.value.source) == (key, "card.yml")


def test_networks_that_fit_pass():
    ranges = {"architecture": {"n_layers": [2, 4], "min_units": 5, "max_units": 100}}
    memory.refuse_wide_networks(runcard(parameters=parameters(), hyperscan=ranges))


def test_without_a_gpu_there_is_no_device_memory():
    from n3hyper.fitting.backend import tensorflow

    if tensorflow().config.list_physical_devices("GPU"):
        assert device_memory() > 2**30
    else:
        assert device_memory() is None
