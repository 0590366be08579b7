"""Initial weights: Keras' initializers with n3fit's seeds, so that both start alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.network.pdf_model import Layer
from n3hyper.physics.arrays import Array
from n3hyper.physics.preprocessing import Preprocessing


def fold_seeds(seeds: Sequence[int], fold: int) -> list[int]:
    """Return the seeds of the replicas' networks in a fold; the first fold has the replicas' own.

    >>> fold_seeds([7], 0), fold_seeds([7], 2) == [2 * s for s in fold_seeds([7], 1)]
    ([7], True)
    """
    if fold == 0:
        return [int(seed) for seed in seeds]
    return [int(np.random.default_rng(int(seed)).integers(1, 2**30)) * fold for seed in seeds]


def _draw(initializer: Any, shape: tuple[int, ...]) -> Array:
    # small draws on a CPU are the same on all machines, and faster than a GPU's
    with tensorflow().device("CPU:0"):
        return np.asarray(initializer(shape, dtype="float32"), dtype=np.float64)


def _kernel(name: str, seed: int, shape: tuple[int, int]) -> Array:
    tensorflow()
    from keras import initializers

    # Keras' seeds are 32 bits wide
    seed = seed % 2**32
    if name == "random_uniform":
        return _draw(initializers.RandomUniform(-0.5, 0.5, seed=seed), shape)
    kind = {"glorot_normal": "GlorotNormal", "glorot_uniform": "GlorotUniform"}[name]
    return _draw(getattr(initializers, kind)(seed=seed), shape)


def initial_layers(
    nodes: Sequence[int],
    activations: Sequence[str],
    seeds: Sequence[int],
    *,
    inputs: int = 2,
    initializer: str = "glorot_normal",
    layer_type: str = "dense",
) -> tuple[Layer, ...]:
    """Return layers with kernels drawn by the seeds, and biases of zero.

    The seed of a kernel is that of the model plus the number of the layer.

    In a `dense_per_flavour` network the seed advances by the number of flavours each layer.

    Parameters
    ----------
    nodes
        Width of each layer, the last one the number of flavours.
    seeds
        One for each model.
    inputs
        Number of inputs of the network.
    """
    per_flavour = layer_type == "dense_per_flavour"
    blocks = nodes[-1] if per_flavour else 1
    widths = (inputs, *nodes[:-1], 1 if per_flavour else nodes[-1])
    layers = []
    for number, activation in enumerate(activations):
        shape = (widths[number], widths[number + 1])
        kernels = [
            [_kernel(initializer, seed + number * blocks + block, shape) for block in range(blocks)]
            for seed in seeds
        ]
        biases = np.zeros((len(seeds), blocks, shape[1]))
        layers.append(Layer(np.array(kernels), biases, activation))
    return tuple(layers)


def initial_exponents(
    preprocessing: Preprocessing, seeds: Sequence[int], large_x: bool = True
) -> tuple[Array, Array]:
    """Return alpha and beta, each (models, nfit), drawn uniformly in their ranges.

    The seed of a model advances by one from alpha to beta of a flavour and on to the next one.
    Without `large_x` beta is zero.
    """
    tensorflow()
    from keras import initializers

    exponents = np.zeros((len(seeds), preprocessing.nfit, 2))
    for flavour in range(preprocessing.nfit):
        for kind, ranges in enumerate((preprocessing.smallx, preprocessing.largex)):
            if kind == 1 and not large_x:
                continue
            low, high = ranges[flavour]
            for model, seed in enumerate(seeds):
                initializer = initializers.RandomUniform(
                    low, high, seed=(seed + 2 * flavour + kind) % 2**32
                )
                exponents[model, flavour, kind] = _draw(initializer, (1,))[0]
    return exponents[..., 0], exponents[..., 1]
