"""Inputs of all fits of a scan: what stays from trial to trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from n3hyper.data.fingerprint import fingerprint
from n3hyper.data.problem import FitProblem
from n3hyper.fitting.loss.covariance_blocks import own_uncertainties
from n3hyper.fitting.loss.exact import predict
from n3hyper.fitting.loss.features import Features, make_features, make_features_of_modes
from n3hyper.fitting.loss.likelihood import Arrays, Likelihood, selected
from n3hyper.fitting.loss.masks import ModelMasks, number_of_points
from n3hyper.fitting.loss.mode_features import ModeFeatures
from n3hyper.fitting.loss.modes import Modes
from n3hyper.fitting.loss.points import Points
from n3hyper.fitting.loss.predictions import ProductArrays, product_arrays
from n3hyper.fitting.loss.seen import check
from n3hyper.fitting.loss.table_making.compression import ACCURACY, DRAWN, Plausible, Precision
from n3hyper.fitting.loss.table_making.table_maker import make_tables
from n3hyper.fitting.loss.tables import Tables, flavour_basis
from n3hyper.fitting.network.initial import fold_seeds, initial_exponents
from n3hyper.fitting.network.plausible import plausible_pdfs
from n3hyper.fitting.training.engine import ValidationArrays
from n3hyper.physics.arrays import Array, Index
from n3hyper.physics.bases import fitbasis_to_evolution
from n3hyper.physics.preprocessing import Preprocessing
from n3hyper.physics.quadrature import Quadrature, sum_rule_quadrature
from n3hyper.physics.sum_rules import SumRules, sum_rules

CHECKED: Final = 12
"""How many PDFs compressed tables are checked with."""


class SharedArrays(NamedTuple):
    """Arrays that all models share in all trials."""

    theory: tuple[ProductArrays, ...]
    likelihood: Arrays


class ModelArrays(NamedTuple):
    """Arrays that each model has of its own in all trials."""

    validation: ValidationArrays
    likelihood: Arrays


@dataclass(frozen=True, eq=False)
class FitInputs:
    """Inputs of the fits of a scan, which do not change from trial to trial.

    Models are folds x replicas, fold by fold, and known by their numbers.
    """

    problem: FitProblem
    preprocessing: Preprocessing
    rotation: Array
    """(nfit, 14)"""
    rules: SumRules | None
    quadrature: Quadrature
    accuracy: float | None = ACCURACY
    """Of the training (`n3hyper.fitting.loss.table_making.compression`); None without loss."""

    @classmethod
    def of(
        cls,
        problem: FitProblem,
        fitbasis: str,
        basis: Sequence[Any],
        mode: str | bool | None,
        accuracy: float | None = ACCURACY,
    ) -> FitInputs:
        """Return the inputs of a problem, with the runcard's `fitting` and its `sum_rules`."""
        preprocessing = Preprocessing.from_basis(basis)
        return cls(
            problem=problem,
            preprocessing=preprocessing,
            rotation=fitbasis_to_evolution(fitbasis, preprocessing.flavours),
            rules=sum_rules(mode, fitbasis),
            quadrature=sum_rule_quadrature(),
            accuracy=accuracy,
        )

    def with_problem(self, problem: FitProblem) -> FitInputs:
        """Return the inputs of other replicas of the same data and theory, with these tables."""
        other = replace(self, problem=problem)
        likelihood = self.likelihood.with_problem(problem, other.masks)
        # what a cached property would compute again
        vars(other).update(
            tables=self.tables, likelihood=likelihood, shared_arrays=self.shared_arrays
        )
        return other

    @property
    def folds(self) -> int:
        """Number of folds of the problem, at least one."""
        return max(len(self.problem.folds), 1)

    @property
    def models(self) -> int:
        """Number of models: folds times replicas."""
        return self.folds * self.problem.replicas

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each model."""
        replicas = [int(seed) for seed in self.problem.nn_seeds]
        return tuple(seed for fold in range(self.folds) for seed in fold_seeds(replicas, fold))

    @cached_property
    def constants(self) -> Array:
        """(models, 14), see `SumRules.constants`."""
        if self.rules is None:
            return np.ones((self.models, self.rotation.shape[1]))
        return self.rules.constants(self.seeds)

    @cached_property
    def exponents(self) -> tuple[Array, Array]:
        """Initial alpha and beta, each (models, nfit)."""
        return initial_exponents(self.preprocessing, self.seeds)

    @cached_property
    def tables(self) -> Tables:
        """The theory of all predictions, as steps read it but for features."""
        problem = self.problem
        return make_tables(problem.theory, problem.ndata, self.rotation, self.rules, self.precision)

    @cached_property
    def precision(self) -> Precision | None:
        """Precision of predictions in steps; None for all that there is."""
        if self.accuracy is None:
            return None
        pdfs = self.plausible(DRAWN)
        flavours = flavour_basis(self.rotation, self.rules).flavours
        return Precision(
            Plausible(pdfs[..., flavours]),
            own_uncertainties(self.problem.fit_covariance),
            self.accuracy,
            self._key,
        )

    @property
    def _key(self) -> str:
        """Return what compressed tables depend on; empty for a theory that is not from files."""
        theory = self.problem.fingerprints.get("theory")
        if theory is None:
            return ""
        known = own_uncertainties(self.problem.fit_covariance)
        return fingerprint(
            theory, known, self.preprocessing, self.rotation, self.rules, self.accuracy
        )

    @cached_property
    def masks(self) -> ModelMasks:
        """The points that each model is fitted to."""
        return ModelMasks.of(self.problem)

    @cached_property
    def likelihood(self) -> Likelihood:
        """The data, with the theory as steps read it."""
        features = self._features
        if self.problem.mode_masks is None:
            return Points(self.problem, self.masks, features)
        kind = ModeFeatures if features.size else Modes
        return kind(self.problem, self.masks, features)

    @cached_property
    def _features(self) -> Features:
        problem, precision = self.problem, self.precision
        make = make_features if problem.mode_masks is None else make_features_of_modes
        features = make(self.tables, problem.fit_covariance, precision)
        if precision is not None:
            pdfs = self.plausible(CHECKED, seed=1)
            expected = predict(problem.theory, pdfs)[:, : problem.ndata]
            chosen = pdfs[..., self.tables.basis.flavours]
            check(features, chosen, expected, problem.central, precision)
        return features

    def plausible(self, number: int, seed: int = 0) -> Array:
        """Return x f on the x-grid of some PDFs that a fit can take, (about `number`, nx, 14)."""
        return plausible_pdfs(
            self.problem.theory.xgrid,
            self.preprocessing,
            self.rotation,
            self.rules,
            self.quadrature,
            number,
            seed,
        )

    @property
    def units(self) -> Index:
        """(u, w): the numbers of models that are trained in the same batch.

        Single ones; where models of a fold share numbers, those of a replica in all folds.
        """
        together = self.folds if self.likelihood.by_fold else 1
        return np.arange(self.models).reshape(together, -1).T

    @cached_property
    def shared_arrays(self) -> SharedArrays:
        """Arrays that all models share in a step, in NumPy."""
        return SharedArrays(product_arrays(self.likelihood.features), self.likelihood.shared)

    @cached_property
    def model_arrays(self) -> ModelArrays:
        """Arrays that each of all models has of its own in a step, in NumPy."""
        return self._model_arrays(np.arange(self.models))

    @property
    def keeps_arrays(self) -> bool:
        """Return whether `model_arrays` were made, so that none have to be made anew."""
        return "model_arrays" in vars(self)

    def arrays_of(self, models: Index) -> ModelArrays:
        """Return the `model_arrays` of some models; the same bits, kept or made alone."""
        if self.keeps_arrays:
            return selected(self.model_arrays, models, self.models)
        return self._model_arrays(models)

    def exact_chi2(self, models: Index, predictions: Array) -> tuple[Array, Array]:
        """Return training and validation chi2 (m,) of some models, in float64.

        Parameters
        ----------
        predictions
            (m, ndata) in the problem's order.
        """
        if self.keeps_arrays:
            own = selected(self._exact_arrays, models, self.models)
        else:
            own = self.likelihood.exact(models)
        return self.likelihood.exact_chi2(own, predictions)

    @cached_property
    def _exact_arrays(self) -> Arrays:
        return self.likelihood.exact(np.arange(self.models))

    def _model_arrays(self, models: Index) -> ModelArrays:
        masks = self.masks
        return ModelArrays(
            ValidationArrays(
                points=number_of_points(masks.validation[models]),
                without=(~masks.validated[models]).astype(np.float64),
                training_points=number_of_points(masks.training[models]),
            ),
            self.likelihood.of_models(models),
        )
