"""Dimensions of a search space, and the first setups that a scan would draw from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from n3hyper.hyper_optimization.sampling.space import evaluate_space, runcard_parameters
from n3hyper.hyper_optimization.sampling.suggest import HYPEROPT_SEED, Suggester

_MOST_CHOICES: Final = 12
"""Choices that are shown one by one."""
RANDOM: Final = 20
"""Trials that TPE draws at random, before it learns."""


def first_setups(space: Any, seed: int | None = None, count: int = RANDOM) -> list[dict[str, Any]]:
    """Return the setups of the first trials of a scan, as a runcard has them.

    Parameters
    ----------
    space
        As `HyperScanner.as_dict` gives it.
    seed
        Of the scan.
    count
        Number of trials, of those that depend on no result.
    """
    from hyperopt.base import Trials

    suggester = Suggester(space, HYPEROPT_SEED if seed is None else seed, "random")
    documents = (suggester.suggest(Trials(), tid)[0] for tid in range(count))
    return [
        runcard_parameters(evaluate_space(space, document["misc"]["vals"]))
        for document in documents
    ]


def dimensions(space: Any) -> dict[str, str]:
    """Return each dimension of a search space, by its label, with its distribution in words.

    >>> from n3hyper.hyper_optimization.sampling.samplers import hp_choice, hp_loguniform
    >>> space = {"optimizer": hp_choice("optimizer", [
    ...     {"learning_rate": hp_loguniform("learning_rate", 1e-3, 1e-1)}, {"rate": 7}])}
    >>> dimensions({**space, "layers": hp_choice("layers", [1, 2])})["layers"]
    '1, 2'
    >>> dimensions(space)
    {'learning_rate': '0.001 to 0.1, logarithmic', 'optimizer': 'one of 2'}
    """
    from hyperopt.pyll.base import as_apply, dfs

    nodes = dfs(as_apply(space))
    samplers = [node for node in nodes if node.name == "hyperopt_param"]
    found = {str(node.pos_args[0].obj): _words(node.pos_args[1]) for node in samplers}
    for node in nodes:
        if node.name == "switch" and node.pos_args[0].name == "hyperopt_param":
            choices = [_choice(each) for each in node.pos_args[1:]]
            if all(choices) and len(choices) <= _MOST_CHOICES:
                found[str(node.pos_args[0].pos_args[0].obj)] = ", ".join(choices)
    return dict(sorted(found.items()))


def _choice(node: Any) -> str:
    """Return a choice in a word: a value, or the name of an optimizer; empty for anything else."""
    if hasattr(node, "obj"):
        return str(node.obj)
    named = dict(node.named_args) if node.name == "dict" else {}
    return str(getattr(named.get("optimizer_name"), "obj", ""))


def _words(node: Any) -> str:
    """Return the distribution of a node of hyperopt in words."""
    numbers = [float(each) for each in _numbers(node)]
    if node.name == "randint":
        return f"one of {round(numbers[-1] - (numbers[0] if len(numbers) > 1 else 0))}"
    if len(numbers) < 2:
        return str(node.name)
    low, high = numbers[:2]
    if "log" in node.name:
        low, high = math.exp(low), math.exp(high)
    words = f"{low:.4g} to {high:.4g}"
    if "normal" in node.name:
        words = f"normal, mean {numbers[0]:.4g}, width {numbers[1]:.4g}"
    if "log" in node.name:
        words += ", logarithmic"
    return f"{words}, in steps of {numbers[2]:.4g}" if node.name.startswith("q") else words


def _numbers(node: Any) -> Iterator[Any]:
    arguments = [*node.pos_args, *(each for _, each in node.named_args)]
    yield from (each.obj for each in arguments if hasattr(each, "obj"))
