"""Reader of ``trial_specs``: setups taken from the best trials of a finished scan.

In n3fit they are the methodologies of a fit, replica by replica; in a scan they are the trials to
run, the best first.
"""

from __future__ import annotations

from typing import Any, Final

from n3hyper.runcard.node import Node

TRIAL_SPECS: Final = "trial_specs"

OVERRIDES: Final = (
    "nodes_per_layer",
    "activation_per_layer",
    "initializer",
    "layer_type",
    "dropout",
    "epochs",
    "stopping_patience",
    "optimizer",
    "learning_rate",
    "clipnorm",
    "initial",
)
"""Keys of ``override``: those of parameters, and without their groups the name, step size and
clipnorm of the optimizer and the first multiplier of positivity."""

TAKEN: Final = OVERRIDES[:8]
"""Keys of parameters that the trials give, and the runcard must not."""


def read_trial_specs(node: Node | None) -> dict[str, Any] | None:
    """Read ``trial_specs``; return None if there are none."""
    if node is None:
        return None
    keys = ("hyperscan", "thermalization", "number_of_trials", "override")
    section = node.section(keys)
    scan = section.need("hyperscan", "the folder of a finished scan")
    first = section.need("thermalization", "how many of its first trials do not count, 0 say")
    count = section.need("number_of_trials", "how many of its best trials to take")
    override = section.get("override")
    given = {} if override is None else override.section(OVERRIDES).node.value
    return {
        "hyperscan": scan.text(),
        "thermalization": first.integer(0),
        "number_of_trials": count.integer(1),
        "override": {key: value for key, value in given.items() if value is not None},
    }


def check_not_given(parameters: Node) -> None:
    """Refuse parameters that would be given twice, as n3fit does."""
    section = parameters.section(parameters.value if isinstance(parameters.value, dict) else ())
    for key in TAKEN:
        given = section.get(key)
        if given is not None:
            given.fail(
                f"not beside {TRIAL_SPECS}",
                f"the trials give it; remove the key, or put it under {TRIAL_SPECS}.override",
            )
