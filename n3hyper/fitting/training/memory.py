"""Estimate of the memory that a batch of models takes.

A batch that would not fit is trained in several, one after the other. That changes no bit of the
results (`n3hyper.fitting.products`), so that the estimate need not be exact, and the memory of the
machine is none of the things that a scan depends on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from n3hyper.errors import RuncardError
from n3hyper.fitting.loss.tables import Product
from n3hyper.fitting.training.optimizers import OPTIMIZERS
from n3hyper.fitting.training.trial import TrialModels
from n3hyper.runcard.model import Runcard
from n3hyper.system.memory import USABLE, available, in_words, resident

SMALLEST: Final = 4
"""Number of models of the smallest batch: below three the bits would depend on it."""
COMPILING: Final = 400 * 2**20
"""Bytes that compiling a program takes beside its batch, with what else comes and goes."""
MARGIN: Final = 1.25
"""Factor on what can be counted: a step holds some of it twice (measured, of 1,804 points)."""
WEIGHT_BYTES: Final = 40
"""Bytes of a weight of a model at least: it is drawn in float64, and a step holds six float32."""


def model_bytes(trial: TrialModels, item: int) -> int:
    """Return what one more model adds to the memory of a batch, at its highest.

    The covariances of training and validation, which are made in float64; and in
    the precision of the training, what a step holds at a time: activations and their gradients at
    all nodes, rows of the tables, data and residuals, and the vectors of the optimizer. Counts of
    copies are those that fit measured peaks: ``python -m tests.benchmarks.batch_memory``.

    Parameters
    ----------
    item
        Bytes of a number of the training: 4 or 8.
    """
    inputs, shape = trial.inputs, trial.layout.architecture
    covariances, exact = inputs.likelihood.numbers_of_a_model
    nodes = inputs.problem.theory.xgrid.size + inputs.quadrature.nodes.size
    hidden = shape.blocks * shape.hidden * (shape.depth - 1) * (2 + shape.dropout)
    activations = nodes * (shape.blocks * shape.inputs + hidden + 4 * shape.nfit)
    rows = 2 * sum(_rows(product) for product in inputs.likelihood.features.products)
    data = 12 * inputs.problem.theory.npredictions
    optimizer = OPTIMIZERS[trial.settings.optimizer.name]
    weights = (6 + len(optimizer.initial)) * shape.size
    step = item * (covariances + activations + rows + data + weights)
    return int(MARGIN * (step + 8 * (covariances + exact)))


def _rows(product: Product) -> int:
    """Return how many numbers a product gives of a model."""
    return len(product.matrix) * (1 + len(product.forms))


def largest_batch(
    trial: TrialModels, item: int, memory: int | None, device: int | None = None
) -> int:
    """Return how many models may be trained together, at least `SMALLEST`.

    Parameters
    ----------
    memory
        Bytes that this process may take in all; None for a part of what is free.
    device
        Bytes of the GPU, where there is one.
    """
    needed = model_bytes(trial, item)
    free = available() if memory is None else memory - resident()
    rooms = [] if free is None else [free - COMPILING]
    if device is not None:
        rooms.append(int(USABLE * device))
    fitting = min((room // needed for room in rooms), default=trial.inputs.models)
    return max(fitting, SMALLEST)


def refuse_wide_networks(runcard: Runcard, memory: int | None = None) -> None:
    """Raise RuncardError where the weights of a network of a scan alone do not fit into memory.

    Parameters
    ----------
    memory
        Bytes that the fits may take; None for most of what is free.
    """
    free = available() if memory is None else memory
    for key, nodes in _widest_networks(runcard):
        weights = sum((below + 1) * above for below, above in zip((1, *nodes), nodes, strict=False))
        needed = weights * SMALLEST * WEIGHT_BYTES
        if free is not None and needed > free:
            raise RuncardError(
                "too wide",
                source=runcard.source,
                key=key,
                value=list(nodes),
                hint=f"{SMALLEST} networks of {weights:.3g} weights take {in_words(needed)} of"
                f" memory, and {in_words(free)} are free",
            )


def _widest_networks(runcard: Runcard) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield key and widths of each network that a scan may draw, of ranges those of the widest."""
    yield "parameters.nodes_per_layer", runcard.parameters["nodes_per_layer"]
    for number, setup in enumerate(runcard.hyperscan.get("parameters", ())):
        yield f"hyperscan_config.parameters[{number}].nodes_per_layer", setup["nodes_per_layer"]
    ranges = runcard.hyperscan.get("architecture", {})
    if "n_layers" in ranges:
        hidden = [ranges["max_units"]] * max(ranges["n_layers"])
        yield "hyperscan_config.architecture.max_units", [*hidden, len(runcard.fitting.basis)]
