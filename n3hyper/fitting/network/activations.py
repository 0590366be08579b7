"""Activation functions in NumPy, for networks that are only evaluated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from n3hyper.physics.arrays import Array

_SELU_SCALE: Final = 1.0507009873554805
_SELU_ALPHA: Final = 1.6732632423543772


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


def _silu(x: Array) -> Array:
    return x * _sigmoid(x)


_ERF: Final = np.vectorize(math.erf, otypes=[np.float64])


def _gelu(x: Array) -> Array:
    """Return x times the normal distribution function."""
    return np.asarray(0.5 * x * (1.0 + _ERF(x / np.sqrt(2.0))))


def _square_singlet(x: Array) -> Array:
    """Return the square of the first two outputs (the singlet sector), the others as they are."""
    return np.concatenate([x[..., :2] ** 2, x[..., 2:]], axis=-1)


NUMPY_ACTIVATIONS: Final[Mapping[str, Callable[[Array], Array]]] = {
    "elu": _elu,
    "exponential": np.exp,
    "gelu": _gelu,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "linear": lambda x: x,
    "modified_tanh": lambda x: np.abs(x) * np.tanh(x),
    "relu": lambda x: np.maximum(x, 0.0),
    "selu": lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0))),
    "sigmoid": _sigmoid,
    "silu": _silu,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "square": lambda x: x * x,
    "square_singlet": _square_singlet,
    "swish": _silu,
    "tanh": np.tanh,
}
"""Functions by the names of `n3hyper.runcard.names.ACTIVATIONS`."""
