"""A trial: one set of hyperparameters, ready to train all models or some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from n3hyper.errors import HyperparameterError
from n3hyper.fitting.loss.lagrange import LagrangeArrays, lagrange_arrays
from n3hyper.fitting.loss.predictions import TheoryShape
from n3hyper.fitting.network.dropout import DropoutArrays
from n3hyper.fitting.network.forward import NetworkArrays, PDFInputs
from n3hyper.fitting.network.initial import initial_layers
from n3hyper.fitting.network.layout import Architecture, Layout
from n3hyper.fitting.network.pdf_model import NetworkWeights, PDFModel
from n3hyper.fitting.network.scaling import InputScaling, feature_scaling
from n3hyper.fitting.settings import FitSettings
from n3hyper.fitting.training.engine import (
    Program,
    StepArrays,
    UpdateArrays,
    WeightArrays,
)
from n3hyper.fitting.training.inputs import FitInputs, ModelArrays, SharedArrays
from n3hyper.fitting.training.optimizers import VariableArrays
from n3hyper.fitting.training.stopping import StoppingArrays
from n3hyper.physics.arrays import Array, Index


class TrialArrays(NamedTuple):
    """Arrays that a trial adds to `SharedArrays` and `ModelArrays`."""

    lagrange: LagrangeArrays
    network: NetworkArrays
    dropout: DropoutArrays
    weights: WeightArrays
    update: UpdateArrays
    stopping: StoppingArrays


@dataclass(frozen=True, eq=False)
class TrialModels:
    """One set of hyperparameters, and the models that are trained with it."""

    inputs: FitInputs
    settings: FitSettings
    scaling: InputScaling
    layout: Layout
    models: Index
    """(m,): the numbers of the models."""
    start: NetworkWeights | None = None
    """Weights of all models to start from; None where they are drawn."""

    @classmethod
    def of(
        cls, inputs: FitInputs, settings: FitSettings, start: NetworkWeights | None = None
    ) -> TrialModels:
        """Return the trial of all models.

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
        return cls(inputs, settings, scaling, layout, np.arange(inputs.models), start)

    def part(self, models: Index) -> TrialModels:
        """Return the trial of some models, which may be there more than once."""
        architecture = replace(self.layout.architecture, models=len(models))
        return replace(self, layout=replace(self.layout, architecture=architecture), models=models)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each of the models."""
        return tuple(self.inputs.seeds[model] for model in self.models)

    def program(self) -> Program:
        """Return what must be compiled for the trial."""
        return Program(
            architecture=self.layout.architecture,
            optimizer=self.settings.optimizer.name,
            theory=TheoryShape.of(self.inputs.likelihood.features),
        )

    def initial_weights(self) -> Array:
        """Return the weights before the first epoch, (m, P)."""
        if self.start is not None:
            start = self.start.select(self.models)
            return self.layout.flatten(start.layers, start.alpha, start.beta)
        layers = initial_layers(
            self.settings.nodes,
            self.settings.activations,
            self.seeds,
            inputs=self.scaling.ninputs,
            initializer=self.settings.initializer,
            layer_type=self.settings.layer_type,
        )
        alpha, beta = (exponents[self.models] for exponents in self.inputs.exponents)
        return self.layout.flatten(layers, alpha, 0.0 * beta if self.scaling.subtracts else beta)

    def pdf_model(self, weights: Array, models: slice) -> PDFModel:
        """Return some of the models with their weights (m, P) as PDFs."""
        layers, alpha, beta = self.layout.unflatten(weights[models])
        return PDFModel(
            layers=layers,
            alpha=alpha,
            beta=beta,
            rotation=self.inputs.rotation,
            rules=self.inputs.rules,
            constants=self.inputs.constants[self.models][models],
            inputs=self.scaling,
            quadrature=self.inputs.quadrature,
        )

    def arrays(self) -> TrialArrays:
        """Return what the trial adds to what its models have in all trials, in NumPy."""
        inputs, settings = self.inputs, self.settings
        pdf_inputs = PDFInputs(
            xgrid=inputs.problem.theory.xgrid,
            quadrature=inputs.quadrature,
            scaling=self.scaling,
            rotation=inputs.rotation,
            flavours=inputs.tables.basis.flavours,
            rules=inputs.rules,
            constants=inputs.constants[self.models],
        )
        constraints = inputs.tables.order[inputs.tables.ndata :]
        return TrialArrays(
            lagrange=lagrange_arrays(inputs.problem, settings, constraints),
            network=pdf_inputs.arrays(self.layout),
            dropout=DropoutArrays(
                rate=settings.dropout,
                seeds=np.array(self.seeds, dtype=np.uint64).astype(np.uint32),
            ),
            weights=self._weight_arrays(),
            update=UpdateArrays(
                learning_rate=settings.optimizer.learning_rate,
                clipnorm=settings.optimizer.clipnorm,
                l1=settings.regularizer.l1,
                l2=settings.regularizer.l2,
                epochs=np.int32(settings.epochs),
            ),
            stopping=StoppingArrays(
                threshold_chi2=settings.threshold_chi2,
                delta=settings.stopping_delta,
                patience=np.int32(settings.patience),
            ),
        )

    def step_arrays(self, shared: SharedArrays, own: ModelArrays) -> StepArrays:
        """Return all numbers of a step.

        Parameters
        ----------
        shared, own
            Of `FitInputs`, in NumPy or as tensors.
        """
        likelihood = self.inputs.likelihood.step(shared.likelihood, own.likelihood, self.models)
        return StepArrays(
            theory=shared.theory,
            likelihood=likelihood,
            validation=own.validation,
            **self.arrays()._asdict(),
        )

    def _weight_arrays(self) -> WeightArrays:
        shape, preprocessing = self.layout.architecture, self.inputs.preprocessing
        lowest, highest = np.full(shape.size, -np.inf), np.full(shape.size, np.inf)
        trainable = np.ones(shape.size)
        for where, ranges in (
            (shape.alpha, preprocessing.smallx),
            (shape.beta, preprocessing.largex),
        ):
            fixed = ~preprocessing.trainable
            if where == shape.beta and self.scaling.subtracts:
                fixed = np.ones_like(fixed)
            trainable[where] = ~fixed
            low, high = ranges.T
            lowest[where] = np.where(fixed, -np.inf, low)
            highest[where] = np.where(fixed, np.inf, high)
        number = self.layout.variable_of_weight()
        variables = np.equal.outer(number, np.arange(shape.variables)).astype(np.float64)
        return WeightArrays(
            lowest=lowest,
            highest=highest,
            trainable=trainable,
            kernels=self.layout.kernels(),
            variables=VariableArrays(variables, variables.T.copy()),
        )
