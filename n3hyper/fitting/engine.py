"""The training of all models (folds x replicas) of a trial, as one compiled loop over epochs.

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
from typing import Any, Final, NamedTuple

from n3hyper.fitting import lagrange, likelihood, network, stopping
from n3hyper.fitting.backend import tensorflow
from n3hyper.fitting.layout import Architecture
from n3hyper.fitting.optimizers import OPTIMIZERS, clip_by_variable
from n3hyper.fitting.products import differentiable_product, product
from n3hyper.fitting.tables import FACTORS, FORMS, Segment, evaluate_segment

Tensor = Any
Tensors = dict[str, Any]


@dataclass(frozen=True)
class Program:
    """All that the compiled loop depends on beside the shapes of its arguments."""

    architecture: Architecture
    optimizer: str
    segments: tuple[Segment, ...]
    data_segments: int
    products: tuple[tuple[int, str], ...]
    """First node of the x-grid and kind, of each product."""


class State(NamedTuple):
    """What a step changes."""

    epoch: Tensor
    """int32: updates done."""
    weights: Tensor
    """(m, P)"""
    optimizer: tuple[Tensor, ...]
    monitor: stopping.Monitor


class Losses(NamedTuple):
    """What a step computes of the weights."""

    gradient: Tensor
    """(m, P): of the training loss in this epoch."""
    judgement: stopping.Judgement
    """Of the epoch before."""


def predictions(program: Program, arrays: Tensors, weights: Tensor, dropout: Any) -> Any:
    """Data (m, r + n: features and points) and constraints (m, nlagrange)."""
    tf = tensorflow()
    models = weights.shape[0]
    pdf = network.pdf(program.architecture, arrays, weights, dropout)
    rows = []
    for (start, kind), matrix, transposed, signs, forms in zip(
        program.products,
        arrays["matrices"],
        arrays["transposed"],
        arrays["signs"],
        arrays["forms"],
        strict=True,
    ):
        nodes = tf.reshape(pdf[:, start:], (models, -1))
        # m model, r row of the tables, v node of the x-grid and flavour
        values = differentiable_product(nodes, matrix, transposed)
        if kind == FACTORS:
            values = signs * values * values
        rows.append(quadratic_forms(forms, values) if kind == FORMS else values)

    def sum_groups(values: Tensor, size: int, rank: int) -> Tensor:
        return tf.reduce_sum(tf.reshape(values, (models, size, rank)), axis=2)

    made = [evaluate_segment(each, rows, sum_groups) for each in program.segments]
    constraints = made[program.data_segments :] or [tf.zeros((models, 0), weights.dtype)]
    return tf.concat(made[: program.data_segments], axis=1), tf.concat(constraints, axis=1)


def quadratic_forms(forms: Tensor, vectors: Tensor) -> Tensor:
    """u G u for all G (n, d, d) and u (m, d), (m, n); its derivative needs no further product."""
    tf = tensorflow()
    size, width = forms.shape[:2]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def values(u: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        # m model, n form, d combination of PDFs
        moved = product(u, tf.reshape(forms, (size * width, width)))
        moved = tf.reshape(moved, (u.shape[0], size, width))

        def derivative(upstream: Tensor) -> Tensor:
            return 2.0 * tf.reduce_sum(upstream[:, :, None] * moved, axis=1)

        return tf.reduce_sum(moved * u[:, None, :], axis=2), derivative

    return values(vectors)


def evaluate(program: Program, arrays: Tensors, weights: Tensor, epoch: Tensor) -> Losses:
    """The gradient of the training loss, and the validation of the epoch before."""
    tf = tensorflow()
    dropout = _dropout(program.architecture, arrays, epoch)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        data, constraints = predictions(program, arrays, weights, dropout)
    chi2, by_data, validation = likelihood.chi2_and_gradient(arrays, data)
    by_constraints = lagrange.gradient(arrays, constraints, epoch)
    gradient = tape.gradient(
        (data, constraints), weights, output_gradients=(by_data, by_constraints)
    )
    gradient += _regularisation_gradient(arrays, weights)
    if dropout is not None:
        data, constraints = predictions(program, arrays, weights, None)
        _, _, validation = likelihood.chi2_and_gradient(arrays, data)
    positivity, integrability = lagrange.losses(arrays, constraints, epoch - 1)
    loss = validation + tf.reduce_sum(positivity, axis=1)
    # a model without validation points is validated with its whole training loss
    loss += arrays["unvalidated"] * integrability
    positive = tf.reduce_all(positivity < arrays["positivity_threshold"], axis=1)
    finite = ~tf.math.is_nan(loss + chi2)
    validation_per_point = validation / arrays["validation_points"]
    training_per_point = chi2 / arrays["training_points"]
    return Losses(
        gradient,
        stopping.Judgement(loss, validation_per_point, positive, finite, training_per_point),
    )


def step(program: Program, arrays: Tensors, state: State) -> State:
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
    """
    tf = tensorflow()
    losses = evaluate(program, arrays, state.weights, state.epoch)
    monitor = stopping.observe(
        state.monitor, arrays, state.epoch - 1, state.weights, losses.judgement
    )
    gradient = clip_by_variable(
        losses.gradient * arrays["trainable"],
        arrays["clipnorm"],
        arrays["variables"],
        arrays["members"],
    )
    time = tf.cast(state.epoch + 1, gradient.dtype)
    decrease, optimizer = OPTIMIZERS[program.optimizer].update(
        time, gradient, arrays["learning_rate"], state.optimizer
    )
    updated = tf.clip_by_value(state.weights - decrease, arrays["lowest"], arrays["highest"])
    goes_on = (monitor.active & (state.epoch < arrays["epochs"]))[:, None]
    weights = tf.where(goes_on, updated, state.weights)
    return State(state.epoch + 1, weights, optimizer, monitor)


def start(program: Program, weights: Tensor, epochs: int) -> State:
    """The state before the first epoch."""
    tf = tensorflow()
    return State(
        epoch=tf.constant(0, tf.int32),
        weights=weights,
        optimizer=OPTIMIZERS[program.optimizer].state(weights),
        monitor=stopping.start(weights, tf.constant(epochs, tf.int32)),
    )


class Compiled:
    """The loop of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.traces = 0
        """How often the loop was compiled."""
        self._chunk: Callable[..., Any] = tensorflow().function(
            self._loop, jit_compile=True, autograph=False
        )

    def _loop(self, arrays: Tensors, state: State, steps: Tensor) -> State:
        tf = tensorflow()
        self.traces += 1
        last = state.epoch + steps

        def more(state: State) -> Tensor:
            return (state.epoch < last) & tf.reduce_any(state.monitor.active)

        def body(state: State) -> tuple[State]:
            return (step(self.program, arrays, state),)

        (end,) = tf.while_loop(more, body, (state,))
        return State(*end)

    def run(self, arrays: Tensors, state: State, steps: int) -> State:
        """So many steps, or fewer when all models have stopped."""
        result: State = self._chunk(arrays, state, tensorflow().constant(steps, "int32"))
        return result


_PROGRAMS: Final[dict[Program, Compiled]] = {}


def compiled(program: Program) -> Compiled:
    """The one compiled loop of a program."""
    return _PROGRAMS.setdefault(program, Compiled(program))


def compilations() -> int:
    """How many loops were compiled in this process."""
    return sum(each.traces for each in _PROGRAMS.values())


def _regularisation_gradient(arrays: Tensors, weights: Tensor) -> Tensor:
    """Of sum l1 |w| + l2 w^2 over the kernels of each model, (m, P).

    n3fit stops on losses of data and constraints alone, so that nothing else needs it.
    """
    slope = arrays["l1"] * tensorflow().sign(weights) + 2.0 * arrays["l2"] * weights
    return arrays["kernels"] * slope


def _dropout(shape: Architecture, arrays: Tensors, epoch: Tensor) -> Tensor | None:
    """Random factors 0 or 1 / (1 - rate), (m * blocks, nodes, hidden).

    They are a function of the model's own seed and the epoch (a hash, MurmurHash3's finalizer),
    so that a model's fit does not depend on its batch.
    """
    if not shape.dropout:
        return None
    tf = tensorflow()
    nodes = arrays["features"].shape[0]
    shift = tf.bitwise.right_shift

    def mix(value: Tensor) -> Tensor:
        for multiplier, bits in ((0x85EBCA6B, 16), (0xC2B2AE35, 13)):
            value = tf.bitwise.bitwise_xor(value, shift(value, tf.constant(bits, tf.uint32)))
            value = value * tf.constant(multiplier, tf.uint32)
        return tf.bitwise.bitwise_xor(value, shift(value, tf.constant(16, tf.uint32)))

    places = tf.reshape(
        tf.range(shape.blocks * nodes * shape.hidden, dtype=tf.int32),
        (1, shape.blocks, nodes, shape.hidden),
    )
    seeds = mix(arrays["dropout_seeds"] + mix(tf.cast(epoch, tf.uint32)))
    bits = mix(seeds[:, None, None, None] + mix(tf.cast(places, tf.uint32)))
    uniform = tf.cast(shift(bits, tf.constant(8, tf.uint32)), arrays["features"].dtype) * 2.0**-24
    kept = tf.cast(uniform >= arrays["dropout"], arrays["features"].dtype)
    factors = kept / (1.0 - arrays["dropout"])
    return tf.reshape(factors, (shape.models * shape.blocks, nodes, shape.hidden))
