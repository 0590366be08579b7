"""A trial as arrays: what of a problem stays from trial to trial, and what a trial adds to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem
from n3hyper.errors import HyperparameterError
from n3hyper.fitting import likelihood, modes
from n3hyper.fitting.engine import Program
from n3hyper.fitting.features import Features, make_features, make_features_of_modes
from n3hyper.fitting.initial import fold_seeds, initial_exponents, initial_layers
from n3hyper.fitting.lagrange import lagrange_arrays
from n3hyper.fitting.layout import Architecture, Layout
from n3hyper.fitting.likelihood import ModelMasks, points
from n3hyper.fitting.network import PDFInputs
from n3hyper.fitting.pdf_model import NetworkWeights, PDFModel
from n3hyper.fitting.scaling import InputScaling, feature_scaling
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.table_maker import make_tables
from n3hyper.fitting.tables import Tables
from n3hyper.physics.bases import fitbasis_to_evolution
from n3hyper.physics.preprocessing import Preprocessing
from n3hyper.physics.quadrature import Quadrature, sum_rule_quadrature
from n3hyper.physics.sum_rules import SumRules, sum_rules

Array = NDArray[np.float64]
Index = NDArray[np.int64]

TRAINING_AND_VALIDATION: Final = ("masks", "inverses", "chi2_offset", "chi2_start")
"""Arrays with an entry for the training of each model, and then for each validation."""


@dataclass(frozen=True, eq=False)
class FitInputs:
    """All of a scan that does not change from trial to trial.

    It is that of all models (folds x replicas, fold by fold), or a `part` of some of them.
    """

    problem: FitProblem
    preprocessing: Preprocessing
    rotation: Array
    """(nfit, 14)"""
    rules: SumRules | None
    quadrature: Quadrature
    whole: FitInputs | None = None
    """Of which it is a part; None for all models."""
    chosen: Index | None = None
    """The numbers of the models of a part."""
    alike: FitInputs | None = None
    """Inputs of other replicas of the same data and theory, whose tables are used."""

    @classmethod
    def of(
        cls, problem: FitProblem, fitbasis: str, basis: Sequence[Any], mode: str | bool | None
    ) -> FitInputs:
        """From a problem, the runcard's `fitting` and its `sum_rules`."""
        preprocessing = Preprocessing.from_basis(basis)
        return cls(
            problem=problem,
            preprocessing=preprocessing,
            rotation=fitbasis_to_evolution(fitbasis, preprocessing.flavours),
            rules=sum_rules(mode, fitbasis),
            quadrature=sum_rule_quadrature(),
        )

    def with_problem(self, problem: FitProblem) -> FitInputs:
        """The inputs of other replicas of the same data and theory, with the tables of these."""
        return replace(self, problem=problem, alike=self.alike or self)

    def part(self, models: Index) -> FitInputs:
        """The inputs of some of all models; what models share is shared with the whole."""
        return replace(self, whole=self, chosen=models)

    @property
    def _first(self) -> FitInputs | None:
        """The inputs that have what does not depend on replicas; None for these themselves."""
        return self.whole if self.whole is not None else self.alike

    @cached_property
    def tables(self) -> Tables:
        """The theory, as the fit reads it."""
        if self._first is not None:
            return self._first.tables
        return make_tables(self.problem.theory, self.problem.ndata, self.rotation, self.rules)

    @cached_property
    def features(self) -> Features:
        """The theory, as a step of the training reads it."""
        if self._first is not None:
            return self._first.features
        make = make_features if self.problem.mode_masks is None else make_features_of_modes
        return make(self.tables, self.problem.fit_covariance)

    @cached_property
    def _modes(self) -> Array:
        """The eigenmodes of all folds, where these are split."""
        return modes.modes_of(self.problem) if self._first is None else self._first._modes

    @property
    def _by_fold(self) -> bool:
        """Whether models of a fold share its modes in a step."""
        return self.problem.mode_masks is not None and not self.features.size

    @property
    def _folds_of_models(self) -> Index:
        return self.numbers // self.problem.replicas

    @cached_property
    def masks(self) -> ModelMasks:
        """The points that each model is fitted to."""
        if self.whole is not None:
            return self.whole.masks.of_models(self.numbers)
        return ModelMasks.of(self.problem)

    @property
    def folds(self) -> int:
        """Number of folds of the problem, at least one."""
        return max(len(self.problem.folds), 1)

    @property
    def numbers(self) -> Index:
        """Of these models among all, (m,)."""
        return np.arange(self.folds * self.problem.replicas) if self.chosen is None else self.chosen

    @property
    def models(self) -> int:
        """How many: folds times replicas, or those of a part."""
        return len(self.numbers)

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each model, fold by fold."""
        if self.whole is not None:
            return tuple(self.whole.seeds[number] for number in self.numbers)
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
        if self.whole is not None:
            alpha, beta = self.whole.exponents
            return alpha[self.numbers], beta[self.numbers]
        return initial_exponents(self.preprocessing, self.seeds)

    @cached_property
    def shared_arrays(self) -> dict[str, Any]:
        """Tables and covariance: what all models share."""
        if self._first is not None:
            return self._first.shared_arrays
        products = self.features.products
        return {
            "matrices": tuple(product.matrix for product in products),
            "transposed": tuple(product.matrix.T.copy() for product in products),
            "signs": tuple(product.signs for product in products),
            "forms": tuple(product.forms for product in products),
            **self._covariance_arrays(),
        }

    def _covariance_arrays(self) -> dict[str, Any]:
        if self.problem.mode_masks is None:
            return likelihood.shared_arrays(self.features, self.problem.ndata)
        if self._by_fold:
            return modes.shared_arrays(self._modes, self.features.order)
        return modes.scale(self.features)

    @cached_property
    def model_arrays(self) -> dict[str, Any]:
        """Data, masks and covariances, of each model its own."""
        if self.whole is not None and self.whole.keeps_arrays:
            return self.whole.select(self.whole.model_arrays, self.numbers) | self._fold_arrays()
        return {
            "unvalidated": (~self.masks.validated).astype(np.float64),
            "validation_points": points(self.masks.validation),
            "training_points": points(self.masks.training),
            **self._arrays_of_data(),
            **self._fold_arrays(),
        }

    @property
    def keeps_arrays(self) -> bool:
        """Whether those of models are there, so that parts need not make theirs."""
        return "model_arrays" in vars(self)

    @property
    def _data(self) -> Array:
        """(m, ndata): what each model is fitted to."""
        return self.problem.replica_data[self.numbers % self.problem.replicas]

    def _arrays_of_data(self) -> dict[str, Any]:
        masks = self.masks
        if self.problem.mode_masks is None:
            return likelihood.model_arrays(self.features, masks, self._data)
        training, validation = masks.training, masks.validation
        if self._by_fold:
            return modes.model_arrays(training, validation, self._data, self.features.order)
        return modes.arrays_of_features(
            self.features,
            self._modes,
            self._folds_of_models,
            (training, validation),
            self._data,
        )

    def _fold_arrays(self) -> dict[str, Any]:
        return modes.fold_arrays(self._folds_of_models) if self._by_fold else {}

    @cached_property
    def exact_arrays(self) -> dict[str, Any]:
        """Data and covariances of all points, for the chi2 of results in float64."""
        if self.problem.mode_masks is not None:
            shared = modes.exact_shared_arrays(self._modes)
        else:
            shared = likelihood.exact_shared_arrays(self.features.whole)
        if self.whole is not None and self.whole.keeps_arrays:
            return shared | self.whole.select(self.whole.exact_model_arrays, self.numbers)
        return shared | self.exact_model_arrays

    @cached_property
    def exact_model_arrays(self) -> dict[str, Any]:
        """Those of `exact_arrays` that each model has of its own."""
        masks = self.masks
        if self.problem.mode_masks is None:
            return likelihood.exact_model_arrays(self.features.whole, masks, self._data)
        every = np.arange(self.problem.ndata)
        made = modes.model_arrays(masks.training, masks.validation, self._data, every)
        return {**made, "folds": self._folds_of_models}

    @property
    def units(self) -> Index:
        """(u, w): the numbers of models that are trained in the same batch.

        Single ones; where models of a fold share its eigenmodes, those of a replica in all folds.
        """
        together = self.folds if self._by_fold else 1
        return np.arange(self.models).reshape(together, -1).T

    def select(self, arrays: dict[str, Any], places: Index) -> dict[str, Any]:
        """Of arrays with an entry for each of these models, those of some."""
        twice = np.concatenate([places, places + self.models])

        def chosen(name: str, values: Any) -> Any:
            if isinstance(values, tuple):
                return tuple(chosen(name, each) for each in values)
            return values[twice if name in TRAINING_AND_VALIDATION else places]

        return {name: chosen(name, values) for name, values in arrays.items()}

    @cached_property
    def fixed_arrays(self) -> dict[str, Any]:
        """All of them."""
        return {**self.shared_arrays, **self.model_arrays}


@dataclass(frozen=True, eq=False)
class Trial:
    """One set of hyperparameters, ready to be trained."""

    inputs: FitInputs
    settings: FitSettings
    scaling: InputScaling
    layout: Layout
    start: NetworkWeights | None = None
    """Of all models; None where weights are drawn."""

    @classmethod
    def of(
        cls, inputs: FitInputs, settings: FitSettings, start: NetworkWeights | None = None
    ) -> Trial:
        """A trial.

        Raises
        ------
        HyperparameterError
            when the network does not end with the number of fitted flavours, or is not of the shape
            of the weights that it is to start from.
        """
        nfit = inputs.preprocessing.nfit
        if settings.nodes[-1] != nfit:
            raise HyperparameterError(
                f"parameters.nodes_per_layer: {list(settings.nodes)}; the last one must be {nfit},"
                " the number of flavours in fitting.basis"
            )
        points = settings.feature_scaling_points
        theory = inputs.problem.theory
        nodes = theory.xgrid if theory.table_nodes is None else theory.table_nodes
        scaling = feature_scaling(nodes, points) if points else InputScaling()
        architecture = Architecture.of(settings, inputs.models, scaling.ninputs, nfit)
        layout = Layout.of(settings, architecture)
        if start is not None:
            layout.check(start)
        return cls(inputs, settings, scaling, layout, start)

    def part(self, models: Index) -> Trial:
        """The trial of some of all models."""
        inputs, shape = self.inputs.part(models), self.layout.architecture
        layout = replace(self.layout, architecture=replace(shape, models=len(models)))
        start = None if self.start is None else self.start.select(models)
        return replace(self, inputs=inputs, layout=layout, start=start)

    def program(self) -> Program:
        """What must be compiled for it."""
        features = self.inputs.features
        return Program(
            architecture=self.layout.architecture,
            optimizer=self.settings.optimizer.name,
            segments=features.segments,
            data_segments=features.data_segments,
            products=tuple((each.start, each.kind) for each in features.products),
        )

    def initial_weights(self) -> Array:
        """(models, P)"""
        if self.start is not None:
            return self.layout.flatten(self.start.layers, self.start.alpha, self.start.beta)
        layers = initial_layers(
            self.settings.nodes,
            self.settings.activations,
            self.inputs.seeds,
            inputs=self.scaling.ninputs,
            initializer=self.settings.initializer,
            layer_type=self.settings.layer_type,
        )
        alpha, beta = self.inputs.exponents
        return self.layout.flatten(layers, alpha, 0.0 * beta if self.scaling.subtracts else beta)

    def pdf_model(self, weights: Array, models: slice) -> PDFModel:
        """Some of the models with their weights (models, P) as PDFs."""
        layers, alpha, beta = self.layout.unflatten(weights[models])
        return PDFModel(
            layers=layers,
            alpha=alpha,
            beta=beta,
            rotation=self.inputs.rotation,
            rules=self.inputs.rules,
            constants=self.inputs.constants[models],
            inputs=self.scaling,
            quadrature=self.inputs.quadrature,
        )

    def arrays(self) -> dict[str, Any]:
        """What the trial adds to `FitInputs.fixed_arrays`."""
        inputs, settings = self.inputs, self.settings
        pdf_inputs = PDFInputs(
            xgrid=inputs.problem.theory.xgrid,
            quadrature=inputs.quadrature,
            scaling=self.scaling,
            rotation=inputs.rotation,
            basis=inputs.tables.basis,
            rules=inputs.rules,
            constants=inputs.constants,
        )
        constraints = inputs.tables.order[inputs.tables.ndata :]
        return {
            **pdf_inputs.arrays(self.layout),
            **lagrange_arrays(inputs.problem, settings, constraints),
            **self._weight_arrays(),
            "learning_rate": settings.optimizer.learning_rate,
            "clipnorm": settings.optimizer.clipnorm,
            "threshold_chi2": settings.threshold_chi2,
            "delta": settings.stopping_delta,
            "dropout": settings.dropout,
            "l1": settings.regularizer.l1,
            "l2": settings.regularizer.l2,
            "patience": np.int32(settings.patience),
            "epochs": np.int32(settings.epochs),
            "dropout_seeds": np.array(inputs.seeds, dtype=np.uint64).astype(np.uint32),
        }

    def _weight_arrays(self) -> dict[str, Array]:
        """By weight (P,): walls, whether it trains, is of a kernel; variables (P, nv), (nv, P)."""
        shape, preprocessing = self.layout.architecture, self.inputs.preprocessing
        lowest, highest = np.full(shape.size, -np.inf), np.full(shape.size, np.inf)
        trainable = np.ones(shape.size)
        for where, ranges in ((shape.alpha, "smallx"), (shape.beta, "largex")):
            fixed = ~preprocessing.trainable
            if where == shape.beta and self.scaling.subtracts:
                fixed = np.ones_like(fixed)
            trainable[where] = ~fixed
            low, high = getattr(preprocessing, ranges).T
            lowest[where] = np.where(fixed, -np.inf, low)
            highest[where] = np.where(fixed, np.inf, high)
        number = self.layout.variable_of_weight()
        variables = np.equal.outer(number, np.arange(shape.variables)).astype(np.float64)
        return {
            "lowest": lowest,
            "highest": highest,
            "trainable": trainable,
            "kernels": self.layout.kernels(),
            "variables": variables,
            "members": variables.T.copy(),
        }
