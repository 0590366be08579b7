"""The search space of a scan: the runcard's parameters with samplers in place of what is scanned.

`HyperScanner` reads `parameters` and `hyperscan_config`, `hyper_scan_wrapper` runs the scan. Labels
and distributions are n3fit's, so that trials of both can be looked at together.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from n3hyper.errors import RuncardError, nearest
from n3hyper.hyper_optimization.samplers import (
    ActivationStr,
    hp_choice,
    hp_loguniform,
    hp_quniform,
    hp_uniform,
    optimizer_arg_wrapper,
)
from n3hyper.runcard.names import INITIALIZERS, OPTIMIZERS

__all__ = [
    "ActivationStr",
    "HyperScanner",
    "hp_choice",
    "hp_loguniform",
    "hp_quniform",
    "hp_uniform",
    "hyper_scan_wrapper",
    "optimizer_arg_wrapper",
]

HYPEROPT_SEED: Final = 42
"""Seed of a scan that is given none."""
_STEPS: Final = 5
_PARTS: Final = ("stopping", "optimizer", "positivity", "integrability", "architecture")


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
        setups = sampling_dict.get("parameters")
        if setups:
            _only(sampling_dict, ("parameters",), "hyperscan_config")
            complete = [{**self._original_parameters, **setup} for setup in setups]
            self.hyper_keys = {"parameters"}
            self.parameters = {"parameters": hp_choice("parameters", complete)}
            return
        self._sample(sampling_dict)

    def _sample(self, sampling_dict: Mapping[str, Any]) -> None:
        """Hand each part of `hyperscan_config` to the method of its name."""
        _only(sampling_dict, _PARTS, "hyperscan_config")
        if stopping := sampling_dict.get("stopping"):
            _call(self.stopping, "stopping", stopping)
        if optimizers := sampling_dict.get("optimizer"):
            self.optimizer(optimizers)
        if positivity := sampling_dict.get("positivity"):
            _call(self.positivity, "positivity", positivity)
        if integrability := sampling_dict.get("integrability"):
            _call(self.integrability, "integrability", integrability)
        if architecture := sampling_dict.get("architecture"):
            nodes = self._original_parameters.get("nodes_per_layer")
            output = {"output_size": nodes[-1] if nodes else None}
            _call(self.architecture, "architecture", {**output, **architecture})

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
        if key not in self.parameter_keys:
            raise RuncardError(
                "a parameter is scanned that the runcard's parameters do not have",
                key=f"parameters.{key}",
                hint="give it a value there",
            )
        self.hyper_keys.add(key)
        self.parameters[key] = sampler

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
        _both("stopping", "epochs", min_epochs, max_epochs)
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
        choices = []
        for number, optimizer in enumerate(optimizers):
            where = f"hyperscan_config.optimizer[{number}]"
            name = str(optimizer.get("optimizer_name"))
            if name not in OPTIMIZERS:
                raise RuncardError(
                    "unknown optimizer",
                    key=f"{where}.optimizer_name",
                    value=name,
                    hint=nearest(name, OPTIMIZERS),
                )
            choice: dict[str, Any] = {"optimizer_name": name}
            for argument, option in optimizer.items():
                if argument == "optimizer_name" or option is None:
                    continue
                if argument not in OPTIMIZERS[name]:
                    raise RuncardError(
                        f"not an argument of {name}",
                        key=f"{where}.{argument}",
                        hint=nearest(argument, OPTIMIZERS[name]),
                    )
                choice[argument] = optimizer_arg_wrapper(f"{name}_{argument}", option)
            choices.append(choice)
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
        if max_multiplier is not None and min_multiplier is None:
            min_multiplier = 1.0  # below one the constraint would fade away
        _both(key, "multiplier", min_multiplier, max_multiplier)
        _both(key, "initial", min_initial, max_initial)
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
            Nodes of the last layer: the length of the fit basis.
        """
        self._update_param("layer_type", hp_choice("layer_type", layer_types or ()))
        functions = [ActivationStr(name) for name in activations or ()]
        self._update_param("activation_per_layer", hp_choice("activation_per_layer", functions))
        if n_layers:
            if min_units is None or max_units is None or output_size is None:
                raise RuncardError(
                    "the number of layers is scanned without the units of a layer",
                    key="hyperscan_config.architecture",
                    hint="give min_units and max_units",
                )
            networks = [_network(n, min_units, max_units, output_size) for n in n_layers]
            self._update_param("nodes_per_layer", hp_choice("nodes_per_layer", networks))
        self._update_param("initializer", hp_choice("initializer", _initializers(initializers)))
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
        from n3hyper.hyper_optimization.space import evaluate_space, runcard_parameters

        vals = trial["misc"]["vals"] if "misc" in trial else trial
        return runcard_parameters(evaluate_space(self.parameters, vals))


def _call(method: Callable[..., None], key: str, options: Mapping[str, Any]) -> None:
    """`method` with `options`; RuncardError for one that it does not take."""
    _only(options, inspect.signature(method).parameters, f"hyperscan_config.{key}")
    method(**options)


def _only(options: Iterable[str], known: Iterable[str], where: str) -> None:
    """RuncardError for a key that is not known, or stands beside one that excludes it."""
    for option in options:
        if option not in known:
            raise RuncardError(
                "unknown key", key=f"{where}.{option}", hint=nearest(str(option), known)
            )


def _both(part: str, name: str, lower: float | None, higher: float | None) -> None:
    """RuncardError when one end of a range is given without the other."""
    if (lower is None) != (higher is None):
        missing = f"min_{name}" if lower is None else f"max_{name}"
        raise RuncardError(
            "a range with one end", key=f"hyperscan_config.{part}", hint=f"give {missing} as well"
        )


def _network(layers: int, min_units: int, max_units: int, output_size: int) -> list[Any]:
    """Samplers of the nodes of each layer; the labels are n3fit's."""
    labels = [f"nl{layers}:-{layer}/{layers}" for layer in range(layers)]
    units = [
        hp_quniform(label, min_units, max_units, step_size=1, make_int=True) for label in labels
    ]
    return [*units, output_size]


def _initializers(names: Sequence[str] | str | None) -> list[str]:
    """The names asked for; RuncardError for one that is not known."""
    if names == "ALL":
        return list(INITIALIZERS)
    chosen = [names] if isinstance(names, str) else list(names or ())
    for number, name in enumerate(chosen):
        if name not in INITIALIZERS:
            raise RuncardError(
                "unknown initializer",
                key=f"hyperscan_config.architecture.initializers[{number}]",
                value=name,
                hint=nearest(name, INITIALIZERS),
            )
    return chosen


def hyper_scan_wrapper(
    replica_path_set: Path,
    model_trainer: Any,
    hyperscanner: HyperScanner,
    max_evals: int = 1,
    **options: Any,
) -> dict[str, Any]:
    """Run a scan, and keep each trial in ``tries.json`` and ``tries.pkl``.

    Parameters
    ----------
    replica_path_set
        Folder of the two files; it is made where it is missing.
    model_trainer
        What fits: an object with the method ``hyperparametrizable(params) -> result``, and if it
        likes ``set_hyperopt(on, keys=...)``.
    hyperscanner
        The search space.
    max_evals
        Number of trials in the scan, those of a scan that is restarted counted.
    **options
        What `n3hyper.hyper_optimization.serial_loop.run_scan` takes beyond: ``seed``, ``algo``,
        ``restart``, ``fingerprint``, ``on_trial``, ``on_start``, ``max_failures``, ...

    Returns
    -------
    dict
        Parameters of the best trial, as a runcard has them.

    Raises
    ------
    StoreError
        The folder holds trials already and `restart` is not set, or another scan is writing
        there.
    FitError
        No trial succeeded.
    """
    from n3hyper.hyper_optimization.serial_loop import run_scan

    outcome = run_scan(Path(replica_path_set), model_trainer, hyperscanner, max_evals, **options)
    return outcome.best_parameters
