"""Places of the weights of a batch of networks: all weights of a model are one flat vector.

One vector for each model makes the optimizer, the best weights and the freezing of models a few
operations on one (models, P) tensor.

A layer is one matrix whose last row is the bias: the layer before it has a last unit that is
always one. Hidden layers are padded to a bucket of widths; units that a trial does not have are
multiplied with zero (`Layout.unit_masks`), so that trials with other widths run in the same
compiled program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from n3hyper.errors import HyperparameterError
from n3hyper.fitting.network.pdf_model import Layer, NetworkWeights
from n3hyper.fitting.settings import FitSettings
from n3hyper.physics.arrays import Array, Index

WIDTH_STEP: Final = 16
"""Widths of hidden layers (with the unit that is always one) are padded to multiples of it."""


@dataclass(frozen=True)
class Architecture:
    """Shape of the networks, as far as a program depends on it; equal ones share a program."""

    models: int
    blocks: int
    """Number of networks of each model: 1, or one for each flavour."""
    inputs: int
    hidden: int
    """Padded width of the hidden layers."""
    outputs: int
    """Number of outputs of each block."""
    activations: tuple[str, ...]
    nfit: int
    """Number of fitted flavours."""
    dropout: bool
    subtracts: bool
    """Whether the value at x = 1 is subtracted."""

    @classmethod
    def of(cls, settings: FitSettings, models: int, inputs: int, nfit: int) -> Architecture:
        """Return the architecture of a trial.

        >>> from n3hyper.fitting.settings import OptimizerSettings
        >>> adam = OptimizerSettings("Adam", 0.01, 1.0)
        >>> small = FitSettings((18, 21, 8), ("tanh", "tanh", "linear"), 1000, 0.1, adam)
        >>> large = FitSettings((30, 25, 8), ("tanh", "tanh", "linear"), 9000, 0.2, adam)
        >>> Architecture.of(small, 8, 2, 8) == Architecture.of(large, 8, 2, 8)
        True
        """
        per_flavour = settings.layer_type == "dense_per_flavour"
        widest = max(settings.nodes[:-1], default=0) + 1
        return cls(
            models=models,
            blocks=nfit if per_flavour else 1,
            inputs=inputs,
            hidden=-(-widest // WIDTH_STEP) * WIDTH_STEP,
            outputs=1 if per_flavour else nfit,
            activations=settings.activations,
            nfit=nfit,
            # n3fit has its dropout behind the last but one hidden layer
            dropout=settings.dropout > 0.0 and len(settings.nodes) > 2,
            subtracts=inputs == 1,
        )

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.activations)

    def layer_shape(self, layer: int) -> tuple[int, int]:
        """Return the padded numbers of inputs (with the one) and outputs of a layer."""
        inputs = self.inputs + 1 if layer == 0 else self.hidden
        return inputs, self.outputs if layer == self.depth - 1 else self.hidden

    def layer_slices(self) -> list[slice]:
        """Return the part of the flat vector that each layer is."""
        sizes = [self.blocks * a * b for a, b in map(self.layer_shape, range(self.depth))]
        ends = np.cumsum([0, *sizes])
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]

    @property
    def alpha(self) -> slice:
        """The part of the flat vector that holds the exponents alpha; beta comes behind."""
        start = self.layer_slices()[-1].stop
        return slice(start, start + self.nfit)

    @property
    def beta(self) -> slice:
        """The part of the flat vector that holds the exponents beta."""
        return slice(self.alpha.stop, self.alpha.stop + self.nfit)

    @property
    def size(self) -> int:
        """Length P of the flat vector."""
        return int(self.beta.stop)

    @property
    def variables(self) -> int:
        """Number of variables whose gradients are clipped one by one."""
        return 2 * self.depth * self.blocks + 2 * self.nfit


@dataclass(frozen=True)
class Layout:
    """True widths of a trial within its padded architecture."""

    architecture: Architecture
    widths: tuple[int, ...]
    """Number of outputs of each layer, in a block."""

    @classmethod
    def of(cls, settings: FitSettings, architecture: Architecture) -> Layout:
        """Return the layout of a trial."""
        return cls(architecture, (*settings.nodes[:-1], architecture.outputs))

    def unit_masks(self) -> Array:
        """Return 1 for units that the trial has, 0 for the others, (hidden layers, hidden)."""
        units = np.arange(self.architecture.hidden)
        return np.array([units < width for width in self.widths[:-1]], dtype=np.float64).reshape(
            -1, self.architecture.hidden
        )

    def _inputs(self, layer: int) -> int:
        return self.architecture.inputs if layer == 0 else self.widths[layer - 1]

    def check(self, start: NetworkWeights) -> None:
        """Raise HyperparameterError unless weights have the shape of these networks."""
        shape = self.architecture
        wanted = [
            (shape.blocks, self._inputs(number), self.widths[number])
            for number in range(shape.depth)
        ]
        found = [layer.kernel.shape[1:] for layer in start.layers]
        if found != wanted or start.alpha.shape[1:] != (shape.nfit,):
            raise HyperparameterError(
                "the weights to start from are those of another network: layers "
                f"{' '.join(map(str, found))}, here {' '.join(map(str, wanted))} "
                "(networks, inputs, outputs)"
            )

    def flatten(self, layers: tuple[Layer, ...], alpha: Array, beta: Array) -> Array:
        """Return the flat vectors, (models, P)."""
        models, shape = self.architecture.models, self.architecture
        parts = []
        for number, layer in enumerate(layers):
            inputs, outputs = shape.layer_shape(number)
            padded = np.zeros((models, shape.blocks, inputs, outputs))
            padded[:, :, : self._inputs(number), : self.widths[number]] = layer.kernel
            padded[:, :, -1, : self.widths[number]] = layer.bias
            parts.append(padded.reshape(models, -1))
        return np.concatenate([*parts, alpha, beta], axis=1)

    def unflatten(self, weights: Array) -> tuple[tuple[Layer, ...], Array, Array]:
        """Return layers, alpha and beta of flat vectors (any number of models, P)."""
        shape = self.architecture
        layers = []
        for number, (where, activation) in enumerate(
            zip(shape.layer_slices(), shape.activations, strict=True)
        ):
            padded = weights[:, where].reshape(
                len(weights), shape.blocks, *shape.layer_shape(number)
            )
            kernel = padded[:, :, : self._inputs(number), : self.widths[number]]
            layers.append(Layer(kernel, padded[:, :, -1, : self.widths[number]], activation))
        return tuple(layers), weights[:, shape.alpha], weights[:, shape.beta]

    def variable_of_weight(self) -> Index:
        """Return the number of the variable that each weight belongs to, (P,).

        The variables are those of n3fit's Keras model: kernels and biases of each layer and block,
        and each exponent.
        """
        shape = self.architecture
        parts = list(self._variables_of_layers())
        first = 2 * shape.depth * shape.blocks
        return np.concatenate([*parts, first + np.arange(2 * shape.nfit)])

    def kernels(self) -> Array:
        """Return 1 for weights of kernels, 0 for biases and exponents, (P,)."""
        shape = self.architecture
        mask = np.zeros(shape.size)
        for number, where in enumerate(shape.layer_slices()):
            part = np.ones((shape.blocks, *shape.layer_shape(number)))
            part[:, -1] = 0.0
            mask[where] = part.reshape(-1)
        return mask

    def _variables_of_layers(self) -> Iterator[Index]:
        shape = self.architecture
        for number in range(shape.depth):
            inputs, outputs = shape.layer_shape(number)
            kernels = 2 * (number * shape.blocks + np.arange(shape.blocks))
            variables = np.broadcast_to(
                kernels[:, None, None], (shape.blocks, inputs, outputs)
            ).copy()
            variables[:, -1, :] += 1
            yield variables.reshape(-1)
