"""The search space of a scan: the runcard's parameters with samplers in place of what is scanned.

Labels and distributions are n3fit's, so that trials of both can be looked at together. What may be
scanned is said by the readers of ``hyperscan_config`` (`n3hyper.runcard.sections.hyperscan`), which
check what is given here as well.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from n3hyper.errors import RuncardError
from n3hyper.hyper_optimization.sampling.samplers import (
    ActivationStr,
    hp_choice,
    hp_loguniform,
    hp_quniform,
    hp_uniform,
    optimizer_arg_wrapper,
)
from n3hyper.hyper_optimization.sampling.space import evaluate_space, runcard_parameters
from n3hyper.runcard.names import INITIALIZERS
from n3hyper.runcard.node import Node, Section
from n3hyper.runcard.sections import hyperscan

_STEPS: Final = 5
_WHERE: Final = "hyperscan_config"


class HyperScanner:
    """The search space of a runcard.

    Parameters
    ----------
    parameters
        The runcard's `parameters`: the setup that holds where nothing is scanned.
    sampling_dict
        The runcard's `hyperscan_config`: either some of ``stopping``, ``optimizer``,
        ``positivity``, ``integrability``, ``architecture``, or ``parameters``, a list of setups
        to choose from, each completed by the runcard's own where it says nothing.
    steps
        Steps between the two ends of what is sampled in steps (patience, dropout).

    Attributes
    ----------
    hyper_keys : set of str
        The parameters that are scanned.

    Raises
    ------
    RuncardError
        What cannot be sampled: a minimum above its maximum, an unknown optimizer, a parameter
        that `parameters` does not have.

    Examples
    --------
    >>> scanner = HyperScanner(
    ...     {"epochs": 10, "dropout": 0.0}, {"stopping": {"min_epochs": 5, "max_epochs": 50}}
    ... )
    >>> scanner.hyper_keys, scanner.space_eval({"epochs": 17.0})
    ({'epochs'}, {'dropout': 0.0, 'epochs': 17})
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        sampling_dict: Mapping[str, Any],
        steps: int = _STEPS,
    ) -> None:
        self._original_parameters = copy.deepcopy(dict(parameters))
        self.parameters: dict[str, Any] = copy.deepcopy(dict(parameters))
        self.parameter_keys = self._original_parameters.keys()
        self.steps = steps
        self.hyper_keys: set[str] = set()
        parts = hyperscan.read_parts(Node(dict(sampling_dict), _WHERE))
        setups = sampling_dict.get("parameters")
        if setups:
            complete = [{**self._original_parameters, **setup} for setup in setups]
            self.hyper_keys = {"parameters"}
            self.parameters = {"parameters": hp_choice("parameters", complete)}
            return
        self._sample(parts, sampling_dict)

    def _sample(self, parts: Section, sampling_dict: Mapping[str, Any]) -> None:
        """Hand each part of `hyperscan_config` to the method of its name."""
        for name in hyperscan.GROUPS:
            options = sampling_dict.get(name)
            if not options:
                continue
            method = getattr(self, name)
            if name == "optimizer":
                method(options)
                continue
            # keys that are no arguments of the method are unknown
            parts.need(name).section(inspect.signature(method).parameters)
            method(**options)

    @property
    def hyperkeys(self) -> set[str]:
        """The parameters that are scanned."""
        return self.hyper_keys

    def as_dict(self) -> dict[str, Any]:
        """The space: parameters by name, each a value or a sampler."""
        return self.parameters

    def _update_param(self, key: str, sampler: Any) -> None:
        """Put `sampler` in the place of a parameter; nothing is done when it is None."""
        if sampler is None:
            return
        self._need(key)
        self.hyper_keys.add(key)
        self.parameters[key] = sampler

    def _need(self, key: str) -> None:
        """RuncardError unless `parameters` has that parameter."""
        if key not in self.parameter_keys:
            raise RuncardError(
                "a parameter is scanned that the runcard's parameters do not have",
                key=f"parameters.{key}",
                hint="give it a value there",
            )

    def stopping(
        self,
        min_epochs: float | None = None,
        max_epochs: float | None = None,
        min_patience: float | None = None,
        max_patience: float | None = None,
    ) -> None:
        """Scan `epochs` (integers) and `stopping_patience` (a fraction of the epochs, in steps).

        One end of the patience may be left out: it is 0 or 1 then.
        """
        hyperscan.read_stopping(
            _given(
                "stopping",
                min_epochs=min_epochs,
                max_epochs=max_epochs,
                min_patience=min_patience,
                max_patience=max_patience,
            )
        )
        epochs = hp_quniform("epochs", min_epochs, max_epochs, step_size=1, make_int=True)
        self._update_param("epochs", epochs)
        if min_patience is None and max_patience is None:
            return
        lower = 0.0 if min_patience is None else min_patience
        higher = 1.0 if max_patience is None else max_patience
        patience = hp_quniform("stopping_patience", lower, higher, steps=self.steps)
        self._update_param("stopping_patience", patience)

    def optimizer(self, optimizers: Iterable[Mapping[str, Any]]) -> None:
        """Scan `optimizer`: one of a list of dictionaries.

        Parameters
        ----------
        optimizers
            Each with ``optimizer_name`` and, each a number or a range as `optimizer_arg_wrapper`
            takes it, ``learning_rate`` and ``clipnorm``.
        """
        chosen = [dict(optimizer) for optimizer in optimizers]
        hyperscan.read_optimizers(Node(chosen, f"{_WHERE}.optimizer"))
        choices = []
        for optimizer in chosen:
            name = optimizer["optimizer_name"]
            arguments = {
                argument: optimizer_arg_wrapper(f"{name}_{argument}", option)
                for argument, option in optimizer.items()
                if argument != "optimizer_name" and option is not None
            }
            choices.append({"optimizer_name": name, **arguments})
        self._update_param("optimizer", hp_choice("optimizer", choices))

    def positivity(
        self,
        min_multiplier: float | None = None,
        max_multiplier: float | None = None,
        min_initial: float | None = None,
        max_initial: float | None = None,
    ) -> None:
        """Scan `positivity.multiplier` (uniform) and `positivity.initial` (uniform in the log)."""
        ends = (min_multiplier, max_multiplier, min_initial, max_initial)
        self._lagrange("positivity", "", *ends)

    def integrability(
        self,
        min_multiplier: float | None = None,
        max_multiplier: float | None = None,
        min_initial: float | None = None,
        max_initial: float | None = None,
    ) -> None:
        """Scan `integrability.multiplier` and `integrability.initial`, as `positivity` does."""
        ends = (min_multiplier, max_multiplier, min_initial, max_initial)
        self._lagrange("integrability", "integrability_", *ends)

    def _lagrange(
        self,
        key: str,
        prefix: str,
        min_multiplier: float | None,
        max_multiplier: float | None,
        min_initial: float | None,
        max_initial: float | None,
    ) -> None:
        """Samplers of a Lagrange multiplier in the place of its numbers; the rest stays."""
        ends = hyperscan.read_multipliers(
            _given(
                key,
                min_multiplier=min_multiplier,
                max_multiplier=max_multiplier,
                min_initial=min_initial,
                max_initial=max_initial,
            )
        )
        if min_multiplier is None:
            min_multiplier = ends.get("min_multiplier")
        sampled = {
            "multiplier": hp_uniform(f"{prefix}multiplier", min_multiplier, max_multiplier),
            "initial": hp_loguniform(f"{prefix}initial", min_initial, max_initial),
        }
        sampled = {name: sampler for name, sampler in sampled.items() if sampler is not None}
        if sampled:
            fixed = self._original_parameters.get(key) or {}
            self._update_param(key, {**fixed, **sampled})

    def architecture(
        self,
        initializers: Sequence[str] | str | None = None,
        activations: Sequence[str] | None = None,
        max_drop: float | None = None,
        n_layers: Sequence[int] | None = None,
        min_units: int | None = 15,
        max_units: int | None = 25,
        layer_types: Sequence[str] | None = None,
        output_size: int | None = None,
    ) -> None:
        """Scan `initializer`, `dropout`, `nodes_per_layer`, `activation_per_layer`, `layer_type`.

        Parameters
        ----------
        initializers
            Names, or ``ALL``.
        activations
            Names; one is taken for all layers but the last, which is linear.
        max_drop
            Upper end of the dropout rate; the lower is 0.
        n_layers
            Numbers of hidden layers, each layer with `min_units` to `max_units` nodes.
        layer_types
            Names.
        output_size
            Nodes of the last layer: the length of the fit basis, which those of `parameters` have.
        """
        if n_layers:
            self._need("nodes_per_layer")
            output_size = output_size or self._original_parameters["nodes_per_layer"][-1]
        names = [initializers] if isinstance(initializers, str) else list(initializers or ())
        names = list(INITIALIZERS) if names == ["ALL"] else names
        found = hyperscan.read_architecture(
            _given(
                "architecture",
                initializers=names or None,
                activations=_listed(activations),
                max_drop=max_drop,
                n_layers=_listed(n_layers),
                min_units=min_units if n_layers else None,
                max_units=max_units if n_layers else None,
                layer_types=_listed(layer_types),
                output_size=output_size if n_layers else None,
            ),
            self._original_parameters,
        )
        self._update_param("layer_type", hp_choice("layer_type", layer_types or ()))
        functions = [ActivationStr(name) for name in activations or ()]
        self._update_param("activation_per_layer", hp_choice("activation_per_layer", functions))
        if n_layers:
            units = (found["min_units"], found["max_units"], found["output_size"])
            networks = [_network(depth, *units) for depth in n_layers]
            self._update_param("nodes_per_layer", hp_choice("nodes_per_layer", networks))
        self._update_param(
            "initializer", hp_choice("initializer", INITIALIZERS if names == ["ALL"] else names)
        )
        if max_drop is not None:
            dropout = hp_quniform("dropout", 0.0, max_drop, steps=self.steps)
            self._update_param("dropout", dropout)

    def space_eval(self, trial: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters of a trial, fixed and scanned.

        Parameters
        ----------
        trial
            The trial's document, or the values of its labels as hyperopt gives them (for a
            choice, its number).

        Returns
        -------
        dict
            As `parameters` in a runcard, activations as a list.
        """
        vals = trial["misc"]["vals"] if "misc" in trial else trial
        return runcard_parameters(evaluate_space(self.parameters, vals))


def _given(part: str, **options: Any) -> Node:
    """The options of a part that are given, for its reader."""
    known = {name: value for name, value in options.items() if value is not None}
    return Node(known, f"{_WHERE}.{part}")


def _listed(names: Sequence[Any] | None) -> list[Any] | None:
    """Choices as a runcard has them; None where there are none."""
    return list(names) if names else None


def _network(layers: int, min_units: int, max_units: int, output_size: int) -> list[Any]:
    """Samplers of the nodes of each layer; the labels are n3fit's."""
    labels = [f"nl{layers}:-{layer}/{layers}" for layer in range(layers)]
    units = [
        hp_quniform(label, min_units, max_units, step_size=1, make_int=True) for label in labels
    ]
    return [*units, output_size]
