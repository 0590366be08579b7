"""How much memory a batch of models takes, and how much there is.

A batch that would not fit is trained in several, one after the other. That changes no bit of the
results (`n3hyper.fitting.products`), so that the estimate need not be exact, and the memory of the
machine is none of the things that a scan depends on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from n3hyper.fitting.batch import Trial
from n3hyper.fitting.covariance_blocks import BlockCovariance
from n3hyper.fitting.optimizers import OPTIMIZERS
from n3hyper.fitting.panels import panel_numbers
from n3hyper.fitting.tables import Product

SMALLEST: Final = 4
"""Models of the smallest batch: below three the bits would depend on the number."""
COMPILING: Final = 400 * 2**20
"""Bytes that the compilation of a program takes beside its batch, and what else comes and goes."""
MARGIN: Final = 1.25
"""On what can be counted: a step holds some things twice, measured on a problem of 1,804 points."""
USABLE: Final = 0.8
"""Of the memory that is free, where nobody has said how much may be taken."""


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
    free = _available() if memory is None else memory - resident()
    rooms = [] if free is None else [free - COMPILING]
    if device is not None:
        rooms.append(int(USABLE * device))
    fitting = min((room // each for room in rooms), default=trial.inputs.models)
    return max(fitting, SMALLEST)


def share(memory: int | None, processes: int) -> int | None:
    """What each of some processes may take; None for one that may take most of what is free.

    >>> share(8 * 2**30, 4) == 2 * 2**30, share(None, 1)
    (True, None)
    """
    if memory is None and processes == 1:
        return None
    everything = _available() if memory is None else memory
    return None if everything is None else everything // processes


def resident() -> int:
    """Bytes of memory that this process has; 0 where the system does not say."""
    return _entry(Path("/proc/self/status"), "VmRSS") or 0


def _available() -> int | None:
    """Bytes that may still be taken; None where the system does not say."""
    free = [_entry(Path("/proc/meminfo"), "MemAvailable"), *_free_in_groups()]
    known = [each for each in free if each is not None]
    return int(USABLE * min(known)) if known else None


def _entry(file: Path, name: str) -> int | None:
    """An entry of one of the kernel's tables, which are in kB."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1024 * int(found[0]) if found else None


def _free_in_groups(
    groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Iterator[int]:
    """What the control groups of this process, as batch systems and containers use them, leave."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        names = ("memory.max", "memory.current")
        if controllers:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        top = root / controllers
        folder = top / name.lstrip("/")
        # a limit of a group holds for those in it; in a container its own is at the top
        for each in {top, folder, *(up for up in folder.parents if top in up.parents)}:
            free = _free_in_group(each, *names)
            if free is not None:
                yield free


def _free_in_group(folder: Path, limit: str, used: str) -> int | None:
    try:
        values = [(folder / name).read_text().strip() for name in (limit, used)]
        statistics = (folder / "memory.stat").read_text().split("\n")
    except OSError:
        return None
    if not all(value.isdigit() for value in values):
        return None
    # files that nobody uses are given up when memory gets short
    cached = [line.split()[1] for line in statistics if line.startswith("inactive_file ")]
    return int(values[0]) - int(values[1]) + sum(map(int, cached))
