"""Bound on the speed of a training step on this machine, from what the step reads and computes.

The bound is the longer of two times, that of reading all tables and forms once (twice where the
derivative needs them again) and that of all multiplications, plus that of the activation functions.
The machine's rates are measured, with arrays as large as those of the step and on all cores:
reading by sums, multiplications by a product of large matrices, functions by tanh in XLA.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from n3hyper.fitting.backend import lanes_at_most, tensorflow
from n3hyper.fitting.loss.points import PointsInStep
from n3hyper.fitting.training.engine import Program, StepArrays


@dataclass(frozen=True)
class Work:
    """Work that a step of the batch must do at least."""

    numbers: int
    """float32 numbers read of tables and covariances."""
    multiplications: int
    functions: int
    """Evaluations of activation functions."""

    @classmethod
    def of_all(cls, parts: Iterable[Work]) -> Work:
        """Return the work of several batches side by side."""
        return cls(*map(sum, zip(*map(astuple, parts), strict=True)))


def work(program: Program, arrays: StepArrays) -> Work:
    """The work of a step of a program with such arrays."""
    shape = program.architecture
    numbers = multiplications = 0
    for product in arrays.theory:
        numbers += 2 * size(product.matrix) + size(product.forms)
        multiplications += shape.models * (2 * size(product.matrix) + size(product.forms))
    likelihood = arrays.likelihood
    assert isinstance(likelihood, PointsInStep)
    # those of the training are read again for the gradient
    training, validation = likelihood.own.forms.training, likelihood.own.forms.validation
    forms_of_chi2 = sum(
        2 * size(train) + size(validate)
        for train, validate in zip(training, validation, strict=True)
    )
    numbers += forms_of_chi2
    multiplications += forms_of_chi2
    for inverses in likelihood.own.inverses:
        numbers += size(inverses)
        multiplications += size(inverses)
    for systematics in likelihood.shared.systematics:
        numbers += 2 * size(systematics)
        multiplications += 4 * shape.models * size(systematics)
    nodes = int(arrays.network.inputs.shape[0])
    weights = sum(a * b for a, b in map(shape.layer_shape, range(shape.depth)))
    batch = shape.models * shape.blocks * nodes
    return Work(
        numbers, multiplications + 3 * batch * weights, batch * (shape.depth - 1) * shape.hidden
    )


def size(array: Any) -> int:
    """Return the number of entries."""
    return int(np.prod(array.shape))


@dataclass(frozen=True)
class Machine:
    """Rates of this machine."""

    numbers: float
    """float32 numbers read a second."""
    multiplications: float
    """With the addition of each."""
    functions: float

    @classmethod
    def measured(cls, numbers: int) -> Machine:
        """Measure the rates with arrays of this many numbers in all."""
        tf = tensorflow()
        cores = lanes_at_most()
        parts = [np.ones(max(numbers // cores, 1000), dtype=np.float32) for _ in range(cores)]
        square = np.ones((1500, 1500), dtype=np.float32)
        values = tf.ones(2_000_000)
        tanh = tf.function(tf.tanh, jit_compile=True)
        with ThreadPoolExecutor(cores) as threads:
            reading = min(
                least_seconds(lambda: list(threads.map(np.sum, parts))),
                # of little the threads cost more than they save
                least_seconds(lambda: [part.sum() for part in parts]),
            )
        return cls(
            cores * parts[0].size / reading,
            1500**3 / least_seconds(lambda: square @ square),
            2e6 / least_seconds(lambda: tanh(values).numpy()),
        )

    def seconds(self, least: Work) -> float:
        """Return the bound of a step."""
        reading, computing = (
            least.numbers / self.numbers,
            least.multiplications / self.multiplications,
        )
        return max(reading, computing) + least.functions / self.functions


def least_seconds(do: Callable[[], Any], times: int = 15) -> float:
    """Return the shortest of some times, without the first."""
    do()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        do()
        taken.append(time.perf_counter() - begin)
    return min(taken)
