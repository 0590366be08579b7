"""Preprocessing factor x^(1 - alpha) (1 - x)^beta of each output of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from n3hyper.physics.arrays import Array, Mask

LOG_OF_ZERO: Final = -1e4
"""Stands for log(1 - x) at x = 1: finite, so that gradients are, and its exponential is zero."""


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """Ranges of the exponents alpha and beta, flavour by flavour in the order of the outputs."""

    flavours: tuple[str, ...]
    smallx: Array
    """(nfit, 2): lowest and highest alpha."""
    largex: Array
    """(nfit, 2): lowest and highest beta."""
    trainable: Mask
    """(nfit,): whether the exponents are fitted."""

    @classmethod
    def from_basis(cls, basis: Iterable[Any]) -> Preprocessing:
        """Return the ranges of the runcard's `fitting.basis`, typed or as plain dictionaries.

        >>> Preprocessing.from_basis([{"fl": "g", "smallx": [0.9, 1.2], "largex": [0, 5]}]).smallx
        array([[0.9, 1.2]])
        """
        entries = [_entry(flavour) for flavour in basis]
        return cls(
            flavours=tuple(str(entry["fl"]) for entry in entries),
            smallx=np.array([entry["smallx"] for entry in entries], dtype=np.float64),
            largex=np.array([entry["largex"] for entry in entries], dtype=np.float64),
            trainable=np.array([bool(entry.get("trainable", True)) for entry in entries]),
        )

    @property
    def nfit(self) -> int:
        """Number of fitted flavours."""
        return len(self.flavours)


def _entry(flavour: Any) -> Mapping[str, Any]:
    if isinstance(flavour, Mapping):
        return flavour
    names = ("fl", "smallx", "largex", "trainable")
    return {name: getattr(flavour, name) for name in names}


def log_factors(x: Array) -> Array:
    """Return log x and log(1 - x), (nx, 2); the latter is `LOG_OF_ZERO` at x = 1."""
    rest = 1.0 - x
    safe = np.where(rest > 0.0, rest, 1.0)
    return np.stack([np.log(x), np.where(rest > 0.0, np.log(safe), LOG_OF_ZERO)], axis=-1)


def prefactor(x: Array, alpha: Array, beta: Array) -> Array:
    """Return x^(1 - alpha) (1 - x)^beta.

    Parameters
    ----------
    x
        (nx,)
    alpha, beta
        (..., nfit)

    Returns
    -------
    array (..., nx, nfit)
    """
    logs = log_factors(x)
    exponent = (1.0 - alpha)[..., None, :] * logs[:, :1] + beta[..., None, :] * logs[:, 1:]
    return np.asarray(np.exp(exponent))
