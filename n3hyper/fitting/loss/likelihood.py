"""Likelihood: the chi2 of all models against the data that each of them is fitted to.

There are three, with one interface: `n3hyper.fitting.loss.points` where data points are split
between training and validation; where eigenmodes are split, `n3hyper.fitting.loss.mode_features`
as long as features stand for enough points, and `n3hyper.fitting.loss.modes` otherwise.

Models are those of a fit (folds times replicas, fold by fold) and are known by their numbers. The
numbers of a likelihood are NamedTuples of arrays: what all models share, and what each model has of
its own, where an array has an entry for each model, or one for the training of each model and then
one for each validation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np

from n3hyper.data.problem import FitProblem
from n3hyper.fitting.backend import Tensor
from n3hyper.fitting.loss.features import Features
from n3hyper.fitting.loss.masks import ModelMasks
from n3hyper.physics.arrays import Array, Index

Arrays = tuple[Any, ...]
"""A NamedTuple of arrays, of tuples of arrays, and of further NamedTuples."""
SomeArrays = TypeVar("SomeArrays", bound=Arrays)


class Chi2(NamedTuple):
    """The chi2 of a batch of m models."""

    training: Tensor
    """(m,)"""
    gradient: Tensor
    """(m, q): of the training, by what the theory gives."""
    validation: Tensor
    """(m,)"""


class StepLikelihood(Protocol):
    """A likelihood as a step reads it: a NamedTuple of tensors."""

    def chi2_and_gradient(self, data: Tensor) -> Chi2:
        """Return the chi2 of what the data segments of the theory give, (m, q)."""


@dataclass(frozen=True, eq=False)
class Likelihood(ABC):
    """A likelihood in NumPy, from which steps get their numbers."""

    problem: FitProblem
    masks: ModelMasks
    features: Features
    """The theory as a step reads it."""

    by_fold: ClassVar[bool] = False
    """Whether models of a fold share numbers, so that a batch has as many models of each fold."""

    @property
    @abstractmethod
    def shared(self) -> Arrays:
        """Arrays that all models share in a step."""

    @abstractmethod
    def of_models(self, models: Index) -> Arrays:
        """Return the arrays that each of some models (m,) has of its own in a step."""

    @abstractmethod
    def step(self, shared: Arrays, own: Arrays, models: Index) -> StepLikelihood:
        """Return the likelihood of a batch of models, from `shared` and `of_models`."""

    @abstractmethod
    def exact(self, models: Index) -> Arrays:
        """Return the arrays that each of some models has of its own in `exact_chi2`."""

    @abstractmethod
    def exact_chi2(self, own: Arrays, predictions: Array) -> tuple[Array, Array]:
        """Return training and validation chi2 (m,) of all predictions (m, ndata), in float64."""

    @property
    @abstractmethod
    def numbers_of_a_model(self) -> tuple[int, int]:
        """Count of the large numbers that a model has of its own: in a step, in `exact_chi2`."""

    def with_problem(self, problem: FitProblem, masks: ModelMasks) -> Likelihood:
        """Return the likelihood of other replicas of the same data, with what replicas share."""
        other = replace(self, problem=problem, masks=masks)
        found = vars(self)
        known = {str(name): found[name] for name in ("shared", "modes") if name in found}
        vars(other).update(known)
        return other

    def data_of(self, models: Index) -> Array:
        """Return what each of some models is fitted to, (m, ndata)."""
        return self.problem.replica_data[models % self.problem.replicas]

    def folds_of(self, models: Index) -> Index:
        """Return the fold of each of some models, (m,)."""
        return models // self.problem.replicas


def selected(own: SomeArrays, places: Index, models: int) -> SomeArrays:
    """Return the arrays of some models.

    Parameters
    ----------
    own
        What each of `models` models has of its own.
    places
        (m,): which of them.
    """
    both = np.concatenate([places, places + models])

    def chosen(values: Any) -> Any:
        if isinstance(values, tuple):
            return _like(values, tuple(map(chosen, values)))
        if len(values) not in (models, 2 * models):
            raise ValueError(f"an array of {len(values)} entries is not one of {models} models")
        return values[places if len(values) == models else both]

    result: SomeArrays = chosen(own)
    return result


def leaves(arrays: Arrays) -> list[Any]:
    """Return all arrays of a tree of tuples."""
    found: list[Any] = []
    for entry in arrays:
        found.extend(leaves(entry) if isinstance(entry, tuple) else [entry])
    return found


def _like(values: Arrays, entries: Arrays) -> Arrays:
    """Return entries as a tuple of the type of `values`."""
    return type(values)(*entries) if hasattr(values, "_fields") else entries
