"""Penalties that the loss of a trial may carry, by the names used in `kfold.penalties`.

Each public function of this module that takes `pdf_model` and `stopping_object` by keyword is a
penalty. To add one, write it here: a runcard finds it by its name. Each takes

pdf_model
    A callable on x of shape (1, nx, 1) giving x f in the evolution basis, (1, nx, 14, replicas),
    or (1, nx, 14) for a single network.
stopping_object
    What the early stopping knows of the replicas: best epochs, patience, validation loss.

and returns an array with one penalty a replica, or a float for a single network. What a penalty
does not need it ignores (``**_kwargs``), so that all of them can be called alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np

from n3hyper.errors import RuncardError
from n3hyper.physics.arrays import Array
from n3hyper.physics.distributions import (
    INTEGRABILITY_THRESHOLD,
    INTEGRABILITY_X,
    integrability_numbers,
)

PDFModel = Callable[[Array], Array]

SIGMA, GLUON = 1, 2
INTEGRABILITY_CEILING: Final = 50.0
"""Where the exponent is cut, so that the penalty stays below 1e22."""
_SLOPE_OFFSET: Final = 1e-7


class StoppingObject(Protocol):
    """Stopping information that `patience` reads; `vl_loss` may have n3fit's name `vl_chi2`."""

    @property
    def e_best_chi2(self) -> Any:
        """Best epoch of each replica, (replicas,) or a number."""

    @property
    def stopping_patience(self) -> Any:
        """Patience in epochs."""

    @property
    def total_epochs(self) -> Any:
        """Epochs that were asked for."""


def _per_replica(values: Any) -> Any:
    """The array, or a plain float when there is no axis of replicas."""
    return values if np.ndim(values) else float(values)


def _evaluate(pdf_model: PDFModel | None, x: Array) -> Array:
    """x f on the nodes `x` (nx,), as (nx, 14, ...)."""
    if pdf_model is None:
        raise TypeError("this penalty needs a pdf_model")
    pdf: Array = np.asarray(pdf_model(x.reshape(1, -1, 1)), dtype=np.float64)[0]
    return pdf


def saturation(
    pdf_model: PDFModel | None = None,
    n: int = 100,
    min_x: float = 1e-6,
    max_x: float = 1e-4,
    flavors: Sequence[int] | None = None,
    **_kwargs: Any,
) -> Any:
    """Large where x f is flat at small x, the sign of a network that has saturated.

    The slope d(x f)/d(log10 x) is taken between neighbours of `n` points; a flavour adds
    1 / (|mean slope| + standard deviation of the slope).

    Parameters
    ----------
    n
        Points, equidistant in log x.
    min_x, max_x
        Where the slope is looked at.
    flavors
        Indices in the evolution basis; Sigma and the gluon when not given.

    Returns
    -------
    array (replicas,), or a float for a single network

    Examples
    --------
    >>> from n3hyper.hyper_optimization.penalties import saturation
    >>> from n3hyper.fitting.model_gen import pdfNN_layer_generator
    >>> fake_fl = [
    ...     {"fl": i, "largex": [0, 1], "smallx": [1, 2]}
    ...     for i in ["u", "ubar", "d", "dbar", "c", "g", "s", "sbar"]
    ... ]
    >>> pdf_model = pdfNN_layer_generator(
    ...     nodes=[8], activations=["linear"], seed=0, flav_info=fake_fl, fitbasis="FLAVOUR"
    ... )
    >>> isinstance(saturation(pdf_model, 5), float)
    True

    A slope of one everywhere, for Sigma and the gluon:

    >>> linear = lambda x: np.log10(x) * np.ones(14)
    >>> round(saturation(linear, 5), 6)
    2.0
    """
    x = np.geomspace(min_x, max_x, n)
    chosen = [SIGMA, GLUON] if flavors is None else list(flavors)
    xpdf = _evaluate(pdf_model, x)[:, chosen]
    step = np.diff(np.log10(x)).reshape(-1, *[1] * (xpdf.ndim - 1))
    slope = np.diff(xpdf, axis=0) / step
    steepness = np.abs(slope.mean(axis=0)) + slope.std(axis=0)
    return _per_replica(np.sum(1.0 / (_SLOPE_OFFSET + steepness), axis=0))


def patience(stopping_object: Any, alpha: float = 1e-4, **_kwargs: Any) -> Any:
    """Large where the best epoch lies far from the last one that patience allows.

    It is vl exp(alpha |total epochs - patience - best epoch|), with vl the validation loss: at a
    distance of 10,000 epochs the exponential gives 2.7.

    Parameters
    ----------
    stopping_object
        A `StoppingObject`.
    alpha
        Inverse of the distance, in epochs, over which the penalty grows by e.

    Returns
    -------
    array (replicas,), or a float for a single network

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> fake_stopping = SimpleNamespace(
    ...     e_best_chi2=1000, stopping_patience=500, total_epochs=5000, vl_loss=2.42
    ... )
    >>> patience(fake_stopping, alpha=1e-4)
    3.434143467595683
    """
    best = np.asarray(stopping_object.e_best_chi2)
    loss = getattr(stopping_object, "vl_loss", None)
    vl_loss = np.asarray(stopping_object.vl_chi2 if loss is None else loss, dtype=np.float64)
    distance = np.abs(stopping_object.total_epochs - stopping_object.stopping_patience - best)
    return _per_replica(np.asarray(vl_loss * np.exp(alpha * distance)))


def integrability(pdf_model: PDFModel | None = None, **_kwargs: Any) -> Any:
    """Large where a distribution that must be integrable does not vanish at small x.

    The integrability number of a flavour is the sum of |x f| at x = 1e-9, 1e-8, 1e-7; numbers up
    to 0.5 do not count. The penalty is exp(sum over V, T3, V3, T8, V8) - 1, the sum being cut
    at 50.

    Returns
    -------
    array (replicas,), or a float for a single network

    Examples
    --------
    >>> from n3hyper.hyper_optimization.penalties import integrability
    >>> from n3hyper.fitting.model_gen import pdfNN_layer_generator
    >>> fake_fl = [
    ...     {"fl": i, "largex": [0, 1], "smallx": [1, 2]}
    ...     for i in ["u", "ubar", "d", "dbar", "c", "g", "s", "sbar"]
    ... ]
    >>> pdf_model = pdfNN_layer_generator(
    ...     nodes=[8], activations=["linear"], seed=0, flav_info=fake_fl, fitbasis="FLAVOUR"
    ... )
    >>> isinstance(integrability(pdf_model), float)
    True

    The numbers 0.3, which does not count, and 0.6 for all five:

    >>> integrability(lambda x: 0.1 * np.ones((1, 3, 14)))
    0.0
    >>> integrability(lambda x: 0.2 * np.ones((1, 3, 14, 2))).round(3)
    array([19.086, 19.086])
    """
    # (nx, 14, ...), of which the numbers are asked for with the axes (..., nx, 14)
    xpdf = _evaluate(pdf_model, np.array(INTEGRABILITY_X))
    numbers = integrability_numbers(np.moveaxis(xpdf, (0, 1), (-2, -1)))
    excess = np.where(numbers <= INTEGRABILITY_THRESHOLD, 0.0, numbers).sum(axis=-1)
    return _per_replica(np.expm1(np.minimum(excess, INTEGRABILITY_CEILING)))


def find_penalties(names: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """Return the penalties of a runcard's ``kfold.penalties``, by name.

    Raises
    ------
    RuncardError
        This module has no penalty of that name.

    Examples
    --------
    >>> find_penalties(["patience"])["patience"] is patience
    True
    """
    found: dict[str, Callable[..., Any]] = {}
    for number, name in enumerate(names):
        penalty = None if name.startswith("_") else globals().get(name)
        if not inspect.isfunction(penalty) or not _is_penalty(penalty):
            raise RuncardError(
                "unknown penalty",
                key=f"kfold.penalties[{number}]",
                value=name,
                hint="it is a function in penalties.py that takes pdf_model and stopping_object "
                "by keyword",
            )
        found[name] = penalty
    return found


def _is_penalty(function: Callable[..., Any]) -> bool:
    """Return whether an object can be called as all penalties are."""
    try:
        inspect.signature(function).bind(pdf_model=None, stopping_object=None)
    except TypeError:
        return False
    return True
