"""The forward pass of a batch of networks, in TensorFlow: weights (m, P) to PDFs (m, nx, nb)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from n3hyper.fitting.backend import Tensor, tensorflow
from n3hyper.fitting.network.layout import Architecture, Layout
from n3hyper.fitting.network.scaling import UNIT, InputScaling
from n3hyper.fitting.products import product_with_each
from n3hyper.physics.arrays import Array, Index
from n3hyper.physics.preprocessing import log_factors
from n3hyper.physics.quadrature import Quadrature
from n3hyper.physics.sum_rules import SumRules

_EXTRA_ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "leaky_relu": lambda x: tensorflow().nn.leaky_relu(x, alpha=0.2),
    "linear": lambda x: x,
    "modified_tanh": lambda x: abs(x) * tensorflow().tanh(x),
    "square": lambda x: x * x,
    "square_singlet": lambda x: tensorflow().concat([x[..., :2] ** 2, x[..., 2:]], axis=-1),
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """Return an activation function by its name in the runcard: n3fit's own, or Keras'."""
    if name in _EXTRA_ACTIVATIONS:
        return _EXTRA_ACTIVATIONS[name]
    from keras import activations

    function: Callable[[Tensor], Tensor] = activations.get(name)
    return function


class SumRuleArrays(NamedTuple):
    """Numbers of the normalisations (constants - I @ numerator) / (offset + I @ denominator).

    I (models, 2 nfit) are the integrals of the fitted flavours, of x f and then of f.
    """

    integration: Tensor
    """(2, nq): weights of the quadrature, for x f and for f."""
    constants: Tensor
    """(models, nb)"""
    numerator: Tensor
    """(2 nfit, nb)"""
    denominator: Tensor
    """(2 nfit, nb)"""
    offset: Tensor
    """(nb,): 1 for flavours that no integral divides."""


class NetworkArrays(NamedTuple):
    """Numbers of the forward pass that are not weights, with nx nodes and nq of the quadrature."""

    inputs: Tensor
    """(nodes, inputs + 1), with a column of ones; a last node at x = 1 where that is subtracted."""
    log_x: Tensor
    """(nx + nq, 1)"""
    log_rest: Tensor
    """(nx + nq, 1): log(1 - x)."""
    unit_masks: Tensor
    """(hidden layers, hidden): 1 for units that the trial has."""
    unit_one: Tensor
    """(hidden,): 1 for the unit that is always one."""
    rotation: Tensor
    """(nfit, nb)"""
    sum_rules: SumRuleArrays | None


@dataclass(frozen=True, eq=False)
class PDFInputs:
    """Maker of the numbers of the forward pass of a fit, in NumPy."""

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

    def arrays(self, layout: Layout) -> NetworkArrays:
        """Return the numbers of the forward pass of networks with such a layout."""
        x = np.concatenate([self.xgrid, self.quadrature.nodes])
        nodes = np.concatenate([x, UNIT]) if self.scaling.subtracts else x
        logs = log_factors(x)
        unit_one = np.zeros(layout.architecture.hidden)
        unit_one[-1] = 1.0
        return NetworkArrays(
            inputs=np.concatenate([self.scaling(nodes), np.ones((len(nodes), 1))], axis=1),
            log_x=logs[:, :1],
            log_rest=logs[:, 1:],
            unit_masks=layout.unit_masks(),
            unit_one=unit_one,
            rotation=self.rotation[:, self.flavours],
            sum_rules=None if self.rules is None else self._sum_rules(self.rules),
        )

    def _sum_rules(self, rules: SumRules) -> SumRuleArrays:
        chosen = self.flavours
        nodes, weights = self.quadrature.nodes, self.quadrature.weights
        divided = rules.powers() == -1.0
        # rows: integrals of x f and of f in the fit basis; columns: I of the 14 flavours
        integrals = np.concatenate([self.rotation * ~divided, self.rotation * divided])
        free = np.ones(len(divided), dtype=bool)
        free[list(rules.components())] = False
        denominator = integrals[:, rules.divisors()] * ~free
        return SumRuleArrays(
            integration=np.stack([weights, weights / nodes]),
            constants=self.constants[:, chosen],
            numerator=(integrals @ rules.slopes())[:, chosen],
            denominator=denominator[:, chosen],
            offset=free[chosen].astype(np.float64),
        )


def networks(
    shape: Architecture,
    arrays: NetworkArrays,
    layers: Sequence[Tensor],
    dropout: Tensor | None = None,
) -> Tensor:
    """Return N(x) of all flavours, (m, nodes, nfit).

    Parameters
    ----------
    layers
        Weights of each, (m, blocks * inputs * outputs).
    dropout
        Factors on the outputs of the last but one hidden layer, (m * blocks, nodes, hidden).
    """
    tf = tensorflow()
    batch = shape.models * shape.blocks
    values = tf.broadcast_to(arrays.inputs, (batch, *arrays.inputs.shape))
    for number, flat in enumerate(layers):
        matrix = tf.reshape(flat, (batch, *shape.layer_shape(number)))
        # m model and block, n node, i input, o output
        values = activation(shape.activations[number])(tf.matmul(values, matrix))
        if number < shape.depth - 1:
            values = values * arrays.unit_masks[number]
            if dropout is not None and number == shape.depth - 3:
                values = values * dropout
            values = values + arrays.unit_one
    if shape.blocks > 1:
        nodes = values.shape[1]
        values = tf.reshape(values, (shape.models, shape.blocks, nodes))
        values = tf.transpose(values, (0, 2, 1))
    return values[:, :-1] - values[:, -1:] if shape.subtracts else values


def pdf(
    shape: Architecture, arrays: NetworkArrays, weights: Tensor, dropout: Tensor | None = None
) -> Tensor:
    """Return x f on the x-grid of the flavours of the basis, (m, P) -> (m, nx, nb)."""
    tf = tensorflow()
    # not slices: the gradient of these is a sum of as many vectors filled up with zeros
    parts = [*shape.layer_slices(), shape.alpha, shape.beta]
    *layers, alpha, beta = tf.split(weights, [part.stop - part.start for part in parts], axis=1)
    exponents = (1.0 - alpha[:, None]) * arrays.log_x + beta[:, None] * arrays.log_rest
    fitted = networks(shape, arrays, layers, dropout) * tf.exp(exponents)
    rules = arrays.sum_rules
    nq = 0 if rules is None else rules.integration.shape[1]
    nx = arrays.log_x.shape[0] - nq
    values = tf.matmul(fitted[:, :nx], arrays.rotation)
    if rules is None:
        return values
    # p power, q node of the quadrature, f fitted flavour
    integrals = product_with_each(rules.integration, fitted[:, nx:])
    integrals = tf.reshape(integrals, (shape.models, 2 * shape.nfit))
    numerator = rules.constants - tf.matmul(integrals, rules.numerator)
    denominator = rules.offset + tf.matmul(integrals, rules.denominator)
    return values * (numerator / denominator)[:, None, :]
