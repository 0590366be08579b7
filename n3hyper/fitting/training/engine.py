"""Training of the models (folds x replicas) of a trial, as one compiled loop over epochs.

A step evaluates the networks once: the predictions of the weights after epoch e - 1 give the
validation of epoch e - 1 and the gradient of epoch e. So the loop runs once more than there are
epochs, and its last step only validates. With dropout the validation needs networks of its own.

The loop is compiled (XLA) for a `Program`: what shapes and structure are. All numbers are
arguments, in chunks of epochs whose length is a number too, so that a trial with other numbers or
other widths in the same bucket runs at once. Programs are kept; they hold no arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from n3hyper.fitting.backend import Tensor, tensorflow
from n3hyper.fitting.loss import lagrange
from n3hyper.fitting.loss.likelihood import StepLikelihood
from n3hyper.fitting.loss.predictions import ProductArrays, TheoryShape, predictions
from n3hyper.fitting.network.dropout import DropoutArrays, dropout_factors
from n3hyper.fitting.network.forward import NetworkArrays, pdf
from n3hyper.fitting.network.layout import Architecture
from n3hyper.fitting.training import stopping
from n3hyper.fitting.training.optimizers import (
    OPTIMIZERS,
    OptimizerState,
    VariableArrays,
    clip_by_variable,
)


@dataclass(frozen=True)
class Program:
    """Key of a compiled loop: all that it depends on beside the shapes of its arguments."""

    architecture: Architecture
    optimizer: str
    theory: TheoryShape


class WeightArrays(NamedTuple):
    """Walls and kinds of the P weights of a model."""

    lowest: Tensor
    """(P,): walls, where a weight has them; else infinite."""
    highest: Tensor
    trainable: Tensor
    """(P,): 1 for weights that train."""
    kernels: Tensor
    """(P,): 1 for weights of kernels."""
    variables: VariableArrays


class UpdateArrays(NamedTuple):
    """Numbers of an update of the weights, each a scalar."""

    learning_rate: Tensor
    clipnorm: Tensor
    l1: Tensor
    l2: Tensor
    epochs: Tensor
    """int32"""


class ValidationArrays(NamedTuple):
    """Numbers of validation points of a batch."""

    points: Tensor
    """(m,): number of validation points."""
    without: Tensor
    """(m,): 1 for models without validation points."""
    training_points: Tensor
    """(m,): number of training points, for the chi2 along the fit."""


class StepArrays(NamedTuple):
    """Numbers that a step reads, all of them."""

    theory: tuple[ProductArrays, ...]
    likelihood: StepLikelihood
    validation: ValidationArrays
    lagrange: lagrange.LagrangeArrays
    network: NetworkArrays
    dropout: DropoutArrays
    weights: WeightArrays
    update: UpdateArrays
    stopping: stopping.StoppingArrays


class State(NamedTuple):
    """State that a step changes."""

    epoch: Tensor
    """int32: number of updates done."""
    weights: Tensor
    """(m, P)"""
    optimizer: OptimizerState
    monitor: stopping.Monitor


class Losses(NamedTuple):
    """Results of a step that do not change the weights yet."""

    gradient: Tensor
    """(m, P): gradient of the training loss in this epoch."""
    judgement: stopping.Judgement
    """Validation of the epoch before."""


def predict(
    program: Program, arrays: StepArrays, weights: Tensor, dropout: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return data (m, q) and constraints (m, nlagrange) of weights (m, P)."""
    values = pdf(program.architecture, arrays.network, weights, dropout)
    return predictions(program.theory, arrays.theory, values)


def evaluate(program: Program, arrays: StepArrays, weights: Tensor, epoch: Tensor) -> Losses:
    """Return the gradient of the training loss, and the validation of the epoch before."""
    tf = tensorflow()
    nodes = arrays.network.inputs.shape[0]
    dropout = dropout_factors(program.architecture, arrays.dropout, nodes, epoch)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        data, constraints = predict(program, arrays, weights, dropout)
    chi2, by_data, validation = arrays.likelihood.chi2_and_gradient(data)
    by_constraints = lagrange.gradient(arrays.lagrange, constraints, epoch)
    gradient = tape.gradient(
        (data, constraints), weights, output_gradients=(by_data, by_constraints)
    )
    gradient += _regularisation_gradient(arrays, weights)
    if dropout is not None:
        data, constraints = predict(program, arrays, weights, None)
        validation = arrays.likelihood.chi2_and_gradient(data).validation
    positivity, integrability = lagrange.losses(arrays.lagrange, constraints, epoch - 1)
    loss = validation + tf.reduce_sum(positivity, axis=1)
    # a model without validation points is validated with its whole training loss
    loss += arrays.validation.without * integrability
    positive = tf.reduce_all(positivity < arrays.lagrange.threshold, axis=1)
    finite = ~tf.math.is_nan(loss + chi2)
    validation_per_point = validation / arrays.validation.points
    training_per_point = chi2 / arrays.validation.training_points
    return Losses(
        gradient,
        stopping.Judgement(loss, validation_per_point, positive, finite, training_per_point),
    )


def step(program: Program, arrays: StepArrays, state: State) -> State:
    """Validate the epoch before, then train for one epoch those models that go on.

    What bounds it, with the data of 14 DIS sets (1,804 points, 32 models in two lanes; measured on
    two cores with ``python -m tests.benchmarks.engine``): 8.8 million float32 numbers are read, 7.1
    of them the panels of the chi2 (74,000 a model and mask, that of the training twice), 0.9 tables
    and 0.7 forms of hadronic positivity sets; 50 million multiplications are done, 15 of them in
    the networks, and 0.24 million activation functions. Reading takes 1.0 ms, multiplications would
    take 0.3 beside it, and the functions 0.2 more: 1.2 ms, of which a step takes 1.7. Its time goes
    into the panels (a third), the networks (a third, half of it element by element), hadronic forms
    (an eighth), tables (a tenth) and optimizers (a twentieth). A single model takes 0.36 ms where
    0.15 would do: some hundred small operations cost 1 to 2 microseconds each to begin.

    With the data of a global fit (44 sets, 2,287 points, 900 of them hadronic) the compressed
    tables are what counts: 2.8 million numbers, read for the predictions and again for the
    gradient, beside 0.3 million of the chi2 of each model. A single model takes 1.4 ms, 1.0 of them
    in products with the tables, and 1.2 times the bound. The 16 models of a lane take 10 ms, more
    than half of them in these products: XLA copies each matrix into an order of its own first.
    """
    tf = tensorflow()
    losses = evaluate(program, arrays, state.weights, state.epoch)
    monitor = stopping.observe(
        state.monitor, arrays.stopping, state.epoch - 1, state.weights, losses.judgement
    )
    gradient = clip_by_variable(
        losses.gradient * arrays.weights.trainable,
        arrays.update.clipnorm,
        arrays.weights.variables,
    )
    time = tf.cast(state.epoch + 1, gradient.dtype)
    decrease, optimizer = OPTIMIZERS[program.optimizer].update(
        time, gradient, arrays.update.learning_rate, state.optimizer
    )
    updated = tf.clip_by_value(
        state.weights - decrease, arrays.weights.lowest, arrays.weights.highest
    )
    goes_on = (monitor.active & (state.epoch < arrays.update.epochs))[:, None]
    weights = tf.where(goes_on, updated, state.weights)
    return State(state.epoch + 1, weights, optimizer, monitor)


def start(program: Program, weights: Tensor, epochs: int) -> State:
    """Return the state before the first epoch."""
    tf = tensorflow()
    return State(
        epoch=tf.constant(0, tf.int32),
        weights=weights,
        optimizer=OPTIMIZERS[program.optimizer].state(weights),
        monitor=stopping.start(weights, tf.constant(epochs, tf.int32)),
    )


class Compiled:
    """The compiled loop of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.traces = 0
        """Number of times that the loop was compiled."""
        self._chunk: Callable[[StepArrays, State, Tensor], State] = tensorflow().function(
            self._loop, jit_compile=True, autograph=False
        )

    def _loop(self, arrays: StepArrays, state: State, steps: Tensor) -> State:
        tf = tensorflow()
        self.traces += 1
        last = state.epoch + steps

        def more(state: State) -> Tensor:
            return (state.epoch < last) & tf.reduce_any(state.monitor.active)

        def body(state: State) -> tuple[State]:
            return (step(self.program, arrays, state),)

        (end,) = tf.while_loop(more, body, (state,))
        return State(*end)

    def run(self, arrays: StepArrays, state: State, steps: int) -> State:
        """Return the state after so many steps, or fewer when all models have stopped."""
        return self._chunk(arrays, state, tensorflow().constant(steps, "int32"))


_PROGRAMS: Final[dict[Program, Compiled]] = {}


def compiled(program: Program) -> Compiled:
    """Return the compiled loop of a program, of which there is one."""
    return _PROGRAMS.setdefault(program, Compiled(program))


def compilations() -> int:
    """Return how many loops were compiled in this process."""
    return sum(loop.traces for loop in _PROGRAMS.values())


def _regularisation_gradient(arrays: StepArrays, weights: Tensor) -> Tensor:
    """Return the gradient of sum l1 |w| + l2 w^2 over the kernels of each model, (m, P).

    n3fit stops on losses of data and constraints alone, so that nothing else needs the sum.
    """
    l1, l2 = arrays.update.l1, arrays.update.l2
    slope = l1 * tensorflow().sign(weights) + 2.0 * l2 * weights
    return arrays.weights.kernels * slope
