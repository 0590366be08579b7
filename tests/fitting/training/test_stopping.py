"""The stopping of a batch against one model at a time in plain Python (n3fit's rules)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.training import stopping

tf = tensorflow()
POINTS = 20


class Twin:
    """Stopping of one model."""

    def __init__(self, epochs, patience, delta, threshold):
        self.patience, self.delta, self.threshold = patience, delta, threshold
        self.best_loss, self.best_epoch, self.best_weight = 1e9, -1, 0.0
        self.counting = self.stopped = self.nan = False
        self.waited, self.stop_epoch = 0, epochs - 1

    def observe(self, epoch, weight, loss, positive):
        if self.stopped:
            return
        if math.isnan(loss):
            self.stopped = self.nan = True
            self.stop_epoch = epoch
            return
        if self.counting:
            self.waited += 1
        allowed = self.counting or loss / POINTS < self.threshold
        if allowed and positive and loss < min(self.best_loss, self.best_loss - self.delta):
            self.best_loss, self.best_epoch, self.best_weight = loss, epoch, weight
            self.counting, self.waited = True, 0
        if self.counting and self.waited > self.patience:
            self.stopped, self.stop_epoch = True, epoch


def run_batch(losses, positive, weights, patience, delta, threshold):
    rules = stopping.StoppingArrays(
        threshold_chi2=tf.constant(threshold, tf.float64),
        delta=tf.constant(delta, tf.float64),
        patience=tf.constant(patience, tf.int32),
    )
    models, epochs = losses.shape
    monitor = stopping.start(tf.zeros((models, 1), tf.float64), tf.constant(epochs))
    # before the first epoch nothing counts
    first = stopping.Judgement(
        *(
            tf.constant(value)
            for value in (
                losses[:, 0] * 0.0,
                losses[:, 0] * 0.0,
                positive[:, 0] | True,
                positive[:, 0] | True,
                losses[:, 0] * 0.0,
            )
        )
    )
    monitor = stopping.observe(
        monitor, rules, tf.constant(-1), tf.ones((models, 1), tf.float64), first
    )
    for epoch in range(epochs):
        result = stopping.Judgement(
            loss=tf.constant(losses[:, epoch]),
            chi2=tf.constant(losses[:, epoch] / POINTS),
            positive=tf.constant(positive[:, epoch]),
            finite=tf.constant(~np.isnan(losses[:, epoch])),
            training_chi2=tf.constant(losses[:, epoch] / POINTS),
        )
        monitor = stopping.observe(
            monitor, rules, tf.constant(epoch), tf.constant(weights[:, epoch, None]), result
        )
    return monitor


@pytest.mark.parametrize("patience", [0, 3, 11])
@pytest.mark.parametrize("delta", [0.0, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_batch_stops_as_its_models_do(seed, delta, patience):
    rng = np.random.default_rng(seed)
    models, epochs, threshold = 7, 60, 4.0
    trend = 200.0 * np.exp(-np.arange(epochs) / rng.uniform(5, 40, size=(models, 1)))
    losses = trend + 15.0 * rng.uniform(size=(models, epochs))
    losses[0, 25:] = np.nan
    losses[1, 2:] = np.nan
    positive = rng.uniform(size=(models, epochs)) < 0.7
    positive[2] = False
    weights = rng.normal(size=(models, epochs))
    monitor = run_batch(losses, positive, weights, patience, delta, threshold)
    for model in range(models):
        twin = Twin(epochs, patience, delta, threshold)
        for epoch in range(epochs):
            twin.observe(
                epoch, weights[model, epoch], losses[model, epoch], bool(positive[model, epoch])
            )
        assert int(monitor.best_epoch[model]) == twin.best_epoch
        assert int(monitor.stop_epoch[model]) == twin.stop_epoch
        assert bool(monitor.active[model]) == (not twin.stopped)
        assert bool(monitor.nan[model]) == twin.nan
        assert float(monitor.best_loss[model]) == twin.best_loss
        assert float(monitor.best_weights[model, 0]) == twin.best_weight


def test_waiting_starts_with_the_first_best_epoch():
    losses = np.array([[90.0] * 10 + [30.0] + [40.0] * 10])
    everything = np.ones_like(losses, dtype=bool)
    monitor = run_batch(losses, everything, losses, patience=4, delta=0.0, threshold=2.0)
    assert (int(monitor.best_epoch[0]), int(monitor.stop_epoch[0])) == (10, 15)
