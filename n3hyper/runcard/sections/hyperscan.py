"""Reader of ``hyperscan_config``: the ranges that a scan draws from.

The result is the plain dictionary that `HyperScanner` takes, which asks the same readers about
ranges that it is given otherwise. Each check here is one that would end the scan at its first
trial: a range without its other end, or one that hyperopt cannot draw from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from n3hyper.runcard.keys import REFUSED_HYPERSCAN, REFUSED_OPTIMIZER
from n3hyper.runcard.model import Fitting
from n3hyper.runcard.names import (
    ACTIVATIONS,
    INITIALIZERS,
    LAYER_TYPES,
    MOST_EPOCHS,
    OPTIMIZERS,
    SAMPLINGS,
)
from n3hyper.runcard.node import Node, Section
from n3hyper.runcard.sections.parameters import MOST_LAYERS, OPTIONAL, read_parameters

OTHER_SCAN: Final = "use_tries_from"
"""Key that names the scan whose trials are run again."""
OTHER_SPACE: Final = "from_hyperscan"
"""Key that names the scan whose ranges are drawn from."""
_OTHERS: Final = {
    OTHER_SCAN: "the trials of that scan are run; remove one of the two",
    OTHER_SPACE: "the ranges of that scan are drawn from; remove one of the two",
}
GROUPS = ("stopping", "positivity", "integrability", "optimizer", "architecture")
_ARCHITECTURE = (
    "initializers",
    "activations",
    "max_drop",
    "n_layers",
    "min_units",
    "max_units",
    "layer_types",
    "output_size",
)


def read_hyperscan(
    node: Node | None, parameters: dict[str, Any], fitting: Fitting
) -> dict[str, Any]:
    """Read ``hyperscan_config``; return an empty dictionary if there is none.

    Parameters
    ----------
    node
        The value of the key.
    parameters
        What is not scanned comes from here.
    fitting
        The basis, whose flavours are the outputs of the network.
    """
    if node is None:
        return {}
    section = read_parts(node, _OTHERS)
    for name, reason in _OTHERS.items():
        other = section.get(name)
        if other is None:
            continue
        # ranges beside those of another scan stand in their place
        groups = () if name == OTHER_SPACE else GROUPS
        for key in (*groups, "parameters", *_OTHERS):
            beside = section.get(key)
            if beside is not None and key != name:
                beside.fail(f"not beside {name}", reason)
        return {name: other.text()}
    trials = section.get("parameters")
    if trials is not None:
        return {"parameters": _read_trials(trials, parameters, fitting)}
    found: dict[str, Any] = {}
    stopping, optimizer = section.get("stopping"), section.get("optimizer")
    if stopping is not None:
        found["stopping"] = read_stopping(stopping)
    for key in ("positivity", "integrability"):
        group = section.get(key)
        if group is not None:
            found[key] = read_multipliers(group)
    if optimizer is not None:
        found["optimizer"] = read_optimizers(optimizer)
    architecture = section.get("architecture")
    if architecture is not None:
        found["architecture"] = read_architecture(architecture, parameters)
    if not any(found.values()):
        node.fail("nothing to scan", f"give ranges under {', '.join(GROUPS)}")
    return found


def read_parts(node: Node, others: Iterable[str] = ()) -> Section:
    """Return the parts of ``hyperscan_config``, all of them known: ranges, or a list of setups.

    Parameters
    ----------
    others
        Further keys that may stand there.
    """
    section = node.section((*GROUPS, "parameters", *others), refused=REFUSED_HYPERSCAN)
    ranges = [section.get(key) for key in GROUPS]
    for group in ranges if section.get("parameters") is not None else ():
        if group is not None:
            group.fail("not beside parameters", "a scan draws from ranges or from a list, not both")
    return section


def _read_trials(
    trials: Node, parameters: dict[str, Any], fitting: Fitting
) -> list[dict[str, Any]]:
    """Read a list of setups to choose from; the runcard's own parameters complete each."""
    found = []
    for entry in trials.items("parameters"):
        entry.section(parameters.keys() | OPTIONAL)
        setup = Node({**parameters, **entry.value}, entry.path, entry.source)
        found.append(read_parameters(setup, fitting))
    if not found:
        trials.fail("nothing to choose from", "list sets of parameters")
    return found


def _range(section: Section, low: str, high: str) -> bool:
    """Return whether a range is given; both ends must be, in order."""
    ends = section.get(low), section.get(high)
    if ends[0] is None and ends[1] is None:
        return False
    bottom, top = (section.need(key, f"give both {low} and {high}") for key in (low, high))
    if bottom.number() > top.number():
        bottom.fail(f"above {high} ({top.number():g})", "the smaller one comes first")
    return True


def read_stopping(node: Node) -> dict[str, Any]:
    """Read the ranges of epochs and patience."""
    section = node.section(("min_epochs", "max_epochs", "min_patience", "max_patience"))
    found: dict[str, Any] = {}
    if _range(section, "min_epochs", "max_epochs"):
        for key in ("min_epochs", "max_epochs"):
            found[key] = section.need(key).integer(1, MOST_EPOCHS)
    for key in ("min_patience", "max_patience"):
        value = section.get(key)
        if value is not None:
            found[key] = value.number(0, 1)
    if len(found.keys() & {"min_patience", "max_patience"}) == 2:
        _range(section, "min_patience", "max_patience")
    return found


def read_multipliers(node: Node) -> dict[str, float]:
    """Read the ranges of a Lagrange multiplier."""
    section = node.section(("min_multiplier", "max_multiplier", "min_initial", "max_initial"))
    found: dict[str, float] = {}
    if section.get("min_multiplier") is None and section.get("max_multiplier") is not None:
        # n3fit's own lower end, where only the upper one is given
        found["min_multiplier"] = 1.0
        found["max_multiplier"] = section.need("max_multiplier").number(1, above=True)
    elif _range(section, "min_multiplier", "max_multiplier"):
        for key in ("min_multiplier", "max_multiplier"):
            found[key] = section.need(key).number(0, above=True)
    if _range(section, "min_initial", "max_initial"):
        for key in ("min_initial", "max_initial"):
            found[key] = section.need(key).number(0, above=True)
    return found


def read_optimizers(node: Node) -> list[dict[str, Any]]:
    """Read the optimizers to choose from, each with its arguments."""
    found: list[dict[str, Any]] = []
    for entry in node.items("optimizers"):
        section = entry.section(
            ("optimizer_name", "learning_rate", "clipnorm"), refused=REFUSED_OPTIMIZER
        )
        name = section.need("optimizer_name", f"one of: {', '.join(OPTIMIZERS)}")
        if name.text(OPTIMIZERS) in [other["optimizer_name"] for other in found]:
            name.fail("listed twice", "name each optimizer once")
        found.append({"optimizer_name": name.value})
        for key in ("learning_rate", "clipnorm"):
            value = section.get(key)
            if value is not None:
                found[-1][key] = read_sampler(value)
    if not found:
        node.fail("no optimizers", "list at least one, as {optimizer_name: Nadam}")
    return found


def read_sampler(node: Node) -> float | dict[str, Any]:
    """Read a fixed number, or a range and the way to draw from it."""
    if not isinstance(node.value, dict):
        if isinstance(node.value, list):
            node.fail("a list", "write {min: ..., max: ..., sampling: log}, or one number")
        return node.number(0, above=True)
    section = node.section(("sampling", "min", "max"))
    sampling = section.get("sampling")
    kind = "uniform" if sampling is None else sampling.text(SAMPLINGS)
    if not _range(section, "min", "max"):
        section.need("min", "give both min and max")
    ends = {key: section.need(key).number(0, above=True) for key in ("min", "max")}
    return {"sampling": kind, **ends}


def _choices(section: Section, key: str, known: Sequence[str]) -> list[str] | None:
    node = section.get(key)
    if node is None:
        return None
    if node.value == "ALL":
        return list(known)
    found = list(node.texts(known))
    if not found:
        node.fail("nothing to choose from", "name some, or remove the key")
    return found


def read_architecture(node: Node, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Read the networks to choose from; `parameters` has what is not scanned."""
    section = node.section(_ARCHITECTURE)
    found: dict[str, Any] = {
        "initializers": _choices(section, "initializers", INITIALIZERS),
        "activations": _choices(section, "activations", ACTIVATIONS[:]),
        "layer_types": _choices(section, "layer_types", LAYER_TYPES),
        "n_layers": _read_depths(section, parameters),
    }
    if found["n_layers"] is not None:
        for key in ("min_units", "max_units"):
            found[key] = section.need(key, "n_layers needs min_units and max_units").integer(1)
        _range(section, "min_units", "max_units")
    for key in ("min_units", "max_units"):
        lonely = section.get(key)
        if lonely is not None and found["n_layers"] is None:
            lonely.fail("not used without n_layers", "add n_layers: [...]")
    drop, size = section.get("max_drop"), section.get("output_size")
    if drop is not None:
        found["max_drop"] = drop.number(0, 1, below=True)
        kinds = found["layer_types"] or [parameters.get("layer_type")]
        if "dense_per_flavour" in kinds:
            drop.fail("no dropout with layer_type dense_per_flavour", "remove one of the two")
    if size is not None:
        last = parameters["nodes_per_layer"][-1]
        found["output_size"] = size.integer(last, last)
    return {key: value for key, value in found.items() if value is not None}


def _read_depths(section: Section, parameters: Mapping[str, Any]) -> list[int] | None:
    """Read ``n_layers``: the numbers of hidden layers to choose from."""
    node = section.get("n_layers")
    if node is None:
        return None
    found: list[int] = []
    for item in node.items("numbers of hidden layers"):
        depth = item.integer(1, MOST_LAYERS)
        if depth in found:
            item.fail("listed twice", "name each number once")
        if section.get("activations") is None and depth + 1 != len(
            parameters.get("activation_per_layer", ())
        ):
            item.fail(
                "more or fewer layers than parameters.activation_per_layer",
                f"add {section.node.at('activations')}: [tanh], say: one of the list is then used "
                "in all hidden layers",
            )
        found.append(depth)
    if not found:
        node.fail("nothing to choose from", "list numbers of hidden layers")
    return found
