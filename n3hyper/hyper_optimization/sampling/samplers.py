"""Samplers of a search space: hyperopt's distributions, with n3fit's names and arguments.

The `hp_` functions are the only place where a distribution is written; hyperopt is imported when
one is. They are found in `n3hyper.hyper_optimization.hyper_scan` as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from n3hyper.errors import RuncardError
from n3hyper.runcard.node import Node
from n3hyper.runcard.sections.hyperscan import read_sampler


def _ordered(key: str, lower_end: float, higher_end: float) -> None:
    """RuncardError unless lower_end <= higher_end."""
    if not lower_end <= higher_end:
        raise RuncardError(
            "minimum above maximum",
            key=f"hyperscan_config ({key})",
            value=[lower_end, higher_end],
            hint="the smaller one comes first",
        )


def hp_uniform(key: str, lower_end: float | None, higher_end: float | None) -> Any:
    """Sample uniformly between lower_end and higher_end.

    None when an end is missing; the number itself when both are the same.
    """
    if lower_end is None or higher_end is None:
        return None
    _ordered(key, lower_end, higher_end)
    if lower_end == higher_end:
        return lower_end
    import hyperopt

    return hyperopt.hp.uniform(key, lower_end, higher_end)


def hp_quniform(
    key: str,
    lower_end: float | None,
    higher_end: float | None,
    step_size: float | None = None,
    steps: int | None = None,
    make_int: bool = False,
) -> Any:
    """Like `hp_uniform`, but in multiples of a step, never outside of the range.

    Parameters
    ----------
    step_size
        The step; `lower_end` when neither it nor `steps` is given.
    steps
        Number of steps from one end to the other, instead of their size.
    make_int
        Give integers.
    """
    if lower_end is None or higher_end is None:
        return None
    _ordered(key, lower_end, higher_end)
    if lower_end == higher_end:
        return int(lower_end) if make_int else lower_end
    step = (higher_end - lower_end) / steps if steps else step_size or lower_end
    if step <= 0:
        raise RuncardError("no step between the ends of a range", key=key, value=step)
    import hyperopt
    from hyperopt.pyll.base import scope

    # hyperopt rounds to the multiples of the step, which may lie beyond either end
    sampled = hyperopt.hp.quniform(key, lower_end, higher_end, step)
    inside = scope.minimum(scope.maximum(sampled, lower_end), higher_end)
    return scope.int(inside) if make_int else scope.float(inside)


def hp_loguniform(key: str, lower_end: float | None, higher_end: float | None) -> Any:
    """Sample between lower_end and higher_end, uniformly in the logarithm.

    The ends are values, not exponents; both are above zero.
    """
    if lower_end is None or higher_end is None:
        return None
    _ordered(key, lower_end, higher_end)
    if lower_end <= 0:
        raise RuncardError(
            "no logarithm", key=f"hyperscan_config ({key})", value=lower_end, hint="above zero"
        )
    if lower_end == higher_end:
        return lower_end
    import hyperopt

    return hyperopt.hp.loguniform(key, float(np.log(lower_end)), float(np.log(higher_end)))


def hp_choice(key: str, choices: Sequence[Any]) -> Any:
    """Sample from the list `choices`; None when it is empty."""
    if len(choices) == 0:
        return None
    import hyperopt

    return hyperopt.hp.choice(key, list(choices))


def optimizer_arg_wrapper(hp_key: str, option_dict: float | Mapping[str, Any]) -> Any:
    """The sampler of one argument of an optimizer.

    Parameters
    ----------
    hp_key
        Label of the sampler.
    option_dict
        A number, which is taken as it is, or ``{min, max, sampling}`` with sampling ``uniform``
        (when not given) or ``log``.

    Examples
    --------
    >>> optimizer_arg_wrapper("Adam_learning_rate", 0.001)
    0.001
    """
    read_sampler(Node(option_dict, hp_key))
    if not isinstance(option_dict, Mapping):
        return float(option_dict)
    samplers = {"uniform": hp_uniform, "log": hp_loguniform}
    sampler = samplers[option_dict.get("sampling", "uniform")]
    return sampler(hp_key, option_dict["min"], option_dict["max"])


class ActivationStr:
    """An activation that becomes a list once the number of layers is known.

    Examples
    --------
    >>> tanh = ActivationStr("tanh")
    >>> str(tanh), tanh(3)
    ('tanh', ['tanh', 'tanh', 'linear'])
    """

    def __init__(self, fun_name: str) -> None:
        self.function_name = fun_name

    def __str__(self) -> str:
        return self.function_name

    def __repr__(self) -> str:
        return f"ActivationStr({self.function_name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActivationStr) and other.function_name == self.function_name

    def __hash__(self) -> int:
        return hash(self.function_name)

    def __call__(self, n_of_layers: int) -> list[str]:
        return [self.function_name] * (n_of_layers - 1) + ["linear"]
