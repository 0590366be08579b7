"""The forward pass of a batch of networks, in TensorFlow: weights (m, P) to PDFs (m, nx, nb)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.network.layout import Architecture, Layout
from n3hyper.fitting.network.scaling import UNIT, InputScaling
from n3hyper.fitting.products import product_with_each
from n3hyper.physics.preprocessing import log_factors
from n3hyper.physics.quadrature import Quadrature
from n3hyper.physics.sum_rules import SumRules

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Tensor = Any
Tensors = dict[str, Any]

_EXTRA_ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "leaky_relu": lambda x: tensorflow().nn.leaky_relu(x, alpha=0.2),
    "linear": lambda x: x,
    "modified_tanh": lambda x: abs(x) * tensorflow().tanh(x),
    "square": lambda x: x * x,
    "square_singlet": lambda x: tensorflow().concat([x[..., :2] ** 2, x[..., 2:]], axis=-1),
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """An activation function by its name in the runcard: n3fit's own, or Keras'."""
    if name in _EXTRA_ACTIVATIONS:
        return _EXTRA_ACTIVATIONS[name]
    from keras import activations

    function: Callable[[Tensor], Tensor] = activations.get(name)
    return function


@dataclass(frozen=True, eq=False)
class PDFInputs:
    """All numbers of the forward pass that are not weights, in NumPy."""

    xgrid: Array
    quadrature: Quadrature
    scaling: InputScaling
    rotation: Array
    """(nfit, 14)"""
    flavours: Index
    """(nb,): the evolution flavours that are asked for."""
    rules: SumRules | None
    constants: Array
    """(models, 14), see `SumRules.constants`."""

    def arrays(self, layout: Layout) -> dict[str, Array]:
        """By name, as `pdf` reads them.

        features (nodes, inputs + 1), with a column of ones
        log_x, log_rest (nx + nq, 1)
        unit_masks (hidden layers, hidden), unit_one (hidden,)
        rotation (nfit, nb)
        and those of the sum rules
        """
        x = np.concatenate([self.xgrid, self.quadrature.nodes])
        nodes = np.concatenate([x, UNIT]) if self.scaling.subtracts else x
        features = self.scaling(nodes)
        logs = log_factors(x)
        one = np.zeros(layout.architecture.hidden)
        one[-1] = 1.0
        return {
            "features": np.concatenate([features, np.ones((len(nodes), 1))], axis=1),
            "log_x": logs[:, :1],
            "log_rest": logs[:, 1:],
            "unit_masks": layout.unit_masks(),
            "unit_one": one,
            "rotation": self.rotation[:, self.flavours],
            **self._sum_rules(),
        }

    def _sum_rules(self) -> dict[str, Array]:
        """The normalisation is (constants - I @ numerator) / (offset + I @ denominator).

        I (models, 2 nfit) are the integrals of the fitted flavours, of x f and then of f.
        """
        chosen = self.flavours
        if self.rules is None:
            return {}
        nodes, weights = self.quadrature.nodes, self.quadrature.weights
        divided = self.rules.powers() == -1.0
        # rows: integrals of x f and of f in the fit basis; columns: I of the 14 flavours
        integrals = np.concatenate([self.rotation * ~divided, self.rotation * divided])
        free = np.ones(len(divided), dtype=bool)
        free[list(self.rules.components())] = False
        denominator = integrals[:, self.rules.divisors()] * ~free
        return {
            "integration": np.stack([weights, weights / nodes]),
            "constants": self.constants[:, chosen],
            "numerator": (integrals @ self.rules.slopes())[:, chosen],
            "denominator": denominator[:, chosen],
            "offset": free[chosen].astype(np.float64),
        }


def networks(
    shape: Architecture, arrays: Tensors, layers: Sequence[Tensor], dropout: Tensor | None = None
) -> Tensor:
    """N(x) of all flavours, (m, nodes, nfit).

    Parameters
    ----------
    layers
        Weights of each, (m, blocks * inputs * outputs).
    dropout
        Factors on the outputs of the last but one hidden layer, (m * blocks, nodes, hidden).
    """
    tf = tensorflow()
    batch = shape.models * shape.blocks
    values = tf.broadcast_to(arrays["features"], (batch, *arrays["features"].shape))
    for number, flat in enumerate(layers):
        matrix = tf.reshape(flat, (batch, *shape.layer_shape(number)))
        # m model and block, n node, i input, o output
        values = activation(shape.activations[number])(tf.matmul(values, matrix))
        if number < shape.depth - 1:
            values = values * arrays["unit_masks"][number]
            if dropout is not None and number == shape.depth - 3:
                values = values * dropout
            values = values + arrays["unit_one"]
    if shape.blocks > 1:
        nodes = values.shape[1]
        values = tf.reshape(values, (shape.models, shape.blocks, nodes))
        values = tf.transpose(values, (0, 2, 1))
    return values[:, :-1] - values[:, -1:] if shape.subtracts else values


def pdf(
    shape: Architecture, arrays: Tensors, weights: Tensor, dropout: Tensor | None = None
) -> Tensor:
    """x f on the x-grid of the flavours of the basis, (m, P) -> (m, nx, nb)."""
    tf = tensorflow()
    # not slices: the gradient of these is a sum of as many vectors filled up with zeros
    parts = [*shape.layer_slices(), shape.alpha, shape.beta]
    *layers, alpha, beta = tf.split(weights, [each.stop - each.start for each in parts], axis=1)
    exponents = (1.0 - alpha[:, None]) * arrays["log_x"] + beta[:, None] * arrays["log_rest"]
    fitted = networks(shape, arrays, layers, dropout) * tf.exp(exponents)
    nq = arrays["integration"].shape[1] if "integration" in arrays else 0
    nx = arrays["log_x"].shape[0] - nq
    values = tf.matmul(fitted[:, :nx], arrays["rotation"])
    if not nq:
        return values
    # p power, q node of the quadrature, f fitted flavour
    integrals = product_with_each(arrays["integration"], fitted[:, nx:])
    integrals = tf.reshape(integrals, (shape.models, 2 * shape.nfit))
    numerator = arrays["constants"] - tf.matmul(integrals, arrays["numerator"])
    denominator = arrays["offset"] + tf.matmul(integrals, arrays["denominator"])
    return values * (numerator / denominator)[:, None, :]
