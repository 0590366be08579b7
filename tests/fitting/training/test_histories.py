"""Lanes of models that stop at any epoch: the same bits as one lane that nobody leaves.

Only what the networks say is made up (`scripted`): loops, optimizer, stopping, lanes and batches
are those of a fit.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from n3hyper.fitting.backend import device_memory, tensorflow
from n3hyper.fitting.clock import Clock
from n3hyper.fitting.training import engine, stopping
from n3hyper.fitting.training.batches import Training
from n3hyper.fitting.training.trial import TrialModels
from tests.support.fitting_samples import make_trial, problem_of_modes, small_problem

tf = tensorflow()
CHUNK = 4
FOLDS = 2
NEVER = 99
"""An epoch that no training here comes to."""


def scripted(program, arrays, weights, epoch):
    """What a step computes, where a model meets a NaN in the epoch that its seed names.

    Its losses go up and down, so that some models run out of patience before.
    """
    seeds = arrays.dropout.seeds
    seed, now = tf.cast(seeds, weights.dtype)[:, None], tf.cast(epoch, weights.dtype)
    wave = tf.abs((seed * 0.37 + now * 0.61) % 2.0 - 1.0)
    end = tf.cast(seeds % 100, epoch.dtype)
    loss = 3.0 + wave[:, 0] - 0.02 * now + 0.1 * tf.reduce_mean(weights, axis=1)
    everywhere = tf.ones_like(end, tf.bool)
    judgement = stopping.Judgement(
        loss=loss,
        chi2=loss,
        training_chi2=2.0 * loss,
        positive=everywhere,
        finite=epoch - 1 < end,
    )
    return engine.Losses(0.1 * weights + wave, judgement)


def scripted_weights(trial):
    """Weights that a model has wherever it is trained; Keras' are slow to draw."""
    seeds = np.array(trial.seeds)
    return np.sin(np.outer(seeds, np.arange(1, trial.layout.architecture.size + 1)))


PROGRAMS: dict[engine.Program, engine.Compiled] = {}


@pytest.fixture(autouse=True)
def _scripted_engine(monkeypatch):
    if device_memory() is not None:
        pytest.skip("lanes are shortened on CPUs only")
    for module in ("batches", "curves"):
        monkeypatch.setattr(f"n3hyper.fitting.training.{module}.CHUNK", CHUNK)
    monkeypatch.setattr(engine, "evaluate", scripted)
    monkeypatch.setattr(TrialModels, "initial_weights", scripted_weights)
    # programs of other tests know the true networks
    monkeypatch.setattr(engine, "_PROGRAMS", PROGRAMS)


@cache
def trial_of(replicas, by_fold):
    """A trial whose models of a fold share its modes, and go together, or go alone."""
    make = problem_of_modes if by_fold else small_problem
    trial = make_trial(
        make(dis=(9, 7), hadronic=0, positivity=0, nx=8, folds=FOLDS, replicas=replicas),
        nodes_per_layer=[2, 8],
        activation_per_layer=["tanh", "linear"],
        optimizer={"optimizer_name": "Nadam", "learning_rate": 0.01, "clipnorm": 1.0},
    )
    assert (trial.inputs.units.shape[1] > 1) == by_fold
    return trial


HISTORIES = st.sampled_from([1, 2, 4, 5, 9]).flatmap(
    lambda replicas: st.lists(
        st.one_of(st.integers(0, CHUNK), st.integers(0, 3 * CHUNK + 1), st.just(NEVER)),
        min_size=FOLDS * replicas,
        max_size=FOLDS * replicas,
    )
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ends=HISTORIES,
    by_fold=st.booleans(),
    lanes=st.integers(1, 4),
    batch=st.sampled_from([4, 99, 99]),
    epochs=st.integers(1, 3 * CHUNK),
    patience=st.sampled_from([0.0, 0.4, 1.0]),
    compilation=st.sampled_from([0.0, 0.0, 1e9]),
)
@example(
    # the epochs are used up, and four models that are still active would fit into one lane
    ends=[0, 0, NEVER, NEVER] * FOLDS,
    by_fold=False,
    lanes=2,
    batch=99,
    epochs=CHUNK - 1,
    patience=1.0,
    compilation=0.0,
)
def test_any_history_gives_the_bits_of_one_lane(
    monkeypatch, ends, by_fold, lanes, batch, epochs, patience, compilation
):
    trial = trial_of(len(ends) // FOLDS, by_fold)
    times = replace(trial.settings, epochs=epochs, stopping_patience=patience)
    trial = replace(trial, settings=times)
    # numbers that are no epochs make models differ from one another
    seeds = tuple(100 * number + end for number, end in enumerate(ends, 1))
    vars(trial.inputs)["seeds"] = seeds
    expected = None
    for most, models, shortened in ((1, 99, False), (lanes, batch, True)):
        training = Training(trial.inputs, "float32")
        training.compilation = compilation
        with monkeypatch.context() as patch:
            patch.setattr("n3hyper.fitting.training.batches.lanes_at_most", lambda most=most: most)
            patch.setattr(
                "n3hyper.fitting.training.batches.largest_batch", lambda *_, models=models: models
            )
            if not shortened:
                patch.setattr(training, "without_stopped", lambda trial, lanes, *_: lanes)
            found = training.train(trial, Clock())
        expected = expected or found
    for field in ("weights", "nan", "best_epoch", "stop_epoch", "best_loss", "curves"):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field), field)
    assert found.epochs_run == expected.epochs_run
