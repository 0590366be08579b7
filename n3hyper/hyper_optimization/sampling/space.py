"""Search spaces as values: a point evaluated, and a space written as plain data and read back.

A space is a graph of hyperopt's expressions. Written as plain data it needs neither a pickle nor
code: each node is the name of a distribution (or of one of a few operations) and its arguments.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

from n3hyper.errors import StoreError, StoreInputError, shown
from n3hyper.foreign.json_text import load_json
from n3hyper.hyper_optimization.record import plain
from n3hyper.hyper_optimization.sampling.samplers import ActivationStr

LIST_LABEL: Final = "parameters"
"""Of the choice among the setups of a list, as in NNPDF's runcards."""

SCAN_OPERATIONS: Final = frozenset(
    (
        *("dict", "pos_args", "switch", "hyperopt_param"),
        *("float", "int", "minimum", "maximum"),
        *("uniform", "quniform", "loguniform", "qloguniform"),
        *("normal", "qnormal", "lognormal", "qlognormal"),
        *("randint", "randint_via_categorical", "categorical"),
    )
)
"""What the space of a scan may be made of: the value of a point takes no more time than room."""
OPERATIONS: Final = SCAN_OPERATIONS | frozenset(
    (
        *("add", "sub", "mul", "truediv", "floordiv", "pow", "neg"),
        *("eq", "lt", "le", "gt", "ge"),
        *("exp", "log", "sqrt", "sin", "cos", "tan"),
        *("getitem", "len", "list", "max", "min", "sum", "identity"),
    )
)
"""What any space may be made of: hyperopt's distributions, and arithmetic with them."""
_MOST_VALUES: Final = 100_000
"""Of a space, each node counted as often as it is used; a list of 1,000 setups has 40,000."""
_MOST_LEVELS: Final = 100


class SearchSpace(Protocol):
    """Space of hyperparameters that is scanned; `HyperScanner` is one."""

    @property
    def hyper_keys(self) -> Collection[str]:
        """Keys of its dictionaries, to unroll."""

    def as_dict(self) -> dict[str, Any]:
        """Return values and samplers by name."""


def evaluate_space(space: Any, vals: Mapping[str, Any]) -> Any:
    """Return the parameters at one point of `space`.

    Parameters
    ----------
    space
        Values and samplers in dictionaries and lists, or a single sampler or expression.
    vals
        Values by label, ``{label: value}`` or, as in a trial's ``misc.vals``, ``{label: [value]}``
        with an empty list for what is not active.

    Returns
    -------
    dict, list or a single value
        What the space is made of: a dictionary for the space of a scan. Sequences are lists; a
        space that is nothing but a choice of whole setups (``parameters``) gives the setup.

    Examples
    --------
    >>> from hyperopt import hp
    >>> evaluate_space([1 + hp.lognormal("x", 0, 1), 7], {"x": [2.5]})
    [3.5, 7]
    """
    import hyperopt

    point = {}
    for label, value in vals.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        if values:
            point[label] = values[0]
    parameters = _lists(hyperopt.space_eval(space, point))
    if isinstance(parameters, dict) and set(parameters) == {LIST_LABEL}:
        setup = parameters[LIST_LABEL]
        return setup if isinstance(setup, dict) else parameters
    return parameters


def _lists(value: Any) -> Any:
    """`value` with lists for tuples."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lists(item) for item in value]
    return value


def runcard_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a trial as a runcard has them: the activation written out for each layer.

    Examples
    --------
    >>> runcard_parameters({"nodes_per_layer": [20, 8], "activation_per_layer": "tanh"})
    {'nodes_per_layer': [20, 8], 'activation_per_layer': ['tanh', 'linear']}
    """
    parameters = dict(plain(values))
    activation = parameters.get("activation_per_layer")
    nodes = parameters.get("nodes_per_layer")
    if isinstance(activation, str) and nodes:
        parameters["activation_per_layer"] = ActivationStr(activation)(len(nodes))
    return parameters


def encode_space(space: Any) -> list[Any]:
    """Return the space as plain data: its nodes, each naming its arguments by their number.

    A choice that is no plain value (a function, say) is kept as its text.

    Raises
    ------
    StoreError
        The space holds an operation that is not one of `OPERATIONS`.
    """
    from hyperopt.pyll.base import Literal, as_apply, dfs

    nodes = dfs(as_apply(space))
    number = {id(node): place for place, node in enumerate(nodes)}
    encoded: list[Any] = []
    for node in nodes:
        if isinstance(node, Literal):
            encoded.append(_encode_literal(node.obj))
            continue
        if node.name not in OPERATIONS:
            raise StoreError(f"a search space cannot hold the operation {node.name!r}")
        encoded.append(
            {
                "name": node.name,
                "args": [number[id(argument)] for argument in node.pos_args],
                "named": [[key, number[id(argument)]] for key, argument in node.named_args],
                "o_len": node.o_len,
                "pure": bool(node.pure),
            }
        )
    return encoded


def _encode_literal(value: Any) -> dict[str, Any]:
    if isinstance(value, ActivationStr):
        return {"activation": value.function_name}
    return {"literal": plain(value, finite=False)}


def read_space(text: str) -> Any:
    """Return the space whose `encode_space` the JSON `text` is.

    Raises
    ------
    StoreInputError
        The text is no space.
    """
    try:
        encoded = load_json(text, _MOST_VALUES)
    except ValueError as err:
        raise StoreInputError(f"not a search space: {err}") from err
    return decode_space(encoded)


def check_scan_space(text: str) -> None:
    """Raise StoreInputError unless the JSON `text` is a space that a scan of n3hyper may have.

    hyperopt is not needed for that. Powers of powers, say, are no part of such a space: a few
    characters of them have values without end.
    """
    try:
        encoded = load_json(text, _MOST_VALUES)
        _check_size(encoded)
        names = {str(node["name"]) for node in encoded if "name" in node}
    except (ValueError, TypeError) as err:
        raise StoreInputError(f"not a search space: {err}") from err
    for name in sorted(names - SCAN_OPERATIONS):
        raise StoreInputError(f"the search space of a scan cannot hold the operation {shown(name)}")


def decode_space(encoded: Any) -> Any:
    """Return the expression that `encode_space` wrote.

    Raises
    ------
    StoreInputError
        The data are not a space.
    """
    from hyperopt.pyll.base import Apply, Literal

    nodes: list[Any] = []
    try:
        _check_size(encoded)
        for node in encoded:
            if "activation" in node:
                nodes.append(Literal(ActivationStr(str(node["activation"]))))
            elif "literal" in node:
                nodes.append(Literal(node["literal"]))
            elif node["name"] not in OPERATIONS:
                raise StoreInputError(
                    f"a search space cannot hold the operation {shown(node['name'])}"
                )
            else:
                args = [nodes[place] for place in node["args"]]
                named = [(key, nodes[place]) for key, place in node["named"]]
                nodes.append(Apply(node["name"], args, named, node["o_len"], node["pure"]))
        return nodes[-1]
    except (KeyError, IndexError, TypeError, ValueError, AssertionError) as err:
        raise StoreInputError(f"not a search space: {type(err).__name__}: {err}") from err


def _check_size(encoded: Sequence[Mapping[str, Any]]) -> None:
    """ValueError where the setup of a point may be large: nodes may be used more than once.

    A few nodes, each of which uses the one before it twice, stand for more than fits any memory.
    """
    if len(encoded) > _MOST_VALUES:
        raise ValueError(f"more than {_MOST_VALUES} nodes")
    sizes: list[tuple[int, int]] = []
    for node in encoded:
        if not isinstance(node, dict):
            raise ValueError("a node that is no mapping")
        places = [*node.get("args", ()), *(place for _, place in node.get("named", ()))]
        if not all(type(place) is int and 0 <= place < len(sizes) for place in places):
            raise ValueError("a node uses one that does not come before it")
        values = 1 + sum(sizes[place][0] for place in places)
        levels = 1 + max((sizes[place][1] for place in places), default=0)
        if values > _MOST_VALUES or levels > _MOST_LEVELS:
            raise ValueError("too large")
        sizes.append((values, levels))


def space_fingerprint(space: Any) -> str:
    """Hash of the space: the same for the same distributions, labels and fixed values."""
    text = json.dumps(encode_space(space), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def differing_keys(one: Any, other: Any) -> list[str]:
    """The parameters that two spaces, mappings or the expressions of such, treat differently."""
    first, second = _by_key(one), _by_key(other)
    names = sorted({*first, *second})
    return [name for name in names if first.get(name) != second.get(name)]


def _by_key(space: Any) -> dict[str, str]:
    """The fingerprint of each entry of a space; nothing where it is no dictionary."""
    from hyperopt.pyll.base import as_apply

    node = as_apply(space)
    if node.name != "dict":
        return {}
    return {str(name): space_fingerprint(entry) for name, entry in node.named_args}
