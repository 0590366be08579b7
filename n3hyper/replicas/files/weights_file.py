"""Weights of a replica in a file, in the layout of Keras that n3fit 4.1.5 saves and loads.

HDF5: each dense layer of the network with kernel and bias, layer by layer (and flavour by flavour,
where each has a network of its own); then the exponents of the preprocessing, alpha and beta of
each flavour, those that train before those that do not.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from n3hyper.errors import FitError
from n3hyper.physics.arrays import Array
from n3hyper.replicas.replica_fit import Weights

SUFFIX: Final = ".weights.h5"
DEFAULT_NAME: Final = f"replica{SUFFIX}"
_NETWORK: Final = "layers/meta_model/layers/meta_model/layers"
_PREPROCESSING: Final = "layers/preprocessing/vars"


def weights_name(save: str | None) -> str:
    """Return the name of the file, as n3fit makes it of the runcard's ``save``.

    >>> weights_name("weights.h5"), weights_name("a.weights.h5"), weights_name(None)
    ('weights.weights.h5', 'a.weights.h5', 'replica.weights.h5')
    """
    if not save:
        return DEFAULT_NAME
    return save if save.endswith(SUFFIX) else str(Path(save).with_suffix(SUFFIX))


def weights_bytes(weights: Weights, trainable: Sequence[bool], subtracts: bool) -> bytes:
    """Return the content of the file; the same weights give the same bytes.

    Parameters
    ----------
    trainable
        Whether the exponents of each flavour are fitted.
    subtracts
        Whether features are scaled: then beta does not train.
    """
    memory = io.BytesIO()
    # without times in it
    with h5py.File(memory, "w", track_order=False) as file:
        for number, (kernel, bias) in enumerate(_dense(weights)):
            name = "dense" if number == 0 else f"dense_{number}"
            _put(file, f"{_NETWORK}/{name}/vars/0", kernel)
            _put(file, f"{_NETWORK}/{name}/vars/1", bias)
        for number, (kind, flavour) in enumerate(_order(trainable, subtracts)):
            value = (weights.alpha, weights.beta)[kind][flavour]
            _put(file, f"{_PREPROCESSING}/{number}", np.array([[value]]))
    return memory.getvalue()


def read_weights(
    path: Path, trainable: Sequence[bool], subtracts: bool, blocks: int = 1
) -> Weights:
    """Return the weights of a file, which n3fit may have written.

    Parameters
    ----------
    trainable, subtracts
        See `weights_bytes`.
    blocks
        Networks of the replica: one, or as many as flavours.

    Raises
    ------
    FitError
        It cannot be read, or holds something else.
    """
    try:
        with h5py.File(path, "r") as file:
            network = file[_NETWORK]
            names = sorted(network, key=_number)
            dense = [(_array(network, name, 0), _array(network, name, 1)) for name in names]
            places = _order(trainable, subtracts)
            found = [float(np.squeeze(file[f"{_PREPROCESSING}/{n}"])) for n in range(len(places))]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FitError(f"{path}: not weights of n3fit or n3hyper: {error}") from error
    if not dense or len(dense) % blocks:
        raise FitError(f"{path}: {len(dense)} layers, which are not those of {blocks} networks")
    exponents = np.zeros((2, len(trainable)))
    for (kind, flavour), value in zip(places, found, strict=True):
        exponents[kind, flavour] = value
    layers = tuple(
        (np.stack([k for k, _ in part]), np.stack([b for _, b in part]))
        for part in (dense[start : start + blocks] for start in range(0, len(dense), blocks))
    )
    return Weights(layers, exponents[0], exponents[1])


def _dense(weights: Weights) -> list[tuple[Array, Array]]:
    """Kernels and biases, layer by layer and block by block."""
    return [
        (kernel[block], bias[block])
        for kernel, bias in weights.layers
        for block in range(len(kernel))
    ]


def _order(trainable: Sequence[bool], subtracts: bool) -> list[tuple[int, int]]:
    """Exponents as Keras has them: 0 for alpha or 1 for beta, and the flavour."""
    both = [(kind, flavour) for flavour in range(len(trainable)) for kind in (0, 1)]
    return sorted(both, key=lambda entry: not trainable[entry[1]] or (subtracts and entry[0] == 1))


def _put(file: Any, name: str, values: Array) -> None:
    file.create_dataset(name, data=np.asarray(values, dtype=np.float32), track_times=False)


def _array(network: Any, name: str, number: int) -> Array:
    return np.asarray(network[f"{name}/vars/{number}"], dtype=np.float64)


def _number(name: str) -> int:
    """Return the number of a layer: ``dense``, ``dense_1``, ..."""
    _, _, number = name.partition("_")
    return int(number or 0)
