"""Stopping of each model, and its best weights; in TensorFlow, without branches.

The rules are n3fit's. An epoch is better than the best one if its validation loss is lower (by
`delta` at least), all positivity losses are below their threshold, and the validation chi2 per
point is below a threshold or has been so in an earlier best epoch. From the first best epoch on a
model counts the epochs since the best one, and it stops when they are more than the patience.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from n3hyper.fitting.backend import Tensor, tensorflow

INITIAL_LOSS: Final = 1e9
"""A validation loss above it is never the best one."""


class StoppingArrays(NamedTuple):
    """Numbers of the rules, each a scalar."""

    threshold_chi2: Tensor
    delta: Tensor
    patience: Tensor
    """int32, in epochs."""


class Monitor(NamedTuple):
    """State of the stopping of all models."""

    active: Tensor
    """(m,) bool: whether it trains."""
    nan: Tensor
    """(m,) bool: stopped by a number that is not finite."""
    counting: Tensor
    """(m,) bool: whether it had a best epoch and has not stopped."""
    waited: Tensor
    """(m,) int32: epochs since the best one."""
    best_epoch: Tensor
    """(m,) int32: -1 before the first."""
    stop_epoch: Tensor
    """(m,) int32"""
    best_loss: Tensor
    """(m,)"""
    best_weights: Tensor
    """(m, P)"""
    validation_chi2: Tensor
    """(m,): per point, of the last epoch, for displays."""
    training_chi2: Tensor
    """(m,): per point, of the last epoch, for the curves of a fit."""


class Judgement(NamedTuple):
    """Validation of the weights after the update of an epoch."""

    loss: Tensor
    """(m,): validation chi2 and positivity losses."""
    chi2: Tensor
    """(m,): validation chi2 per point."""
    positive: Tensor
    """(m,) bool: whether all positivity losses are small."""
    finite: Tensor
    """(m,) bool"""
    training_chi2: Tensor
    """(m,): training chi2 per point."""


def start(weights: Tensor, epochs: Tensor) -> Monitor:
    """Return the state before the first epoch."""
    tf = tensorflow()
    models = weights.shape[0]
    no, zero = tf.zeros(models, tf.bool), tf.zeros(models, tf.int32)
    unknown = tf.fill(models, tf.constant(float("nan"), weights.dtype))
    return Monitor(
        active=~no,
        nan=no,
        counting=no,
        waited=zero,
        best_epoch=zero - 1,
        stop_epoch=zero + epochs - 1,
        best_loss=tf.fill(models, tf.constant(INITIAL_LOSS, weights.dtype)),
        best_weights=weights,
        validation_chi2=unknown,
        training_chi2=unknown,
    )


def observe(
    monitor: Monitor, rules: StoppingArrays, epoch: Tensor, weights: Tensor, result: Judgement
) -> Monitor:
    """Return the state after an epoch (before epoch 0 nothing has happened: -1 changes nothing).

    Parameters
    ----------
    weights
        (m, P), after the update of the epoch.
    """
    tf = tensorflow()
    seen = monitor.active & (epoch >= 0)
    better = seen & result.positive
    better &= monitor.counting | (result.chi2 < rules.threshold_chi2)
    better &= result.loss < monitor.best_loss
    better &= result.loss < monitor.best_loss - rules.delta
    waited = monitor.waited + tf.cast(seen & monitor.counting, tf.int32)
    waited = tf.where(better, 0, waited)
    counting = monitor.counting | better
    exhausted = seen & counting & (waited > rules.patience)
    nan = seen & ~result.finite
    ended = exhausted | nan
    return Monitor(
        active=monitor.active & ~ended,
        nan=monitor.nan | nan,
        counting=counting & ~ended,
        waited=waited,
        best_epoch=tf.where(better, epoch, monitor.best_epoch),
        stop_epoch=tf.where(ended, epoch, monitor.stop_epoch),
        best_loss=tf.where(better, result.loss, monitor.best_loss),
        best_weights=tf.where(better[:, None], weights, monitor.best_weights),
        validation_chi2=tf.where(seen, result.chi2, monitor.validation_chi2),
        training_chi2=tf.where(seen, result.training_chi2, monitor.training_chi2),
    )
