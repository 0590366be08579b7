"""A trial as arrays: what of a problem stays from trial to trial, and what a trial adds to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from n3hyper.data.problem import FitProblem
from n3hyper.errors import FitError
from n3hyper.fitting.engine import Program
from n3hyper.fitting.initial import fold_seeds, initial_exponents, initial_layers
from n3hyper.fitting.lagrange import lagrange_arrays
from n3hyper.fitting.layout import Architecture, Layout
from n3hyper.fitting.likelihood import ModelMasks, likelihood_arrays
from n3hyper.fitting.network import PDFInputs
from n3hyper.fitting.pdf_model import PDFModel
from n3hyper.fitting.scaling import InputScaling, feature_scaling
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.tables import Tables, make_tables
from n3hyper.physics.bases import fitbasis_to_evolution
from n3hyper.physics.preprocessing import Preprocessing
from n3hyper.physics.quadrature import Quadrature, sum_rule_quadrature
from n3hyper.physics.sum_rules import SumRules, sum_rules

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FitInputs:
    """All of a scan that does not change from trial to trial."""

    problem: FitProblem
    preprocessing: Preprocessing
    rotation: Array
    """(nfit, 14)"""
    rules: SumRules | None
    quadrature: Quadrature

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

    @cached_property
    def tables(self) -> Tables:
        """The theory, as the fit reads it."""
        return make_tables(self.problem.theory, self.problem.ndata, self.rotation, self.rules)

    @cached_property
    def masks(self) -> ModelMasks:
        """The points that each model is fitted to."""
        return ModelMasks.of(self.problem)

    @property
    def models(self) -> int:
        """Folds times replicas."""
        return len(self.masks.training)

    @property
    def folds(self) -> int:
        """Number of folds, at least one."""
        return self.models // self.problem.replicas

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each model, fold by fold."""
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
    def fixed_arrays(self) -> dict[str, Any]:
        """Tables, data and covariances."""
        tables = self.tables
        data_order = tables.order[: tables.ndata]
        return {
            "matrices": tuple(product.matrix for product in tables.products),
            "signs": tuple(product.signs for product in tables.products),
            "unvalidated": (~self.masks.validated).astype(np.float64),
            **likelihood_arrays(self.problem, self.masks, data_order),
        }


@dataclass(frozen=True, eq=False)
class Trial:
    """One set of hyperparameters, ready to be trained."""

    inputs: FitInputs
    settings: FitSettings
    scaling: InputScaling
    layout: Layout

    @classmethod
    def of(cls, inputs: FitInputs, settings: FitSettings) -> Trial:
        """A trial.

        Raises
        ------
        FitError
            when the network does not end with the number of fitted flavours.
        """
        nfit = inputs.preprocessing.nfit
        if settings.nodes[-1] != nfit:
            raise FitError(
                f"parameters.nodes_per_layer: {list(settings.nodes)}; the last one must be {nfit},"
                " the number of flavours in fitting.basis"
            )
        points = settings.feature_scaling_points
        theory = inputs.problem.theory
        nodes = theory.xgrid if theory.table_nodes is None else theory.table_nodes
        scaling = feature_scaling(nodes, points) if points else InputScaling()
        architecture = Architecture.of(settings, inputs.models, scaling.ninputs, nfit)
        return cls(inputs, settings, scaling, Layout.of(settings, architecture))

    def program(self) -> Program:
        """What must be compiled for it."""
        tables = self.inputs.tables
        return Program(
            architecture=self.layout.architecture,
            optimizer=self.settings.optimizer.name,
            segments=tables.segments,
            data_segments=tables.data_segments,
            products=tuple((each.start, each.quadratic) for each in tables.products),
        )

    def initial_weights(self) -> Array:
        """(models, P)"""
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
        """By weight (P,): its walls, whether it trains or is of a kernel, its variable (P, nv)."""
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
        variable = self.layout.variable_of_weight()
        return {
            "lowest": lowest,
            "highest": highest,
            "trainable": trainable,
            "kernels": self.layout.kernels(),
            "variables": np.equal.outer(variable, np.arange(shape.variables)).astype(np.float64),
        }
