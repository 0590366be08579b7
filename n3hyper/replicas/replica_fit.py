"""The fit of one replica as the store keeps it: numbers, PDFs, weights and curves.

It travels as plain data from the process that fits (on whatever host) to the one that writes files,
and stays in the store, so that a folder can be made whole again from it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.errors import StoreError
from n3hyper.hyper_optimization.stores.packed import DOUBLE, SINGLE, pack_array, unpack_array
from n3hyper.physics.arrays import Array


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of one network, and the exponents of its preprocessing."""

    layers: tuple[tuple[Array, Array], ...]
    """Kernel (blocks, inputs, outputs) and bias (blocks, outputs) of each layer; a dense network is
    one block, one with a network for each flavour has as many as flavours."""
    alpha: Array
    """(nfit,)"""
    beta: Array
    """(nfit,)"""


@dataclass(frozen=True, eq=False)
class ReplicaFit:
    """Result of a replica at its best epoch (or its last one, where none was accepted)."""

    number: int
    """From 1 on; its data, split and network follow from it and the runcard's seeds."""
    setup: int
    """Which of the ensemble's setups, from 0 on."""
    training_chi2: float
    """Per point, on its pseudodata."""
    validation_chi2: float
    chi2: float
    """Per point, of all measured values with the covariance of the fit."""
    best_epoch: int
    """From 0 on."""
    stop_epoch: int
    """Last epoch of the training, from 0 on."""
    positive: bool
    """Whether an epoch was accepted: positivity passed, validation chi2 below its threshold."""
    finite: bool
    """Whether training met no number that is not finite."""
    arc_lengths: Array
    """(5,), see `n3hyper.physics.distributions.arc_lengths`."""
    integrability: Array
    """(5,), see `n3hyper.physics.distributions.integrability_numbers`."""
    pdf: Array
    """(nx, 14): x f in the evolution basis on `n3hyper.physics.xgrid.export_xgrid`."""
    predictions: Array
    """(ndata,): of the data, in single precision."""
    curves: Array
    """(T, 2): training and validation chi2 per point after each 100 epochs."""
    weights: Weights

    @property
    def failure(self) -> str:
        """Why the replica cannot be used, or nothing."""
        if not self.finite or not np.isfinite(self.pdf).all() or not np.isfinite(self.chi2):
            return "nan"
        return "" if self.positive else "positivity"

    def encode(self) -> dict[str, Any]:
        """Return it in plain types."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        arrays = {name: pack_array(getattr(self, name), dtype) for name, dtype in _ARRAYS.items()}
        layers = [[pack_array(part, DOUBLE) for part in layer] for layer in self.weights.layers]
        exponents = [pack_array(self.weights.alpha, DOUBLE), pack_array(self.weights.beta, DOUBLE)]
        return {**numbers, **arrays, "layers": layers, "exponents": exponents}

    @classmethod
    def decode(cls, record: Any) -> ReplicaFit:
        """Return the replica that `encode` wrote; anybody may have written what a database holds.

        Raises
        ------
        StoreError
            It is something else.
        """
        try:
            numbers = {
                name: kind(np.nan if record[name] is None and kind is float else record[name])
                for name, kind in _NUMBERS.items()
            }
            arrays: dict[str, Any] = {name: unpack_array(record[name]) for name in _ARRAYS}
            layers = tuple(
                (unpack_array(kernel), unpack_array(bias)) for kernel, bias in record["layers"]
            )
            alpha, beta = map(unpack_array, record["exponents"])
            return cls(**numbers, **arrays, weights=Weights(layers, alpha, beta))
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise StoreError(
                f"not the fit of a replica: {type(error).__name__}: {error}"
            ) from error


_NUMBERS: Final[Mapping[str, type]] = {
    "number": int,
    "setup": int,
    "training_chi2": float,
    "validation_chi2": float,
    "chi2": float,
    "best_epoch": int,
    "stop_epoch": int,
    "positive": bool,
    "finite": bool,
}
_ARRAYS: Final[Mapping[str, str]] = {
    "arc_lengths": DOUBLE,
    "integrability": DOUBLE,
    "pdf": DOUBLE,
    "predictions": SINGLE,
    "curves": SINGLE,
}
