"""Keras 3's optimizers as pure functions of flat weight vectors (models, P).

Each is a function of the step t (1 for the first), the gradient, the step size and its own state,
and gives the decrease of the weights and the new state. Formulas and constants are those of Keras
(https://keras.io/api/optimizers); tests compare with its classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from n3hyper.fitting.backend import Tensor, tensorflow
from n3hyper.fitting.products import product

OptimizerState = tuple[Any, ...]
"""Tensors, which each optimizer has of its own."""
Update = tuple[Any, OptimizerState]
"""The decrease of the weights, and the new state."""

EPSILON: Final = 1e-7


def _sgd(t: Tensor, gradient: Tensor, rate: Tensor, state: OptimizerState) -> Update:
    return rate * gradient, state


def _moments(gradient: Tensor, m: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Running means of the gradient and of its square."""
    return m + (gradient - m) * (1 - 0.9), v + (gradient * gradient - v) * (1 - 0.999)


def _adam_step(t: Tensor, m: Tensor, v: Tensor, rate: Tensor) -> Tensor:
    tf = tensorflow()
    step = rate * tf.sqrt(1.0 - tf.pow(_like(0.999, t), t)) / (1.0 - tf.pow(_like(0.9, t), t))
    return m * step / (tf.sqrt(v) + EPSILON)


def _adam(t: Tensor, gradient: Tensor, rate: Tensor, state: OptimizerState) -> Update:
    m, v = _moments(gradient, *state)
    return _adam_step(t, m, v, rate), (m, v)


def _amsgrad(t: Tensor, gradient: Tensor, rate: Tensor, state: OptimizerState) -> Update:
    m, v = _moments(gradient, *state[:2])
    highest = tensorflow().maximum(state[2], v)
    return _adam_step(t, m, highest, rate), (m, v, highest)


def _nadam(t: Tensor, gradient: Tensor, rate: Tensor, state: OptimizerState) -> Update:
    tf = tensorflow()

    def momentum(step: Tensor) -> Tensor:
        return 0.9 * (1.0 - 0.5 * tf.pow(_like(0.96, t), step))

    m, v = _moments(gradient, *state[:2])
    now, following = momentum(t), momentum(t + 1.0)
    product = state[2] * now
    m_hat = following * m / (1.0 - product * following) + (1.0 - now) * gradient / (1.0 - product)
    v_hat = v / (1.0 - tf.pow(_like(0.999, t), t))
    return rate * m_hat / (tf.sqrt(v_hat) + EPSILON), (m, v, product)


def _adamax(t: Tensor, gradient: Tensor, rate: Tensor, state: OptimizerState) -> Update:
    tf = tensorflow()
    m = state[0] + (gradient - state[0]) * (1 - 0.9)
    u = tf.maximum(0.999 * state[1], tf.abs(gradient))
    return rate * m / ((1.0 - tf.pow(_like(0.9, t), t)) * (u + EPSILON)), (m, u)


def _rmsprop(t: Tensor, gradient: Tensor, rate: Tensor, state: OptimizerState) -> Update:
    velocity = 0.9 * state[0] + (1 - 0.9) * gradient * gradient
    return rate * gradient / tensorflow().sqrt(velocity + EPSILON), (velocity,)


def _adagrad(t: Tensor, gradient: Tensor, rate: Tensor, state: OptimizerState) -> Update:
    total = state[0] + gradient * gradient
    return rate * gradient / tensorflow().sqrt(total + EPSILON), (total,)


def _adadelta(t: Tensor, gradient: Tensor, rate: Tensor, state: OptimizerState) -> Update:
    tf = tensorflow()
    gradients = 0.95 * state[0] + (1 - 0.95) * gradient * gradient
    step = tf.sqrt(state[1] + EPSILON) * gradient / tf.sqrt(gradients + EPSILON)
    return rate * step, (gradients, 0.95 * state[1] + (1 - 0.95) * step * step)


def _like(value: float, tensor: Tensor) -> Tensor:
    return tensorflow().constant(value, tensor.dtype)


@dataclass(frozen=True)
class Optimizer:
    """Update rule of an optimizer, and how its state begins."""

    update: Callable[[Tensor, Tensor, Tensor, OptimizerState], Update]
    initial: tuple[float, ...] = ()
    """Value that each part of the state, shaped as the weights, starts with."""
    scalars: int = 0
    """Number of further parts that are scalars; they start with one."""

    def state(self, weights: Tensor) -> OptimizerState:
        """Return the state before the first step."""
        tf = tensorflow()
        parts = [tf.fill(weights.shape, _like(value, weights)) for value in self.initial]
        return (*parts, *(_like(1.0, weights) for _ in range(self.scalars)))


OPTIMIZERS: Final[dict[str, Optimizer]] = {
    "Adadelta": Optimizer(_adadelta, (0.0, 0.0)),
    "Adagrad": Optimizer(_adagrad, (0.1,)),
    "Adam": Optimizer(_adam, (0.0, 0.0)),
    "Adamax": Optimizer(_adamax, (0.0, 0.0)),
    "Amsgrad": Optimizer(_amsgrad, (0.0, 0.0, 0.0)),
    "Nadam": Optimizer(_nadam, (0.0, 0.0), scalars=1),
    "RMSprop": Optimizer(_rmsprop, (0.0,)),
    "SGD": Optimizer(_sgd),
}
"""By the names of `n3hyper.runcard.names.OPTIMIZERS`."""


class VariableArrays(NamedTuple):
    """Variables, nv of them, that the P weights of a model belong to."""

    of_weights: Tensor
    """(P, nv): 1 where a weight belongs to a variable, else 0."""
    members: Tensor
    """The same transposed."""


def clip_by_variable(gradient: Tensor, clipnorm: Tensor, variables: VariableArrays) -> Tensor:
    """Return the gradient (m, P) with the norm of each variable of each model bounded."""
    tf = tensorflow()
    # gradients near a pole of a quotient are so large that their squares are infinite
    largest = tf.reduce_max(tf.abs(gradient), axis=1, keepdims=True)
    largest = tf.where(largest > 0.0, largest, tf.ones_like(largest))
    scaled = gradient / largest
    norms = largest * tf.sqrt(product(scaled * scaled, variables.members))
    factors = clipnorm / tf.maximum(norms, clipnorm)
    return gradient * product(factors, variables.of_weights)
