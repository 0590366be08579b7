"""Untrained networks as PDFs, made as n3fit makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from n3hyper.fitting.network.initial import initial_exponents, initial_layers
from n3hyper.fitting.network.pdf_model import PDFModel
from n3hyper.fitting.network.scaling import InputScaling
from n3hyper.physics.bases import fitbasis_to_evolution
from n3hyper.physics.preprocessing import Preprocessing
from n3hyper.physics.sum_rules import sum_rules


def generate_pdf_model(
    nodes: Sequence[int],
    activations: Sequence[str],
    seed: int | Sequence[int] = 0,
    num_replicas: int = 1,
    flav_info: Sequence[Mapping[str, Any]] = (),
    fitbasis: str = "NN31IC",
    initializer: str = "glorot_normal",
    layer_type: str = "dense",
    impose_sumrule: str | bool | None = None,
    scaling: InputScaling | None = None,
) -> PDFModel:
    """Return the PDFs of some replicas with initial weights.

    Parameters
    ----------
    nodes
        Width of each layer, the last one the number of flavours.
    activations
        One for each layer.
    seed
        Seed of the first replica, from which the others' count up; or one for each replica.
    flav_info
        The flavours with their ranges of preprocessing exponents (``fitting.basis``).
    fitbasis
        Basis of the flavours (``fitting.fitbasis``).
    impose_sumrule
        ``All`` (also None), ``MSR``, ``VSR``, ... or False.
    scaling
        What the network sees of x (`n3hyper.fitting.network.scaling.feature_scaling`); by default
        x and log x.

    Returns
    -------
    PDFModel
        x of shape (1, nx, 1) -> x f of shape (1, nx, 14, num_replicas).

    >>> import numpy as np
    >>> flavours = ["u", "ubar", "d", "dbar", "c", "g", "s", "sbar"]
    >>> fake_fl = [{"fl": fl, "largex": [0, 1], "smallx": [1, 2]} for fl in flavours]
    >>> pdf_model = generate_pdf_model(nodes=[8], activations=["linear"], seed=0, num_replicas=2,
    ...                                flav_info=fake_fl, fitbasis="FLAVOUR")
    >>> pdf_model(np.linspace(1e-3, 0.8, 3).reshape(1, -1, 1)).shape
    (1, 3, 14, 2)
    """
    seeds = [seed + number for number in range(num_replicas)] if isinstance(seed, int) else seed
    preprocessing = Preprocessing.from_basis(flav_info)
    scaling = scaling or InputScaling()
    layers = initial_layers(
        nodes,
        activations,
        seeds,
        inputs=scaling.ninputs,
        initializer=initializer,
        layer_type=layer_type,
    )
    alpha, beta = initial_exponents(preprocessing, seeds, large_x=not scaling.subtracts)
    rules = sum_rules(impose_sumrule, fitbasis)
    model = PDFModel(
        layers=layers,
        alpha=alpha,
        beta=beta,
        rotation=fitbasis_to_evolution(fitbasis, preprocessing.flavours),
        rules=rules,
        inputs=scaling,
    )
    return replace(model, constants=rules.constants(seeds)) if rules else model


def pdfNN_layer_generator(
    nodes: Sequence[int],
    activations: Sequence[str],
    seed: int = 0,
    flav_info: Sequence[Mapping[str, Any]] = (),
    fitbasis: str = "NN31IC",
    **kwargs: Any,
) -> PDFModel:
    """Return the PDF of one replica without the axis of replicas.

    The arguments are those of `generate_pdf_model`.

    >>> import numpy as np
    >>> flavours = ["u", "ubar", "d", "dbar", "c", "g", "s", "sbar"]
    >>> fake_fl = [{"fl": fl, "largex": [0, 1], "smallx": [1, 2]} for fl in flavours]
    >>> pdf_model = pdfNN_layer_generator(nodes=[8], activations=["linear"], seed=0,
    ...     flav_info=fake_fl, fitbasis="FLAVOUR", impose_sumrule=False)
    >>> pdf_model(np.linspace(1e-3, 0.8, 3).reshape(1, -1, 1)).shape
    (1, 3, 14)
    """
    model = generate_pdf_model(
        nodes, activations, seed, flav_info=flav_info, fitbasis=fitbasis, **kwargs
    )
    return replace(model, single=True)
