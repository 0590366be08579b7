"""Networks as PDFs, evaluated in NumPy: what a fit hands to penalties, scores and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from n3hyper.fitting.network.activations import NUMPY_ACTIVATIONS
from n3hyper.fitting.network.scaling import UNIT, InputScaling
from n3hyper.physics.arrays import Array, Index
from n3hyper.physics.preprocessing import prefactor
from n3hyper.physics.quadrature import Quadrature, sum_rule_quadrature
from n3hyper.physics.sum_rules import SumRules


@dataclass(frozen=True, eq=False)
class Layer:
    """Dense layer of each replica's network.

    A `dense` network is one block; a `dense_per_flavour` one is a block for each flavour, each a
    network of its own with one output.
    """

    kernel: Array
    """(replicas, blocks, inputs, outputs)"""
    bias: Array
    """(replicas, blocks, outputs)"""
    activation: str

    def __call__(self, values: Array) -> Array:
        """Return the outputs, (..., nx, inputs) -> (replicas, blocks, nx, outputs)."""
        return NUMPY_ACTIVATIONS[self.activation](values @ self.kernel + self.bias[..., None, :])


@dataclass(frozen=True, eq=False)
class NetworkWeights:
    """Weights of the networks of some replicas, and the exponents of their preprocessing."""

    layers: tuple[Layer, ...]
    alpha: Array
    """(replicas, nfit)"""
    beta: Array
    """(replicas, nfit)"""

    def select(self, replicas: Sequence[int] | Index) -> NetworkWeights:
        """Return those of some of the replicas."""
        chosen = np.asarray(replicas)
        layers = tuple(
            Layer(layer.kernel[chosen], layer.bias[chosen], layer.activation)
            for layer in self.layers
        )
        return NetworkWeights(layers, self.alpha[chosen], self.beta[chosen])


@dataclass(frozen=True, eq=False)
class PDFModel:
    """PDFs x f(x) = A N(x) x^(1 - alpha) (1 - x)^beta of some replicas, in float64.

    It is called as n3fit's penalties call a model: x of shape (1, nx, 1) gives
    (1, nx, 14, replicas), or (1, nx, 14) when `single`. `evaluate` is the plain form.
    """

    layers: tuple[Layer, ...]
    alpha: Array
    """(replicas, nfit)"""
    beta: Array
    """(replicas, nfit)"""
    rotation: Array
    """(nfit, 14), to the evolution basis."""
    rules: SumRules | None = None
    constants: Array = field(default_factory=lambda: np.ones((1, 14)))
    """(replicas, 14), see `SumRules.constants`."""
    inputs: InputScaling = field(default_factory=InputScaling)
    quadrature: Quadrature = field(default_factory=sum_rule_quadrature)
    single: bool = False
    """Whether the axis of replicas is left out of what a call returns."""

    @property
    def num_replicas(self) -> int:
        """Number of replicas."""
        return int(self.alpha.shape[0])

    def network(self, x: Array) -> Array:
        """Return N(x) of each fitted flavour, (nx,) -> (replicas, nx, nfit)."""
        values = self._forward(x)
        return values - self._forward(UNIT) if self.inputs.subtracts else values

    def _forward(self, x: Array) -> Array:
        values = self.inputs(x)
        for layer in self.layers:
            values = layer(values)
        # r replica, b block, x node, o output of the block
        outputs: Array = np.einsum("rbxo->rxbo", values)
        return outputs.reshape(self.num_replicas, x.size, -1)

    def unnormalised(self, x: Array) -> Array:
        """Return x f before sum rules in the evolution basis, (nx,) -> (replicas, nx, 14)."""
        fitted: Array = self.network(x) * prefactor(x, self.alpha, self.beta)
        return np.asarray(fitted @ self.rotation)

    def normalisation(self) -> Array:
        """Return the factors of the sum rules, (replicas, 14)."""
        if self.rules is None:
            return np.ones((self.num_replicas, self.rotation.shape[1]))
        nodes = self.quadrature.nodes
        integrand = self.unnormalised(nodes) * nodes[:, None] ** self.rules.powers()
        integrals = np.einsum("rxf,x->rf", integrand, self.quadrature.weights)
        return self.rules.normalisation(integrals, self.constants)

    def evaluate(self, x: Array) -> Array:
        """Return x f(x) at the scale of the fit in the evolution basis.

        Parameters
        ----------
        x
            (nx,), within (0, 1].

        Returns
        -------
        array (replicas, nx, 14)
        """
        x = np.asarray(x, dtype=np.float64).reshape(-1)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return self.unnormalised(x) * self.normalisation()[:, None, :]

    def __call__(self, x: Array) -> Array:
        """Return x f, (1, nx, 1) -> (1, nx, 14, replicas), or (1, nx, 14) when `single`."""
        values = self.evaluate(x)
        if self.single:
            return values[:1]
        return np.moveaxis(values, 0, -1)[None]

    def predict(self, x: Array | dict[str, Array]) -> Array:
        """Return what a call does; x may be an entry ``pdf_input``, as n3fit's models take it."""
        return self(x["pdf_input"] if isinstance(x, dict) else x)

    def select(self, replicas: Sequence[int]) -> PDFModel:
        """Return the model of some of the replicas."""
        chosen = NetworkWeights(self.layers, self.alpha, self.beta).select(replicas)
        constants = self.constants[list(replicas)] if len(self.constants) > 1 else self.constants
        return replace(
            self,
            layers=chosen.layers,
            alpha=chosen.alpha,
            beta=chosen.beta,
            constants=constants,
        )

    def split_replicas(self) -> list[PDFModel]:
        """Return one model for each replica."""
        return [replace(self.select([number]), single=True) for number in range(self.num_replicas)]
