"""How much memory a batch of models takes, and how much there is.

A batch that would not fit is trained in several, one after the other. That changes no bit of the
results (`n3hyper.fitting.products`), so that the estimate need not be exact, and the memory of the
machine is none of the things that a scan depends on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from n3hyper.errors import RuncardError
from n3hyper.fitting.batch import Trial
from n3hyper.fitting.covariance_blocks import BlockCovariance
from n3hyper.fitting.optimizers import OPTIMIZERS
from n3hyper.fitting.panels import panel_numbers
from n3hyper.fitting.tables import Product
from n3hyper.runcard.model import Runcard
from n3hyper.system.memory import USABLE, available, in_words, resident

SMALLEST: Final = 4
"""Models of the smallest batch: below three the bits would depend on the number."""
COMPILING: Final = 400 * 2**20
"""Bytes that the compilation of a program takes beside its batch, and what else comes and goes."""
MARGIN: Final = 1.25
"""On what can be counted: a step holds some things twice, measured on a problem of 1,804 points."""
WEIGHT_BYTES: Final = 40
"""Of each weight of a model at least: it is drawn in float64, and a step holds six float32."""


def model_bytes(trial: Trial, item: int) -> int:
    """What one more model adds to the memory of a batch, at its highest.

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
    features = inputs.features
    covariances = exact = 0
    if inputs.problem.mode_masks is None:
        forms = panel_numbers(features.size, features.attachments)
        covariances = 2 * (_squares(features.rest) + forms)
        exact = 2 * _squares(features.whole)
    elif features.size:
        covariances = 2 * panel_numbers(features.size + features.order.size, 0)
    nodes = inputs.problem.theory.xgrid.size + inputs.quadrature.nodes.size
    hidden = shape.blocks * shape.hidden * (shape.depth - 1) * (2 + shape.dropout)
    activations = nodes * (shape.blocks * shape.inputs + hidden + 4 * shape.nfit)
    rows = 2 * sum(_rows(product) for product in features.products)
    data = 12 * inputs.problem.theory.npredictions
    optimizer = OPTIMIZERS[trial.settings.optimizer.name]
    weights = (6 + len(optimizer.initial)) * shape.size
    step = item * (covariances + activations + rows + data + weights)
    return int(MARGIN * (step + 8 * (covariances + exact)))


def _squares(covariance: BlockCovariance) -> int:
    """Numbers of A^-1 of all blocks."""
    widths = [int(block.systematics.shape[1]) for block in covariance.blocks]
    return sum(width * width for width in widths)


def _rows(product: Product) -> int:
    """Numbers that a product gives of a model."""
    return len(product.matrix) * (1 + len(product.forms))


def largest_batch(trial: Trial, item: int, memory: int | None, device: int | None = None) -> int:
    """How many models may be trained together, at least `SMALLEST`.

    Parameters
    ----------
    memory
        Bytes that this process may take in all; None for a part of what is free.
    device
        Bytes of the GPU, where there is one.
    """
    each = model_bytes(trial, item)
    free = available() if memory is None else memory - resident()
    rooms = [] if free is None else [free - COMPILING]
    if device is not None:
        rooms.append(int(USABLE * device))
    fitting = min((room // each for room in rooms), default=trial.inputs.models)
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
    """Key and widths of each network that a scan may come to, of ranges those of the widest."""
    yield "parameters.nodes_per_layer", runcard.parameters["nodes_per_layer"]
    for number, setup in enumerate(runcard.hyperscan.get("parameters", ())):
        yield f"hyperscan_config.parameters[{number}].nodes_per_layer", setup["nodes_per_layer"]
    ranges = runcard.hyperscan.get("architecture", {})
    if "n_layers" in ranges:
        hidden = [ranges["max_units"]] * max(ranges["n_layers"])
        yield "hyperscan_config.architecture.max_units", [*hidden, len(runcard.fitting.basis)]
