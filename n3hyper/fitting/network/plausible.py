"""PDFs that a fit can take, drawn at random: what tables must be good for.

They are networks of several architectures with random weights, from those of a fit's first epoch
to larger ones that vary as fast as a trained network does, with exponents of the runcard's ranges
and sum rules. Those that are far larger than PDFs are scaled down. The draw is always the same, so
that everything which is made with it is a function of the runcard alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from n3hyper.fitting.network.pdf_model import Layer, PDFModel
from n3hyper.fitting.network.scaling import InputScaling, feature_scaling
from n3hyper.physics.arrays import Array
from n3hyper.physics.preprocessing import Preprocessing
from n3hyper.physics.quadrature import Quadrature
from n3hyper.physics.sum_rules import SumRules

HIDDEN: Final = (
    ("tanh", (25, 20)),
    ("sigmoid", (40,)),
    ("tanh", (40,)),
    ("tanh", (30, 30, 30)),
    ("sigmoid", (25, 45)),
)
"""Activations and widths of hidden layers of the networks that are drawn."""
LARGEST_GAIN: Final = 8.0
"""Weights are those of an untrained network, times up to so much."""
LARGEST_PDF: Final = 20.0
"""Where |x f| of a drawn PDF is larger anywhere, the whole of it is scaled down."""
SCALING_POINTS: Final = 20
"""Nodes of the feature scaling of some of the networks."""


def plausible_pdfs(
    xgrid: Array,
    preprocessing: Preprocessing,
    rotation: Array,
    rules: SumRules | None,
    quadrature: Quadrature,
    number: int,
    seed: int = 0,
) -> Array:
    """x f of some drawn PDFs on the x-grid, in the evolution basis, (about `number`, nx, 14)."""
    random = np.random.default_rng([seed, number])
    scalings = [InputScaling()] * len(HIDDEN)
    kinds = list(zip(HIDDEN, scalings, strict=True))
    if len(np.unique(xgrid)) >= SCALING_POINTS:
        kinds.append((HIDDEN[0], feature_scaling(xgrid, SCALING_POINTS)))
    each = -(-number // len(kinds))
    drawn = []
    for (activation, widths), scaling in kinds:
        alpha, beta = (
            random.uniform(ranges[:, 0], ranges[:, 1], (each, preprocessing.nfit))
            for ranges in (preprocessing.smallx, preprocessing.largex)
        )
        model = PDFModel(
            layers=tuple(_layers(random, each, activation, widths, scaling, preprocessing.nfit)),
            alpha=alpha,
            beta=0.0 * beta if scaling.subtracts else beta,
            rotation=rotation,
            rules=rules,
            constants=_constants(rules, each, rotation.shape[1]),
            inputs=scaling,
            quadrature=quadrature,
        )
        drawn.append(model.evaluate(xgrid))
    pdfs = np.concatenate(drawn)
    largest = np.abs(pdfs).max(axis=(1, 2))
    kept = np.isfinite(largest) & (largest > 0.0)
    return np.asarray(pdfs[kept] * np.minimum(LARGEST_PDF / largest[kept], 1.0)[:, None, None])


def _constants(rules: SumRules | None, number: int, flavours: int) -> Array:
    return np.ones((number, flavours)) if rules is None else rules.constants(range(number))


def _layers(
    random: np.random.Generator,
    number: int,
    activation: str,
    hidden: tuple[int, ...],
    scaling: InputScaling,
    outputs: int,
) -> Iterator[Layer]:
    """Normal weights and biases as wide as Glorot's, times a gain that each network has."""
    gain = LARGEST_GAIN ** random.uniform(0.0, 1.0, (number, 1, 1, 1))
    widths = (scaling.ninputs, *hidden, outputs)
    for layer, (inputs, units) in enumerate(pairwise(widths)):
        size = gain * np.sqrt(2.0 / (inputs + units))
        kernel = size * random.normal(size=(number, 1, inputs, units))
        bias = (size * random.normal(size=(number, 1, 1, units)))[:, :, 0]
        yield Layer(kernel, bias, activation if layer < len(hidden) else "linear")
