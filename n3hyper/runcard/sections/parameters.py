"""Reader of ``parameters``: one set of hyperparameters, in n3fit's own keys."""

from __future__ import annotations

from typing import Any, Final

from n3hyper.runcard.keys import IGNORED_INTEGRABILITY, REFUSED_OPTIMIZER
from n3hyper.runcard.model import Fitting
from n3hyper.runcard.names import (
    ACTIVATIONS,
    FINAL_ACTIVATIONS,
    FIT_BASES,
    INITIALIZERS,
    LAYER_TYPES,
    MOST_EPOCHS,
    OPTIMIZERS,
    REGULARIZERS,
)
from n3hyper.runcard.node import Node, Section
from n3hyper.runcard.sections.trial_specs import TAKEN, check_not_given

_KEYS = (
    "nodes_per_layer",
    "activation_per_layer",
    "initializer",
    "optimizer",
    "epochs",
    "positivity",
    "integrability",
    "stopping_patience",
    "stopping_delta",
    "layer_type",
    "dropout",
    "threshold_chi2",
    "feature_scaling_points",
    "regularizer",
    "regularizer_args",
)
OPTIONAL = ("feature_scaling_points", "regularizer", "regularizer_args")
"""Keys that `read_parameters` gives only where they were given."""
MOST_LAYERS: Final = 100
"""Layers of a network; what is prepared for a scan grows with them."""
_SINGLET = {"Sigma", "g"}


def feature_scaled(node: Node) -> bool:
    """Return whether the parameters ask for feature scaling, before all of them are read."""
    return isinstance(node.value, dict) and node.value.get("feature_scaling_points") is not None


def read_parameters(node: Node, fitting: Fitting, complete: bool = True) -> dict[str, Any]:
    """Read ``parameters`` into a plain dictionary, with n3fit's defaults for absent optional keys.

    Parameters
    ----------
    node
        The value of the key.
    fitting
        The basis, whose flavours are the outputs of the network.
    complete
        False where the trials of another scan give what
        `n3hyper.runcard.sections.trial_specs.TAKEN` names.

    Returns
    -------
    dict
        All keys of n3fit's ``parameters``, except that `OPTIONAL` ones are there only where they
        were given. The optimizer is as given, without its defaults.
    """
    if not complete:
        return _read_rest(node, fitting)
    section = node.section(_KEYS)
    found: dict[str, Any] = _read_network(section, fitting)
    found["optimizer"] = read_optimizer(section.need("optimizer", "{optimizer_name: Nadam, ...}"))
    found["epochs"] = section.need("epochs", "how long to train at most").integer(1, MOST_EPOCHS)
    patience = section.need("stopping_patience", "a fraction of the epochs, 0.1 say")
    found["stopping_patience"] = patience.number(0, 1)
    delta, chi2 = section.get("stopping_delta"), section.get("threshold_chi2")
    found["stopping_delta"] = 0.0 if delta is None else delta.number(0)
    found["threshold_chi2"] = 10.0 if chi2 is None else chi2.number(0, above=True)
    found["positivity"] = _read_multipliers(section.get("positivity"), threshold=1e-6)
    found["integrability"] = _read_multipliers(section.get("integrability"), threshold=None)
    points = section.get("feature_scaling_points")
    if points is not None:
        found["feature_scaling_points"] = points.integer(3)
    found.update(_read_regularizer(section))
    return found


def _read_rest(node: Node, fitting: Fitting) -> dict[str, Any]:
    """Read the parameters that trials of another scan do not give; placeholders stand for those."""
    check_not_given(node)
    given = node.value if isinstance(node.value, dict) else {}
    network = {
        "nodes_per_layer": [len(fitting.basis)],
        "activation_per_layer": ["linear"],
        "optimizer": {"optimizer_name": "Nadam"},
        "epochs": 1,
        "stopping_patience": 0.1,
    }
    parameters = read_parameters(Node({**given, **network}, node.path, node.source), fitting)
    return {key: value for key, value in parameters.items() if key not in TAKEN}


def read_optimizer(node: Node) -> dict[str, Any]:
    """Read an optimizer with fixed settings."""
    known = ("optimizer_name", "learning_rate", "clipnorm")
    section = node.section(known, refused=REFUSED_OPTIMIZER)
    name = section.need("optimizer_name", f"one of: {', '.join(OPTIMIZERS)}")
    found: dict[str, Any] = {"optimizer_name": name.text(OPTIMIZERS)}
    for key in ("learning_rate", "clipnorm"):
        value = section.get(key)
        if value is not None:
            found[key] = value.number(0, above=True)
    return found


def _read_regularizer(section: Section) -> dict[str, Any]:
    """Read ``regularizer`` and ``regularizer_args``; return nothing if neither is given."""
    kind, args = section.get("regularizer"), section.get("regularizer_args")
    if kind is None:
        if args is not None:
            args.fail("no regularizer is named", f"add regularizer: {next(iter(REGULARIZERS))}")
        return {}
    name = kind.text(REGULARIZERS)
    factors: dict[str, float] = {}
    if args is not None:
        given = args.section(REGULARIZERS[name])
        for key in REGULARIZERS[name]:
            factor = given.get(key)
            if factor is not None:
                factors[key] = factor.number(0)
    return {"regularizer": name, "regularizer_args": factors}


def _read_network(section: Section, fitting: Fitting) -> dict[str, Any]:
    """Read the layers: widths, activations, initializer, kind and dropout."""
    widths = section.need("nodes_per_layer", "the width of each layer, [25, 20, 8] say")
    nodes = [width.integer(1) for width in widths.items("layer widths", MOST_LAYERS + 1)]
    functions = section.need("activation_per_layer", "one for each layer, the last one linear")
    activations = [item.text(ACTIVATIONS) for item in functions.items("activations")]
    if not nodes:
        widths.fail("no layers", f"the last one has {len(fitting.basis)} nodes, one a flavour")
    if len(activations) != len(nodes):
        functions.fail(
            f"{len(activations)} activations for {len(nodes)} layers",
            "give one for each entry of nodes_per_layer",
        )
    if nodes[-1] != len(fitting.basis):
        widths.items()[-1].fail(
            "wrong width of the last layer",
            f"must be {len(fitting.basis)}, the number of flavours of fitting.basis",
        )
    _check_final(functions, activations, fitting)
    initializer, kind = section.get("initializer"), section.get("layer_type")
    layer_type = "dense" if kind is None else kind.text(LAYER_TYPES)
    dropout = section.get("dropout")
    rate = 0.0 if dropout is None else dropout.number(0, 1, below=True)
    if dropout is not None and rate > 0 and layer_type == "dense_per_flavour":
        dropout.fail("no dropout with layer_type dense_per_flavour", "write 0.0, or dense")
    return {
        "nodes_per_layer": nodes,
        "activation_per_layer": activations,
        "initializer": "glorot_normal" if initializer is None else initializer.text(INITIALIZERS),
        "layer_type": layer_type,
        "dropout": rate,
    }


def _check_final(functions: Node, activations: list[str], fitting: Fitting) -> None:
    """Check square_singlet, which squares the last layer's first two outputs: Sigma and g."""
    for index, name in enumerate(activations):
        if name not in FINAL_ACTIVATIONS:
            continue
        where = functions.items()[index]
        if index != len(activations) - 1:
            where.fail("only for the last layer", "choose another one here")
        elements = {FIT_BASES[fitting.fitbasis][flavour.fl] for flavour in fitting.basis[:2]}
        if elements != _SINGLET:
            where.fail("squares the singlet and the gluon", "put sng and g first in fitting.basis")


def _read_multipliers(node: Node | None, threshold: float | None) -> dict[str, float | None]:
    """Read ``positivity`` or ``integrability``; None if maxlambda and the epochs decide."""
    found: dict[str, float | None] = {"initial": None, "multiplier": None}
    if threshold is not None:
        found["threshold"] = threshold
    if node is None:
        return found
    ignored = IGNORED_INTEGRABILITY if threshold is None else {}
    section = node.section(found, ignored=ignored)
    for key in found:
        value = section.get(key)
        if value is not None:
            found[key] = value.number(0, above=key != "threshold")
    return found
